"""Cancelled after any number of steps of the event loop, an operation leaves nothing behind and nothing untrue."""

import asyncio

import attrs
import pytest
from faults import requirements
from faults.answers import fixed
from faults.operations import OPERATIONS, Operation
from faults.stage import Stage, staged
from faults.store import Plan
from scripted_server import raw

CANCELLED = requirements.Ended(None, None, 0.0, 0)
UNAVAILABLE_ONCE = Plan(fixed(raw(b"", 503)), times=1, acts="no")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("plan", [None, UNAVAILABLE_ONCE], ids=["well", "503 once"])
async def test_cancelling_at_any_step_leaves_nothing_behind(operation: Operation, plan: Plan | None) -> None:
    steps, ended = 0, False
    while not ended:
        async with staged() as stage:
            stage.store.plan = plan and attrs.evolve(plan)
            ended = await _ended_by_itself(stage, operation, steps)
        steps += 1
    assert steps > 5


async def _ended_by_itself(stage: Stage, operation: Operation, steps: int) -> bool:
    before = asyncio.all_tasks()
    with stage.witness.listening():
        task = asyncio.ensure_future(operation.run(stage.client, stage.folder))
        for _ in range(steps):
            await asyncio.sleep(0)
        if ended := task.done():
            task.exception()
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await task
            stage.witness.hear(raised.value)
    assert operation.effects is None or operation.effects(stage.store) <= 1
    broken = await requirements.left_behind(stage, before) + await requirements.next_call_works(stage)
    assert broken + requirements.secret(CANCELLED, stage) == [], f"cancelled after {steps} steps"
    return ended
