"""The control routes: the sandbox's methods for other processes."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from bigcommerce_b2b_invoices.sandbox import Sandbox

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def control(sandbox: Sandbox, session: aiohttp.ClientSession) -> Any:
    """Send one control request, without credentials. Back come the status and the JSON body."""

    async def send(method: str, name: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        url = sandbox.base_url.replace("/api/v3/io/ip", f"/_sandbox/{name}")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        settings: Any = {"headers": JSON, **options}
        async with session.request(method, url, data=data, **settings) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()

    return send


async def test_another_process_adds_an_invoice(sandbox: Sandbox, control: Any) -> None:
    status, answer = await control(
        "POST", "add", b'{"invoice_number": "A-1", "openBalance": {"code": "USD", "value": 0.10}, "self": 1}'
    )
    body = sandbox.invoice(answer["id"])

    assert status == 200
    assert body is not None
    assert (body["invoiceNumber"], str(body["openBalance"]), body["self"]) == (
        "A-1",
        "{'code': 'USD', 'value': Decimal('0.10')}",
        1,
    )


async def test_another_process_orders_faults_and_drift_and_ends_them(sandbox: Sandbox, control: Any, api: Any) -> None:
    fault = {
        "times": 2,
        "status": 503,
        "delay": 0.5e-3,
        "body": {"a": 1},
        "headers": {"X-Odd": "1"},
        "method": "GET",
        "path": "/invoices",
    }
    assert await control("POST", "fail", fault) == (200, {})
    assert await control("POST", "fail", {"drop": "before"}) == (200, {})
    first = await api("GET", "/invoices")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api("POST", "/invoices")
    assert await control("POST", "drift", {"deletes": 7}) == (200, {})
    second = await api("GET", "/invoices")
    third = await api("GET", "/invoices"), len(sandbox.invoice_ids)
    fourth = await api("GET", "/invoices"), len(sandbox.invoice_ids)
    assert await control("POST", "clear") == (200, {})

    assert first == second == (503, {"a": 1})
    assert (third[0][0], third[1], fourth[0][0], fourth[1]) == (200, 240, 200, 233)
    assert (sandbox.requests, (await api("GET", "/invoices"))[0], len(sandbox.invoice_ids)) == ([], 200, 233)


async def test_another_process_reads_the_requests(control: Any, api: Any) -> None:
    await api("GET", "/invoices?externalId=a&externalId=b&limit=1")
    await api("POST", "/invoices", data=b'{"openBalance": {"value": 0.10}}')
    status, (listed, created) = await control("GET", "requests")

    assert status == 200
    assert listed["query"] == {"externalId": ["a", "b"], "limit": "1"}
    assert (listed["method"], listed["path"], listed["status"], listed["body"]) == ("GET", "/invoices", 200, None)
    assert (listed["headers"]["X-Auth-Token"], created["body"]) == ("***", {"openBalance": {"value": 0.1}})
    assert (created["status"], listed["at"] <= created["at"]) == (422, True)
    assert listed.keys() == {"method", "path", "query", "headers", "body", "status", "at"}


REFUSED = [
    ("POST", "fail", {"drop": "sideways", "status": 500}, 400, "drop must be one of"),
    ("POST", "fail", {"delay": -1}, 400, "delay must be a number of seconds"),
    ("POST", "fail", {"colour": "red"}, 400, "colour"),
    ("POST", "fail", {"self": 1}, 400, "self"),
    ("POST", "fail", None, 400, "what goes wrong"),
    ("POST", "drift", {"inserts": -1}, 400, "inserts must be"),
    ("POST", "add", {"invoiceNumber": "1", "invoice_number": "2"}, 400, "given twice"),
    ("POST", "clear", {"all": True}, 400, "all"),
    ("POST", "add", b"{", 400, "not JSON"),
    ("POST", "add", b'{"a": NaN}', 400, "not JSON"),
    ("POST", "add", b'{"a": 1e9999999999999999999}', 400, "not JSON"),
    ("POST", "add", b"[" * 100_000, 400, "not JSON"),
    ("POST", "add", [1], 400, "must be a JSON object"),
    ("GET", "fail", None, 405, "takes POST"),
    ("POST", "requests", {}, 405, "takes GET"),
    ("OPTIONS", "fail", None, 405, "takes POST"),
    ("POST", "explode", {}, 404, "there is no /_sandbox/explode"),
    ("GET", "", None, 404, "there is no"),
]


@pytest.mark.parametrize(("method", "name", "body", "status", "problem"), REFUSED)
async def test_a_wrong_control_request_is_refused_with_a_json_text(
    control: Any, method: str, name: str, body: Any, status: int, problem: str
) -> None:
    seen, answer = await control(method, name, body)

    assert seen == status
    assert answer.keys() == {"error"}
    assert problem in answer["error"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain; application/json", None]
)
async def test_a_page_in_a_browser_cannot_control_the_sandbox(sandbox: Sandbox, control: Any, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    status, answer = await control("POST", "fail", {"status": 500}, headers=headers, skip_auto_headers=["Content-Type"])

    assert status == 415
    assert "application/json" in answer["error"]
    assert not sandbox._gate.faults._waiting


async def test_control_requests_meet_no_fault_no_latency_and_no_quota(session: aiohttp.ClientSession) -> None:
    async with Sandbox(invoices=1, latency=5, quota=1) as sandbox:
        sandbox.fail(9, drop="before")
        async with asyncio.timeout(1):
            for _ in range(3):
                async with session.post(sandbox.base_url.replace("/api/v3/io/ip", "/_sandbox/add"), json={}) as response:
                    assert response.status == 200

        assert (sandbox.requests, sandbox.request_count, len(sandbox.invoice_ids)) == ([], 0, 4)
