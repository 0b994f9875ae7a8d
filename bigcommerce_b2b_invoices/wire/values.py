"""JSON values -> texts, numbers, times. Accepts the mixed forms that the API sends, and never guesses."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation, Overflow
from enum import IntEnum
from functools import lru_cache
from typing import Any, Self, TypeAlias

from bigcommerce_b2b_invoices.models.checks import MAX_EXPONENT, MAX_ID

Read: TypeAlias = Callable[..., Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = Context(prec=200, traps=[InvalidOperation, Overflow])  # the application's context may round, or raise for a good value
LAST_SECOND = 253_402_300_800  # the first second after the year 9999, the last year that Python's times can hold
LEAST = Decimal((0, (1,), -64))  # no amount has more decimals
MAX_DEPTH = 64  # levels of opaque JSON
_AMOUNT = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{1,64})?([eE][+-]?[0-9]{1,2})?")
_DAY = re.compile(r"(19|20)[0-9]{6}")
_SECONDS = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,6}")
_DIGITS = re.compile(r"-?[0-9]{1,640}")  # Python always converts at least 640


def whole_seconds(time: datetime) -> int:
    """Epoch seconds, rounded down."""
    return (time - EPOCH) // timedelta(seconds=1)


class Unreadable(ValueError):  # noqa: N818 - a signal inside `wire`, not an error of the tree
    """A value that cannot be read, and the path to it, innermost step first."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str] = []
        self.model: str = ""

    def inside(self, step: str, model: str = "") -> Self:
        """The same exception, with one more step of the path. Only the innermost class is kept as `model`."""
        self.steps.append(step)
        self.model = self.model or model
        return self

    @property
    def path(self) -> str:
        """The path from the outermost value to this one, such as `.openBalance.value`."""
        return "".join(reversed(self.steps))


class OddObject(dict[str, object]):
    """A JSON object that was refused as a whole.

    Attributes:
        problem: Why.
    """

    def __init__(self, value: dict[str, object], problem: str) -> None:
        super().__init__(value)
        self.problem = problem

    def __reduce__(self) -> tuple[type["OddObject"], tuple[dict[str, object], str]]:
        return OddObject, (dict(self), self.problem)


_JSON_NAMES = {
    bool: "a boolean",
    int: "a number",
    Decimal: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def kind(value: object) -> str:
    """JSON's word for the kind of the value."""
    return _JSON_NAMES.get(type(value), "null" if value is None else type(value).__name__)


def no_object(value: object) -> Unreadable:
    """Why the value cannot be read as an object of a class."""
    return Unreadable(value.problem if isinstance(value, OddObject) else f"expected an object, got {kind(value)}")


def read_text(value: object) -> str:
    """A text. A number becomes its digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and abs(value.adjusted()) <= MAX_EXPONENT:
        return format(value, "f")
    raise Unreadable(f"expected a text, got {kind(value)}")


def read_int(value: object) -> int:
    """A whole number. It may also come as a text, or with a fraction of zero."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, Decimal) and abs(value.adjusted()) < 64 and value == value.to_integral_value(context=EXACT):
        return int(value)
    raise Unreadable(f"expected a whole number, got {kind(value)}")


def enum_reader(enum: type[IntEnum]) -> Read:
    """The reader of an enum: a number that has a name becomes that member."""
    known = {member.value: member for member in enum}

    def read(value: object) -> int:
        number = read_int(value)
        return known.get(number, number)  # a number that the API adds later is kept

    return read


def read_id(value: object) -> int:
    """An id. It must be a JSON number."""
    if type(value) is int and 0 <= value <= MAX_ID:
        return value
    raise Unreadable(
        "missing or null" if value is None else f"expected an id (a whole number from 0 to {MAX_ID}), got {kind(value)}"
    )


def read_bool(value: object) -> bool:
    """True or false, also as 1 or 0."""
    if isinstance(value, bool):
        return value
    if (number := read_int(value)) in (0, 1):
        return bool(number)
    raise Unreadable("expected 0 or 1, got another number")


@lru_cache(maxsize=4096)  # quantities and prices repeat: each is made and kept once
def read_amount(text: str) -> Decimal:
    """An exact amount from a text."""
    if not _AMOUNT.fullmatch(text):
        raise Unreadable("a text that is not an amount")
    return _in_range(Decimal(text))


def read_decimal(value: object) -> Decimal:
    """An exact amount, from a number or a text."""
    if isinstance(value, str):
        return read_amount(value)
    if type(value) is int:
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise Unreadable(f"expected an amount, got {kind(value)}")
    return _in_range(value)


def _in_range(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT or value != value.quantize(LEAST, context=EXACT):
        raise Unreadable("an amount that is out of range")
    return value


def _calendar_day(text: str) -> datetime | None:
    """Midnight UTC of a day such as `20240131`; None if the digits are not a day of the calendar."""
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def read_time(value: object) -> datetime:
    """An aware time, from epoch seconds or ISO 8601."""
    try:
        if type(value) is int:
            return datetime.fromtimestamp(value, UTC) if value > 0 else EPOCH + timedelta(seconds=value)
        if isinstance(value, Decimal) and abs(value.adjusted()) <= 18:
            return EPOCH + timedelta(microseconds=int(EXACT.multiply(value, 1_000_000)))
        if isinstance(value, str):
            if _DAY.fullmatch(value) and (day := _calendar_day(value)) is not None:
                return day
            if _SECONDS.fullmatch(value):
                return read_time(Decimal(value))
            if _DIGITS.fullmatch(value):
                return EPOCH + timedelta(seconds=int(value))
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)  # the API's clock is UTC
    except (ValueError, OverflowError, OSError):
        raise Unreadable(f"{kind(value)} that is not a time (epoch seconds or ISO 8601)") from None
    raise Unreadable(f"expected a time (epoch seconds or ISO 8601), got {kind(value)}")


def list_reader(read_item: Read) -> Read:
    """The reader of a list."""

    def read(value: object) -> tuple[object, ...]:
        if type(value) is not list:
            raise Unreadable(f"expected a list, got {kind(value)}")
        items = []
        for index, item in enumerate(value):
            try:
                items.append(read_item(item))
            except Unreadable as problem:
                raise problem.inside(f"[{index}]")  # noqa: B904 - the same signal
        return tuple(items)

    return read


def read_opaque(value: object) -> object:
    """JSON that is kept as it is. Raises Unreadable if it is nested too deeply to be handled."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return value
    raise Unreadable("nested too deeply")


READERS: dict[Any, Read] = {
    object: read_opaque,
    str: read_text,
    int: read_int,
    bool: read_bool,
    Decimal: read_decimal,
    datetime: read_time,
}
