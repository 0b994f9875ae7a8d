"""How a list is sorted, and which values of a row show that."""

import json
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import attrs

from bigcommerce_b2b_invoices.models.checks import MAX_ID
from bigcommerce_b2b_invoices.wire.values import Unreadable, read_text, read_time, whole_seconds


@attrs.frozen
class Order:
    """How a list is sorted.

    Attributes:
        sort_by: The API's name of the field; None: the server's own order, whatever it is.
        descending: Whether the greatest values come first.
        by_time: Whether the field is a time. Rows are then compared by it, and rows with the same time may come in any order.
        unique: Whether no two rows share a value of the field. A walk need not know how the server compares the values.
    """

    sort_by: str | None = None
    descending: bool = False
    by_time: bool = False
    unique: bool = False

    @property
    def provable(self) -> bool:
        """Whether a pass in this order can prove that it lost nothing."""
        return self.by_time or self.unique

    def before(self, first: int, second: int) -> bool:
        """Whether a key comes strictly before another."""
        return second < first if self.descending else first < second


class Mark(NamedTuple):
    """The values of a row that the rules of a walk look at.

    Attributes:
        id: The id of the row. If the row has no valid id, a number below 0 that is a checksum of the row.
        key: The value that the row is sorted by: a time in epoch seconds, or a checksum of a text; None if the row has none.
        changed: When the row was last changed, in epoch seconds; None if the row or the list does not say.
    """

    id: int
    key: int | None
    changed: int | None = None


def text_key(text: str) -> int:
    """The key of a text, for anchors. Anchors are only compared for equality."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def row_version(row: object) -> int:
    """A checksum of the whole row."""
    try:
        return text_key(json.dumps(row, sort_keys=True, default=str))
    except RecursionError:
        return 0  # the row is nested too deeply, so it is not delivered either


def marks_of(rows: Iterable[object], order: Order, latest: Order | None = None) -> list[Mark]:
    """The mark of each row.

    Args:
        rows: The rows of an answer.
        order: Its order.
        latest: The order that begins with the latest changes, which names the field that says when a row was changed.
    """
    key, time_of_change = order.sort_by if order.provable else None, latest and latest.sort_by
    marks = []
    for row in rows:
        if not isinstance(row, dict):
            marks.append(Mark(-1 - row_version(row), None))
            continue
        row_id, value, changed = row.get("id"), key and row.get(key), time_of_change and row.get(time_of_change)
        if type(row_id) is not int or not 0 <= row_id <= MAX_ID:
            row_id = -1 - row_version(row)
        if type(value) is not int or not order.by_time:
            value = _key(value, by_time=order.by_time)
        if type(changed) is not int:
            changed = _key(changed, by_time=True)
        marks.append(Mark(row_id, value, changed))
    return marks


def _key(value: object, *, by_time: bool) -> int | None:
    if value is None or value == "":
        return None
    try:
        return whole_seconds(read_time(value)) if by_time else text_key(read_text(value))
    except Unreadable:
        return None
