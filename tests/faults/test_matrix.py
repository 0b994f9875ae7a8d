"""Every fault meets every operation, and the requirements U1 to U7 hold. `python tests/fault_matrix.py` prints the table."""

from collections.abc import Iterator

import pytest
from faults.answers import FAULTS, Fault
from faults.cell import run_cell
from faults.network import PLACES, Unreachable
from faults.operations import OPERATIONS, Operation
from faults.stage import in_small

ALL: tuple[Fault | Unreachable, ...] = (*PLACES, *FAULTS)


@pytest.fixture(autouse=True)
def _in_small() -> Iterator[None]:
    with in_small():
        yield


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in ALL}) == len(ALL)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
async def test_a_fault_breaks_no_promise(fault: Fault | Unreachable, operation: Operation) -> None:
    verdicts = await run_cell(fault, operation)
    assert [(verdict.variant, verdict.outcome, verdict.broken) for verdict in verdicts if verdict.broken] == []
