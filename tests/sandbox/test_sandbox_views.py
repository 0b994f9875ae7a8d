"""Views that are kept up to date while invoices are written equal views made anew."""

from random import Random

import pytest

from bigcommerce_b2b_invoices.sandbox.details import make_text
from bigcommerce_b2b_invoices.sandbox.generate import make_rows
from bigcommerce_b2b_invoices.sandbox.rows import row_of
from bigcommerce_b2b_invoices.sandbox.store import VIEWS, Query, Store
from bigcommerce_b2b_invoices.sandbox.views import SORTS, Filter, View

FILTERS = (Filter(), Filter(status=1), Filter(q="1", search_by="invoiceNumber"), Filter(customer_name="m", end=1_720_000_000))


def make_store(number: int) -> Store:
    return Store(make_rows(0, number), lambda row: make_text(0, "abc", row))


def write_something(store: Store, random: Random) -> None:
    row = random.choice(list(store.rows.values()))
    if random.random() < 0.2:
        store.delete(row.id)
        return
    body = store.body(row)
    changes: list[dict[str, object]] = [
        {"status": random.randrange(3)},
        {"createdAt": random.randrange(1_700_000_000, 1_770_000_000)},
        {"dueDate": random.choice([None, 5])},
        {"openBalance": {"code": "USD", "value": f"{random.randrange(50)}.0000"}},
        {"externalCustomerId": random.choice([None, "", "C-1"])},
        {"customerName": random.choice(["Mm", "x"])},
        {"id": store.next_id, "invoiceNumber": f"New {store.next_id}"},
    ]
    store.put_body({**body, **random.choice(changes)})


@pytest.mark.parametrize("wanted", FILTERS)
@pytest.mark.parametrize("sort_by", SORTS)
def test_a_view_that_saw_every_write_equals_a_new_one(sort_by: str, wanted: Filter) -> None:
    random = Random(f"{sort_by}{wanted}")
    store = make_store(60)
    query = Query(filter=wanted, sort_by=sort_by, limit=1000)
    assert store.select(query)[1] > 0
    for _ in range(40):
        write_something(store, random)
        rows, total_count = store.select(query)
        expected = View(store.rows.values(), wanted, sort_by).rows[::-1]
        assert [row.id for row in rows] == [row.id for row in expected]
        assert total_count == len(expected)
    assert store.numbers == {row.invoice_number: row.id for row in store.rows.values()}
    assert list(store.rows) == sorted(store.rows)


def test_a_written_invoice_is_sent_as_it_is_now() -> None:
    store = make_store(3)
    row = next(iter(store.rows.values()))
    before = store.text(row, with_extra_fields=True)
    store.put_body({**store.body(row), "status": 2, "type": "Changed"})
    after = store.text(store.rows[row.id], with_extra_fields=True)
    assert b'"type":"Changed"' in after
    assert before != after
    assert row_of(store.body(store.rows[row.id])).type == "Changed"


def test_the_number_of_views_is_bounded_and_the_one_unused_for_longest_goes() -> None:
    store = make_store(5)
    store.select(Query())
    view = store._views[Filter(), "createdAt"]
    for begin in range(2 * VIEWS):
        store.select(Query(filter=Filter(begin=begin), sort_by="status"))
        store.select(Query())
    assert len(store._views) == VIEWS
    assert store._views[Filter(), "createdAt"] is view, "it was used all the time"


def test_a_walk_by_time_makes_one_view() -> None:
    store = make_store(5)
    for begin in range(10):
        store.select(Query(filter=Filter(begin=begin), sort_by="createdAt"))
    assert len(store._views) == 1
