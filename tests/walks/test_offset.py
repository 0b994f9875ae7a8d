"""The walk by offset, as a state machine."""

import pytest

from bigcommerce_b2b_invoices import IncompleteWalkError, OffsetIgnoredError
from bigcommerce_b2b_invoices.walks.offset import OffsetWalk


def walk(rows: list[int], *, limit: int = 3, cap: int = 250, total: int | str | None = "true") -> tuple[list[int], OffsetWalk]:
    """Walk over rows that nobody changes; the server caps the limit and says this total."""
    state, delivered = OffsetWalk(limit), list[int]()
    while not state.done:
        applied = min(limit, cap)
        page = rows[state.offset : state.offset + applied]
        said = len(rows) if total == "true" else total
        assert said is None or isinstance(said, int)
        delivered += [page[index] for index in state.receive(page, limit=applied, total_count=said)]
    return delivered, state


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("total", ["true", None, 0])
def test_every_row_comes_once_whatever_the_server_says_of_the_total(count: int, total: int | str | None) -> None:
    rows = list(range(100, 100 + count))
    assert walk(rows, total=total)[0] == rows


def test_a_server_that_caps_the_limit_loses_nothing() -> None:
    rows = list(range(1000))
    delivered, state = walk(rows, limit=250, cap=100)
    assert delivered == rows
    assert state.report().requests == 11  # ten full pages and the confirmation


def test_an_exactly_full_last_page_is_confirmed_and_a_short_one_is_not() -> None:
    assert walk([1, 2, 3])[1].requests == 2
    assert walk([1, 2, 3, 4])[1].requests == 2


def test_a_short_page_alone_does_not_end_a_walk_when_the_total_says_more() -> None:
    state = OffsetWalk(3)
    assert state.receive([1, 2], limit=3, total_count=3) == [0, 1]
    assert not state.done
    assert state.receive([3], limit=3, total_count=3) == [0]
    assert state.done


def test_a_row_that_comes_twice_is_delivered_once() -> None:
    state = OffsetWalk(2)
    assert state.receive([1, 2], limit=2, total_count=None) == [0, 1]
    assert state.receive([2, 3], limit=2, total_count=None) == [1]
    assert state.receive([3, 3], limit=2, total_count=None) == []
    report = state.report()
    assert (report.delivered, report.duplicates, report.guarantee) == (3, 3, "best_effort")


def test_a_server_that_ignores_the_offset_is_found_out() -> None:
    state = OffsetWalk(2)
    with pytest.raises(OffsetIgnoredError):
        for _ in range(9):
            state.receive([1, 2], limit=2, total_count=100)
    assert state.requests == 4


def test_a_server_that_promises_more_than_it_sends_is_found_out() -> None:
    state = OffsetWalk(2)
    with pytest.raises(IncompleteWalkError, match="says 100 rows match, but sends none after 2"):
        for page in ([1, 2], [], [], [], []):
            state.receive(page, limit=2, total_count=100)
    assert state.requests == 4


def test_a_server_that_sends_old_rows_for_ever_is_found_out() -> None:
    state = OffsetWalk(2)
    with pytest.raises(IncompleteWalkError):
        for page in ([1, 2], [2, 1], [1, 2], [2, 1], [1, 2]):
            state.receive(page, limit=2, total_count=None)
