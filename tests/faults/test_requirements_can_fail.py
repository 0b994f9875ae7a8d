"""A promise that cannot be broken proves nothing: each sabotage of the library must be seen by the requirement that guards it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from faults import cell
from faults.answers import FAULTS, Fault
from faults.cell import run_cell
from faults.operations import OPERATIONS
from faults.stage import IMPATIENT, RETRY, in_small
from scripted_server import Reply, Stall, raw

from bigcommerce_b2b_invoices import RetryPolicy, errors
from bigcommerce_b2b_invoices.transport import foreign, transport
from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter
from bigcommerce_b2b_invoices.transport.retry import Fate

BY_NAME = {fault.name: fault for fault in FAULTS}
RUN = {operation.name: operation for operation in OPERATIONS}
Sabotage = Callable[[pytest.MonkeyPatch], None]


async def _let_through(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    return await send(request)


async def _without_limit(answer: aiohttp.ClientResponse) -> bytes:
    return await answer.read()


def _all_refused(error: errors.B2BError) -> Fate:
    return Fate.REJECTED


def _follow_redirects(patch: pytest.MonkeyPatch) -> None:
    request = aiohttp.ClientSession.request

    def following(self: aiohttp.ClientSession, *args: Any, **settings: Any) -> Any:
        return request(self, *args, **{**settings, "allow_redirects": True})

    patch.setattr(aiohttp.ClientSession, "request", following)


def _keep_a_task(patch: pytest.MonkeyPatch) -> None:
    kept = []
    patch.setattr(transport, "_tidy", lambda *_: kept.append(asyncio.ensure_future(asyncio.sleep(10))))


SABOTAGE: list[tuple[str, Sabotage, str, str, str]] = [
    ("foreign exceptions pass", lambda patch: patch.setattr(transport, "judge", lambda error, *_, **__: error), "C1 closed before the answer", "get", "U2 a bare"),
    ("no error is retried", lambda patch: patch.setattr(RetryPolicy, "delay", lambda *_, **__: None), "E7 504, empty", "get", "U2 ServerError in place of value"),
    ("secrets are shown", lambda patch: patch.setattr(Secret, "__repr__", str.__repr__), "E7 504, empty", "get", "U3 the token was shown"),
    ("redirects are followed", _follow_redirects, "I1 302 to another host", "get", "U3 another host was asked"),
    ("leases are kept", lambda patch: patch.setattr(RateLimiter, "release", lambda _: None), "J12 a cookie", "get", "U4 1 leases are held"),
    ("a task is left", _keep_a_task, "E9 404", "get", "U4 tasks are left"),
    ("aiohttp sends again", lambda patch: patch.setattr(foreign, "send_once", _let_through), "C1 closed before the answer", "get", "U5 the server saw"),
    ("a lost write is said to be refused", lambda patch: patch.setattr(transport, "fate", _all_refused), "C1 closed before the answer", "update", "U6 told that it did not happen"),
    ("bodies have no limit", lambda patch: patch.setattr(transport, "_read_body", _without_limit), "F16 gzip bomb", "get", "U7"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sabotage", "fault", "operation", "promise"), [row[1:] for row in SABOTAGE], ids=[row[0] for row in SABOTAGE]
)
async def test_a_broken_promise_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, fault: str, operation: str, promise: str
) -> None:
    sabotage(monkeypatch)
    with in_small():
        verdicts = await run_cell(BY_NAME[fault], RUN[operation])
    broken = [text for verdict in verdicts for text in verdict.broken]
    assert any(text.startswith(promise) for text in broken), broken


@pytest.mark.parametrize(("standstills", "broken"), [(3, False), (100, True)])
async def test_a_variant_that_broke_during_a_standstill_runs_again(*, standstills: int, broken: bool) -> None:
    calls = 0

    def late(body: bytes) -> Reply:
        nonlocal calls
        calls += 1
        if calls <= standstills:
            time.sleep(2 * IMPATIENT.total)  # as if the machine did something else
        return raw(body)

    verdicts = await run_cell(Fault("X", "none", late, reads=None, waits=True), RUN["get"])

    assert any(verdict.broken for verdict in verdicts) is broken


async def test_a_broken_promise_without_a_standstill_is_broken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "STANDSTILL", 60.0)
    replies: list[Reply] = []

    def silent(_body: bytes) -> Reply:
        replies.append(Stall())
        return replies[-1]

    verdicts = await run_cell(Fault("X", "silence, said to be a bad answer", silent, waits=True), RUN["get"])

    assert verdicts[-1].broken
    assert len(replies) == 1 + RETRY.attempts  # once, always
