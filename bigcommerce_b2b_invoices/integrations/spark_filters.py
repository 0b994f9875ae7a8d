"""The filters of a Spark query that the API can answer, or that leave out a whole store.

The API compares times in whole seconds, and passes rows without a status. So each filter that is taken is checked again on the
rows, exactly as Spark would. Filters are known by the names of their classes, which PySpark 4.0 does not have: no pyspark here.
"""

from datetime import datetime, timedelta
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.compute as pc

from bigcommerce_b2b_invoices import InvoiceQuery

EVERYTHING = InvoiceQuery(include_extra_fields=True)
SLACK = timedelta(seconds=1)  # the API does not document whether a range includes its ends
_COMPARE = {  # the filter, and the function of pyarrow that does the same
    "EqualTo": "equal",
    "EqualNullSafe": "equal",  # at the top of a query: a row that compares as null is left out as well
    "GreaterThan": "greater",
    "GreaterThanOrEqual": "greater_equal",
    "LessThan": "less",
    "LessThanOrEqual": "less_equal",
}


@attrs.frozen
class Check:
    """A comparison that each row must pass. It can be pickled, so that Spark can send it to an executor."""

    column: str
    compare: str
    value: Any

    def keep(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of the batch that pass. A row without a value does not."""
        column = batch.column(self.column)
        return batch.filter(pc.call_function(self.compare, [column, pa.scalar(self.value, column.type)]))


@attrs.frozen
class Pushed:
    """The filters that were taken.

    Attributes:
        query: What the API is asked. It may answer with more rows.
        checks: What each row must pass.
        stores: The names of the stores that are read; None: all of them.
    """

    query: InvoiceQuery = EVERYTHING
    checks: tuple[Check, ...] = ()
    stores: frozenset[str] | None = None

    def take(self, each: Any) -> "Pushed | None":  # noqa: ANN401 - one of the classes of `Filter`
        """These filters and this one; None if it must be left to Spark, such as a second one on the same field."""
        kind = type(each).__name__
        if kind not in (*_COMPARE, "In") or len(each.attribute) != 1:
            return None
        [column] = each.attribute
        if column == "store" and _COMPARE.get(kind, "equal") == "equal":
            names = frozenset(each.value if kind == "In" else (each.value,))
            return attrs.evolve(self, stores=names if self.stores is None else names & self.stores)
        if kind == "In" or each.value is None:
            return None
        query = self._ask(column, _COMPARE[kind], each.value)
        check = Check(column, _COMPARE[kind], each.value)
        return None if query is None else attrs.evolve(self, query=query, checks=(*self.checks, check))

    def keep(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of the batch that pass every filter."""
        for check in self.checks:
            batch = check.keep(batch)
        return batch

    def _ask(self, column: str, compare: str, value: Any) -> InvoiceQuery | None:  # noqa: ANN401 - Spark gives any type
        wanted: dict[str, Any] = {}
        if column in ("status", "customer_id") and compare == "equal":
            wanted[column] = value
        elif column == "created_at" and isinstance(value, datetime) and value.tzinfo is not None:
            try:
                if not compare.startswith("less"):
                    wanted["begin_date_at"] = value - SLACK
                if not compare.startswith("greater"):
                    wanted["end_date_at"] = value + SLACK
            except OverflowError:
                return None
        if not wanted or any(getattr(self.query, name) is not None for name in wanted):
            return None
        try:
            return attrs.evolve(self.query, **wanted)
        except (TypeError, ValueError):
            return None  # the API has no such status, or no invoice can match
