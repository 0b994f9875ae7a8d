"""Credentials, quota, latency, the answers of the gateway, and the life of the server."""

import asyncio
import re
import time
from typing import Any

import aiohttp
import pytest

from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.sandbox.gate import Quota


def credentials(sandbox: Sandbox) -> dict[str, str]:
    return {"X-Auth-Token": sandbox.auth_token, "X-Store-Hash": sandbox.store_hash}


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("X-Auth-Token", None, 401), ("X-Auth-Token", "wrong", 401), ("X-Store-Hash", None, 500), ("X-Store-Hash", "x", 500)],
)
async def test_wrong_credentials_are_refused(
    sandbox: Sandbox, session: aiohttp.ClientSession, header: str, value: str | None, status: int
) -> None:
    headers = {**credentials(sandbox), header: value}
    sent = {name: text for name, text in headers.items() if text is not None}
    async with session.get(f"{sandbox.base_url}/invoices", headers=sent) as response:
        assert (response.status, (await response.json())["code"]) == (status, status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/invoices/1/send-mail", 404),
        ("GET", "/../../../", 404),
        ("PATCH", "/invoices", 405),
        ("POST", "/invoices/7", 405),
    ],
)
async def test_an_unknown_route_is_answered_by_the_gateway(
    sandbox: Sandbox, session: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with session.request(method, sandbox.base_url + path, headers=credentials(sandbox)) as response:
        body = await response.json()
        assert (response.status, body["status"], body["errors"]) == (status, status, {})
        assert body.keys() == {"status", "title", "detail", "errors"}


async def test_every_answer_names_its_request(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    seen = set()
    for headers in (credentials(sandbox), {}):
        async with session.get(f"{sandbox.base_url}/invoices", headers=headers) as response:
            seen |= {response.headers["X-Request-Id"], response.headers["Trace-Id"]}
            assert "X-Requests-Remaining" not in response.headers, "there is no quota"
    assert len(seen) == 4
    assert sandbox.request_count == 2


async def test_a_quota_is_counted_down_and_then_enforced(session: aiohttp.ClientSession) -> None:
    async with Sandbox(invoices=1, quota=2, quota_window=0.15) as sandbox:

        async def get() -> tuple[int, str, Any]:
            async with session.get(f"{sandbox.base_url}/invoices", headers=credentials(sandbox)) as response:
                assert response.headers["X-Requests-Allocated"] == "2 times/0.15 s"
                assert re.fullmatch(r"0\.\d{3} s", response.headers["X-Request-Window-Resets-After"])
                assert "Retry-After" not in response.headers
                return response.status, response.headers["X-Requests-Remaining"], await response.json()

        answers = [await get() for _ in range(3)]
        assert [answer[:2] for answer in answers] == [(200, "1 times"), (200, "0 times"), (429, "0 times")]
        assert answers[2][2]["code"] == 429
        await asyncio.sleep(0.16)
        assert (await get())[:2] == (200, "1 times")
        assert sandbox.request_count == 4


def test_the_window_of_a_quota_begins_with_its_first_request() -> None:
    now = 100.0
    quota = Quota(2, 60.0, clock=lambda: now)
    assert quota.headers()["X-Requests-Remaining"] == "2 times"
    now = 130.0
    assert [quota.take(), quota.take(), quota.take()] == [True, True, False]
    assert quota.headers() == {
        "X-Requests-Allocated": "2 times/60 s",
        "X-Requests-Remaining": "0 times",
        "X-Request-Window-Resets-After": "60.000 s",
    }
    now = 189.999
    assert not quota.take()
    now = 190.0
    assert quota.headers()["X-Requests-Remaining"] == "2 times"
    assert quota.take()


async def test_every_answer_waits_but_not_one_for_the_other(session: aiohttp.ClientSession) -> None:
    async with Sandbox(invoices=1, latency=0.5) as sandbox:

        async def get() -> None:
            async with session.get(f"{sandbox.base_url}/invoices"):
                pass

        begin = time.perf_counter()
        await asyncio.gather(*(get() for _ in range(8)))
        assert 0.5 <= time.perf_counter() - begin < 3.5  # one after the other would take 4


async def test_a_client_that_gave_up_may_have_written_all_the_same(session: aiohttp.ClientSession) -> None:
    async with Sandbox(invoices=1, latency=0.2) as sandbox:
        url = f"{sandbox.base_url}/invoices/{sandbox.invoice_ids[0]}"
        with pytest.raises(TimeoutError):
            await session.delete(url, headers=credentials(sandbox), timeout=aiohttp.ClientTimeout(total=0.1))
        assert sandbox.invoice_ids == ()


async def test_the_sandbox_can_be_stopped_and_started_again(session: aiohttp.ClientSession) -> None:
    sandbox = Sandbox(invoices=3)
    for _ in range(2):
        async with sandbox:
            async with session.get(f"{sandbox.base_url}/invoices", headers=credentials(sandbox)) as response:
                assert len((await response.json())["data"]) == 3
            with pytest.raises(RuntimeError, match="already running"):
                await sandbox.__aenter__()
        with pytest.raises(RuntimeError, match="not running"):
            _ = sandbox.base_url


async def test_stopping_leaves_no_task_and_no_open_port(session: aiohttp.ClientSession) -> None:
    tasks = asyncio.all_tasks()
    async with Sandbox(invoices=1, latency=5) as sandbox:
        url = f"{sandbox.base_url}/invoices"
        waiting = asyncio.create_task(session.get(url).__aenter__())
        await asyncio.sleep(0.05)
    with pytest.raises(aiohttp.ClientError):
        await waiting
    assert asyncio.all_tasks() == tasks
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(url)


async def test_a_taken_port_is_an_oserror_and_leaves_nothing_behind(sandbox: Sandbox) -> None:
    port = int(sandbox.base_url.split(":")[2].split("/")[0])
    with pytest.raises(OSError, match=str(port)):
        await Sandbox(invoices=0, port=port).__aenter__()


async def test_a_store_may_be_empty(session: aiohttp.ClientSession) -> None:
    async with (
        Sandbox(invoices=0, host="localhost") as sandbox,
        session.get(f"{sandbox.base_url}/invoices", headers=credentials(sandbox)) as response,
    ):
        assert (await response.json())["data"] == []


def test_a_seed_gives_the_same_store_each_time() -> None:
    first, again, other = Sandbox(invoices=5, seed=1), Sandbox(invoices=5, seed=1), Sandbox(invoices=5, seed=2)
    assert (first.store_hash, first.auth_token) == (again.store_hash, again.auth_token)
    assert first.store_hash != other.store_hash
    assert re.fullmatch(r"[a-z0-9]+", first.store_hash)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("invoices", -1),
        ("invoices", 1.5),
        ("seed", "x"),
        ("latency", -0.1),
        ("latency", float("nan")),
        ("quota", 0),
        ("quota_window", 0),
        ("max_limit", 0),
        ("max_limit", True),
        ("port", 65_536),
        ("host", "0.0.0.0"),  # noqa: S104 - it must be refused
        ("host", "example.com"),
    ],
)
def test_a_setting_out_of_range_is_named(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{setting} must be"):
        Sandbox(**{"invoices": 1, setting: value})
