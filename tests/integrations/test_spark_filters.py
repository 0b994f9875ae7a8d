"""Which filters of Spark the API is asked for, and that the rows are checked again. Without Spark."""

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from bigcommerce_b2b_invoices import InvoiceQuery
from bigcommerce_b2b_invoices.integrations.spark_filters import EVERYTHING, Pushed

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Filter(NamedTuple):
    attribute: tuple[str, ...]
    value: Any = None


def spark_filter(kind: str, column: str, value: Any = None) -> Any:
    """Stands in for pyspark's class of that name."""
    return type(kind, (Filter,), {})(tuple(column.split(".")), value)


def push(*filters: Any) -> tuple[Pushed, list[Any]]:
    """The filters that were taken, and those that are left to Spark."""
    pushed, left = Pushed(), []
    for each in filters:
        taken = pushed.take(each)
        pushed = taken or pushed
        left += [each] if taken is None else []
    return pushed, left


@pytest.mark.parametrize(
    ("kind", "column", "value", "wanted"),
    [
        ("EqualTo", "status", 1, {"status": 1}),
        ("EqualNullSafe", "status", 1, {"status": 1}),
        ("EqualTo", "customer_id", "17", {"customer_id": "17"}),
        ("GreaterThan", "created_at", NOON, {"begin_date_at": NOON - SECOND}),
        ("GreaterThanOrEqual", "created_at", NOON, {"begin_date_at": NOON - SECOND}),
        ("LessThan", "created_at", NOON, {"end_date_at": NOON + SECOND}),
        ("LessThanOrEqual", "created_at", NOON, {"end_date_at": NOON + SECOND}),
        ("EqualTo", "created_at", NOON, {"begin_date_at": NOON - SECOND, "end_date_at": NOON + SECOND}),
    ],
)
def test_the_api_is_asked_for_what_it_can_filter(kind: str, column: str, value: Any, wanted: dict[str, Any]) -> None:
    pushed, left = push(spark_filter(kind, column, value))

    assert (pushed.query, left) == (InvoiceQuery(include_extra_fields=True, **wanted), [])
    assert pickle.loads(pickle.dumps(pushed)) == pushed  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("EqualTo", "status", 7),
        ("EqualTo", "status", None),
        ("GreaterThan", "status", 0),
        ("In", "status", (0, 1)),
        ("EqualTo", "customer_id", ""),
        ("EqualTo", "customer_name", "Acme"),
        ("EqualTo", "channel_id", 1),
        ("EqualTo", "updated_at", NOON),
        ("EqualTo", "created_at", NOON.replace(tzinfo=None)),
        ("GreaterThan", "created_at", datetime.min.replace(tzinfo=UTC)),
        ("LessThan", "created_at", datetime.max.replace(tzinfo=UTC)),
        ("EqualTo", "extra_fields.field_name", "x"),
        ("GreaterThan", "store", "a"),
        ("IsNotNull", "status", None),
        ("Not", "status", 0),
    ],
)
def test_what_the_api_cannot_filter_is_left_to_spark(kind: str, column: str, value: Any) -> None:
    offered = spark_filter(kind, column, value)

    assert push(offered) == (Pushed(), [offered])


def test_a_second_filter_on_the_same_field_is_left_to_spark() -> None:
    first, second = spark_filter("EqualTo", "status", 0), spark_filter("EqualTo", "status", 1)
    late, early = spark_filter("GreaterThan", "created_at", NOON), spark_filter("LessThan", "created_at", NOON - 9 * SECOND)

    assert push(first, second)[1] == [second]
    assert push(late, late)[1] == [late]
    assert push(late, early)[1] == [early]  # no invoice can match, which a query may not say


def test_a_filter_on_stores_leaves_some_out() -> None:
    pushed, left = push(spark_filter("In", "store", ("a", "b")), spark_filter("EqualTo", "store", "b"))

    assert (pushed.stores, pushed.query, left) == (frozenset({"b"}), EVERYTHING, [])


def test_rows_are_checked_again_as_spark_would() -> None:
    times = [NOON - timedelta(microseconds=1), NOON, NOON + SECOND, None]
    batch = pa.record_batch(
        {"id": pa.array([1, 2, 3, 4]), "status": pa.array([0, 0, None, 0], pa.int32()), "created_at": pa.array(times)}
    )

    def kept(*filters: Any) -> list[int]:
        rows: list[int] = push(*filters)[0].keep(batch).column("id").to_pylist()
        return rows

    assert kept() == [1, 2, 3, 4]
    assert kept(spark_filter("EqualTo", "status", 0)) == [1, 2, 4]
    assert kept(spark_filter("GreaterThanOrEqual", "created_at", NOON)) == [2, 3]
    assert kept(spark_filter("GreaterThan", "created_at", NOON), spark_filter("EqualTo", "status", 0)) == []
    assert kept(spark_filter("LessThan", "created_at", NOON)) == [1]
    assert kept(spark_filter("LessThanOrEqual", "created_at", NOON)) == [1, 2]
    assert kept(spark_filter("EqualNullSafe", "created_at", NOON)) == [2]
