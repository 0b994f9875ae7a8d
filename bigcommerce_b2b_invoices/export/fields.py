"""How attributes of a model become columns of an Arrow record batch. It knows no invoice.

A value that its column cannot hold is refused: an amount is never rounded, a number never wrapped. UTF-8 has no bytes for half a
character (a lone surrogate), so a text gets an escape in its place, as in the other formats.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from operator import attrgetter
from typing import Any, Generic, TypeVar

import attrs
import pyarrow as pa

from bigcommerce_b2b_invoices import Money
from bigcommerce_b2b_invoices.export.cells import opaque
from bigcommerce_b2b_invoices.export.errors import Unfit
from bigcommerce_b2b_invoices.export.text import encoded

Owner = TypeVar("Owner")
Part = TypeVar("Part")

AMOUNT = pa.decimal128(38, 9)
TIME = pa.timestamp("us", "UTC")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DECIMALS = Decimal("1e-9")
_AMOUNTS = Context(prec=38, traps=[Inexact, InvalidOperation])


# ---- single values ---------------------------------------------------------------------------------------------------


def as_text(value: str | None) -> str | None:
    """A text that UTF-8 can encode."""
    return value if value is None or value.isascii() else encoded(value).decode()


def as_amount(value: Decimal | None) -> Decimal | None:
    """The same number with nine decimals, as `AMOUNT` holds it."""
    if value is None:
        return None
    try:
        return value.quantize(_DECIMALS, context=_AMOUNTS)
    except (Inexact, InvalidOperation):
        raise Unfit(f"is {value}, which has more than 29 digits before the point or more than 9 after it") from None


def as_time(value: datetime | None) -> int | None:
    """Microseconds since 1970. A time of the year 9999 may be in the year 10000 in UTC."""
    return None if value is None else (value - _EPOCH) // _MICROSECOND


def as_integer(bits: int) -> Callable[[int | None], int | None]:
    """A plain int of so many bits. A member of an enum becomes its number."""
    limit = 1 << (bits - 1)

    def convert(value: int | None) -> int | None:
        if value is None:
            return None
        if not -limit <= value < limit:
            raise Unfit(f"is a number that does not fit into {bits} bits")
        return int(value)

    return convert


# ---- columns ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Field(Generic[Owner]):
    """A column of single values.

    Attributes:
        read: The value of one row, as Arrow takes it. It raises Unfit if the column cannot hold it.
    """

    name: str
    type: pa.DataType
    read: Callable[[Owner], object]

    def array(self, owners: Sequence[Owner]) -> pa.Array:
        """The column of these rows."""
        return pa.array([self.read(owner) for owner in owners], self.type)

    def unfit(self, owner: Owner) -> Iterator[tuple[str, str]]:
        """The name of the column and the problem, if it cannot hold the value of this row."""
        try:
            self.read(owner)
        except Unfit as unfit:
            yield self.name, unfit.problem


@attrs.frozen
class ListField(Generic[Owner, Part]):
    """A column of lists of structs.

    Attributes:
        parts: The parts of one row; None makes the list null.
        fields: The fields of a struct.
    """

    name: str
    parts: Callable[[Owner], Sequence[Part] | None]
    fields: Sequence[Field[Part]]

    @property
    def type(self) -> pa.DataType:
        """A list of structs."""
        return pa.list_(pa.struct([pa.field(field.name, field.type) for field in self.fields]))

    def array(self, owners: Sequence[Owner]) -> pa.Array:
        """The column of these rows."""
        offsets, flat = [0], list[Part]()
        is_null = list[bool]()
        for owner in owners:
            parts = self.parts(owner)
            flat += parts or ()
            offsets.append(len(flat))
            is_null.append(parts is None)
        arrays = [field.array(flat) for field in self.fields]
        structs = pa.StructArray.from_arrays(arrays, names=[field.name for field in self.fields])
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), structs, type=self.type, mask=pa.array(is_null, pa.bool_())
        )

    def unfit(self, owner: Owner) -> Iterator[tuple[str, str]]:
        """Where the column cannot hold the parts of this row, and the problem."""
        for index, part in enumerate(self.parts(owner) or ()):
            for field in self.fields:
                for name, problem in field.unfit(part):
                    yield f"{self.name}[{index}].{name}", problem


def column(name: str, kind: pa.DataType, convert: Callable[[Any], object]) -> Field[Any]:
    """A column with the name of its attribute."""
    get = attrgetter(name)
    return Field(name, kind, lambda owner: convert(get(owner)))


def text(name: str) -> Field[Any]:
    """A column of texts."""
    return column(name, pa.string(), as_text)


def json(name: str) -> Field[Any]:
    """A column of opaque JSON as text."""
    return column(name, pa.string(), opaque)


def integer(name: str, kind: pa.DataType) -> Field[Any]:
    """A column of whole numbers."""
    return column(name, kind, as_integer(kind.bit_width))


def time(name: str) -> Field[Any]:
    """A column of times."""
    return column(name, TIME, as_time)


def money(name: str) -> list[Field[Any]]:
    """A column of amounts and one of their currencies."""
    get = attrgetter(name)

    def amount(owner: object) -> Decimal | None:
        found: Money | None = get(owner)
        return as_amount(found.value) if found else None

    def currency(owner: object) -> str | None:
        found: Money | None = get(owner)
        return as_text(found.code) if found else None

    return [Field(name, AMOUNT, amount), Field(f"{name}_currency", pa.string(), currency)]
