"""A list to which others add rows while a walk reads it: the walk catches up, or says soon that it cannot."""

from itertools import product
from random import Random

import attrs
import pytest
from adversary import BY_CHANGE, NEWEST_FIRST, START, Honest
from conftest import connect
from model_store import BY_CREATION, BY_NUMBER

from bigcommerce_b2b_invoices import IncompleteWalkError, RateLimiter, WalkReport
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.walks.walk import Walk

DRIFTS = [
    {},
    {"inserts": 1},
    {"inserts": 2},
    {"deletes": 1},
    {"edits": 1},
    {"inserts": 1, "deletes": 1},
    {"inserts": 2, "deletes": 1},
]
CHANGES = [("insert",), ("insert", "insert"), ("insert", "insert", "delete"), ("edit", "insert")]
ORDERS = [BY_CREATION, NEWEST_FIRST, BY_CHANGE, BY_NUMBER]
SEVERAL_SECONDS, ONE_SECOND = 0.4, 0.0  # seconds between two requests
NO_LIMIT = 1_000_000


def most_requests(delivered: int, page_size: int) -> int:
    """Twice the fewest requests, and some for the end, the fall-back to another order and the closing."""
    return 2 * -(-delivered // page_size) + 10


@pytest.mark.parametrize("drift", DRIFTS, ids=str)
@pytest.mark.parametrize("page_size", [20, 40, 250])
async def test_a_walk_over_a_store_that_changes_slowly_ends_soon_and_loses_nothing(page_size: int, drift: dict[str, int]) -> None:
    for seed, prefetch in product((3, 7, 8), (0, 4)):
        async with (
            Sandbox(invoices=60, seed=seed) as sandbox,
            connect(sandbox, rate_limiter=RateLimiter(NO_LIMIT, 1.0)) as client,
        ):
            before = set(sandbox.invoice_ids)
            sandbox.drift(**drift)
            walk = client.invoices.iterate(page_size=page_size, prefetch=prefetch)
            ids = [invoice.id async for invoice in walk]

            deletions_are_hidden = len(drift) > 1  # by as many inserts, so that the counts prove nothing
            assert len(ids) == len(set(ids))
            assert before & set(sandbox.invoice_ids) <= set(ids)
            assert walk.report.guarantee == "complete" or deletions_are_hidden
            assert sandbox.request_count <= most_requests(len(ids), page_size)


async def test_a_crowded_second_after_many_invoices_does_not_end_the_walk() -> None:
    """The pass by number reads many pages whose rows the pass by time has delivered: it advances all the same."""
    async with Sandbox(invoices=450) as sandbox, connect(sandbox, rate_limiter=RateLimiter(NO_LIMIT, 1.0)) as client:
        for index in range(10):  # more than fit on a page
            sandbox.add(created_at=START * 2000, updated_at=START * 2000, invoice_number=f"ZZ-{index}")
        walk = client.invoices.iterate(page_size=10)
        ids = [invoice.id async for invoice in walk]

        assert sorted(ids) == sorted(sandbox.invoice_ids)
        assert walk.report.guarantee == "complete"
        assert "then sorted by invoiceNumber" in walk.report.anomalies[0]


# ---- other orders and paces, without HTTP ----------------------------------------------------------------------------


@attrs.define
class Growing(Honest):
    """A store to which the same happens between any two answers."""

    changes: tuple[str, ...] = ()

    def strangers(self) -> None:
        """What others do between two answers."""
        self.clock += self.pace
        for kind in self.changes if self.requests > 1 else ():
            self.change(kind)


class CountsTooLowAtFirst(Growing):
    """Counts only as many rows as the answers so far could show."""

    def total(self, true: int) -> int:
        """What it says of how many match."""
        return min(true, 4 * self.requests)


def filled(store: Growing, count: int) -> Growing:
    """The store with so many rows that were made long ago, a minute apart."""
    for index in range(count):
        store.add(START - 90_000 + 60 * index)
    return store


async def walked(store: Growing, *, page_size: int, prefetch: int) -> tuple[list[object], WalkReport]:
    """The delivered ids, and the report."""
    walk: Walk[dict[str, object]] = Walk(store, page_size=page_size, prefetch=prefetch)
    return [row["id"] async for row in walk], walk.report


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("changes", CHANGES, ids=str)
async def test_no_walk_follows_the_end_of_a_list_row_by_row(order: Order, changes: tuple[str, ...]) -> None:
    for pace, page_size, prefetch in product((ONE_SECOND, SEVERAL_SECONDS), (20, 40, 250), (0, 4)):
        store = filled(Growing(Random(1), order=order, pace=pace, changes=changes), 60)
        ids, report = await walked(store, page_size=page_size, prefetch=prefetch)

        assert store.persistent
        assert store.persistent <= set(ids)
        assert len(ids) == len(set(ids))
        assert report.requests <= most_requests(len(ids), page_size), (pace, page_size, prefetch)


@pytest.mark.parametrize("changes", [("insert",), ("edit", "insert")], ids=str)
async def test_rows_that_are_added_while_pages_are_requested_ahead_cost_no_guarantee(changes: tuple[str, ...]) -> None:
    """The answers arrive in another order than that of the list, and between two pairs of them the same row is added."""
    for order, pace, page_size, prefetch in product(ORDERS, (ONE_SECOND, SEVERAL_SECONDS), (20, 40), (0, 1, 4, 8)):
        store = filled(Growing(Random(1), order=order, pace=pace, changes=changes), 300)
        ids, report = await walked(store, page_size=page_size, prefetch=prefetch)

        assert store.persistent
        assert store.persistent <= set(ids)
        assert report.guarantee == "complete", (order, pace, page_size, prefetch, report.anomalies)


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_a_list_that_grows_as_fast_as_it_is_read_soon_ends_the_walk_with_an_error(order: Order) -> None:
    for pace, prefetch in product((ONE_SECOND, SEVERAL_SECONDS), (0, 4)):
        store = filled(Growing(Random(1), order=order, pace=pace, changes=("insert",) * 20), 60)
        with pytest.raises(IncompleteWalkError, match="no end after") as raised:
            await walked(store, page_size=20, prefetch=prefetch)

        assert raised.value.report
        assert raised.value.report.requests <= 60


async def test_a_walk_that_gave_up_can_go_on_when_the_list_grows_no_more() -> None:
    store = filled(Growing(Random(1), order=BY_CREATION, pace=SEVERAL_SECONDS, changes=("insert",) * 20), 60)
    walk: Walk[dict[str, object]] = Walk(store, page_size=20, prefetch=0)
    ids: list[object] = []
    with pytest.raises(IncompleteWalkError, match="rows are added as fast as the walk reads them"):
        async for row in walk:
            ids.append(row["id"])  # noqa: PERF401 - the rows before the error count, too
    store.changes = ()
    ids += [row["id"] async for row in walk]

    assert sorted(map(str, ids)) == sorted(map(str, store.rows))
    assert walk.report.guarantee == "complete"


async def test_a_total_count_that_is_too_low_at_first_ends_no_walk_over_old_rows() -> None:
    store = filled(CountsTooLowAtFirst(Random(1), order=BY_CREATION, pace=SEVERAL_SECONDS), 200)
    ids, _ = await walked(store, page_size=4, prefetch=0)

    assert sorted(map(str, ids)) == sorted(map(str, store.rows))
