"""One cell of the matrix: a fault meets an operation, in every variant."""

import asyncio
import time
import tracemalloc
from collections.abc import Iterator
from typing import Self

import attrs
from faults import requirements
from faults.answers import ELSEWHERE, VALUE, Fault
from faults.network import Unreachable
from faults.operations import FILE, Operation
from faults.requirements import Ended
from faults.stage import IMPATIENT, PATIENT, Stage, staged
from faults.store import COMMIT_DELAY, Plan
from scripted_server import Bytes, Reply
from yarl import URL

ONCE, ALWAYS = "once", "always"
TICK, STANDSTILL = 0.005, 0.03  # seconds; the shortest time-out is 0.15


@attrs.frozen
class Verdict:
    """What came of one variant of a cell.

    Attributes:
        outcome: VALUE, or the name of the error.
        broken: Requirements that did not hold, and how.
    """

    variant: str
    outcome: str
    broken: tuple[str, ...]


@attrs.frozen
class Variant:
    """One way in which the fault can strike."""

    name: str
    operation: Operation
    allowed: set[str]
    plan: Plan | None = None


def variants(fault: Fault | Unreachable, operation: Operation) -> Iterator[Variant]:
    """Once and always; of a write, when the server acted and when it did not; of a download, on the file, too."""
    if isinstance(fault, Unreachable):
        yield Variant(ALWAYS, operation, fault.allowed)
        return
    for acts in fault.acts(operation):
        did = f", the server acted: {acts}" if operation.effects else ""
        for kind, times, skip in ((ONCE, 1, operation.skip), (ALWAYS, 1_000_000, 0)):
            plan = Plan(fault.spoil, skip, times, acts, operation.path, operation.method)
            yield Variant(kind + did, operation, _allowed(fault, operation, kind), plan)
    if fault.file and operation.path == "/download-pdf":
        allowed = {"DownloadError", VALUE} if fault.reads is None else {"DownloadError"}
        yield Variant("always, on the file", FILE, allowed, Plan(fault.spoil, path=FILE.path))


def _allowed(fault: Fault, operation: Operation, kind: str) -> set[str]:
    """The error that the fault deserves; one that strikes once is overcome where trying again is right."""
    expected = fault.expected(operation)
    unknown = expected == "OutcomeUnknownError"
    if operation.name in fault.but:
        return {expected}
    if kind == ONCE and fault.again and (operation.repeatable or not unknown):
        return {VALUE}
    if kind == ONCE and operation.other_way and expected == "DecodeError":
        return {VALUE}
    if unknown and (kind == ONCE or operation.repeatable or operation.method):  # a method: what reads it back is not spoilt
        return {VALUE, expected}  # looked up, or repeated; U6 says whether it is true
    return {expected}


async def run_cell(fault: Fault | Unreachable, operation: Operation) -> list[Verdict]:
    """Every variant of the cell.

    If a requirement does not hold while the machine lets the event loop stand still, nobody knows why. Then the variant runs again.
    """
    return [await _run_fairly(fault, variant) for variant in variants(fault, operation)]


async def _run_fairly(fault: Fault | Unreachable, variant: Variant, tries: int = 3) -> Verdict:
    async with Pulse() as pulse:
        verdict = await _run_variant(fault, variant)
    if verdict.broken and pulse.longest > STANDSTILL and tries > 1:
        return await _run_fairly(fault, variant, tries - 1)
    return verdict


@attrs.define
class Pulse:
    """Measures for how long, at most, the event loop stood still."""

    longest: float = 0.0
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0)  # so that it has begun
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _beat(self) -> None:
        while True:
            started = time.monotonic()
            try:
                await asyncio.sleep(TICK)
            finally:
                self.longest = max(self.longest, time.monotonic() - started - TICK)


async def _run_variant(fault: Fault | Unreachable, variant: Variant) -> Verdict:
    place = fault if isinstance(fault, Unreachable) else None
    async with staged(IMPATIENT if fault.waits else PATIENT, place) as stage:
        if plan := variant.plan:
            stage.store.plan = attrs.evolve(plan, spoil=lambda body: _sent_elsewhere(plan.spoil(body), stage))
        tasks, leased = asyncio.all_tasks(), stage.leased()
        ended = await _run(variant.operation, stage, measured=isinstance(fault, Fault) and fault.heavy)
        broken = await requirements.left_behind(stage, tasks, leased)
        if stage.store.late:
            await asyncio.sleep(COMMIT_DELAY + 0.05)
        broken += requirements.in_time(ended, stage) + requirements.frugal(ended) + requirements.counted(stage)
        broken += requirements.deserved(ended, variant.allowed)
        broken += requirements.told_the_truth(ended, variant.operation, stage)
        if place:
            _clear_the_way(stage)
        broken += await requirements.next_call_works(stage)
        broken += requirements.secret(ended, stage)
        return Verdict(variant.name, ended.outcome, tuple(broken))


async def _run(operation: Operation, stage: Stage, *, measured: bool) -> Ended:
    result, error, peak = None, None, 0
    if measured:
        tracemalloc.start()
    started = time.monotonic()
    with stage.witness.listening():
        try:
            async with asyncio.timeout(20):
                result = await operation.run(stage.client, stage.folder)
        except BaseException as caught:  # noqa: BLE001 - whatever comes out is judged
            error = caught
    seconds = time.monotonic() - started
    if measured:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if error is not None:
        stage.witness.hear(error)
    return Ended(result, error, seconds, peak)


def _clear_the_way(stage: Stage) -> None:
    """From here on the store can be reached; a stranger who holds the only connection of a session keeps it."""
    stage.client._transport.base_url = URL(stage.store.base_url)
    if (session := stage.client._transport.session) and session.connector:
        session.connector._limit += 1


def _sent_elsewhere(reply: Reply, stage: Stage) -> Reply:
    """Redirects lead to a server that listens, and would notice."""
    if not isinstance(reply, Bytes):
        return reply
    return attrs.evolve(reply, text=reply.text.replace(ELSEWHERE, f"http://127.0.0.1:{stage.elsewhere.port}/".encode()))
