"""What a caller passes in is checked when the object is made: a wrong type is a TypeError, a wrong value a ValueError."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import attrs

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

Validator: TypeAlias = Callable[[object, "attrs.Attribute[Any]", Any], None]

MAX_EXPONENT = 30  # no currency needs more, and 1e999999 would be written out with a million digits
MAX_ID = 2**63 - 1  # what a database's bigint holds; a larger id is a mistake


class _Nothing(dict[str, object]):
    """An empty dict that stays empty, so that all models which keep nothing can share one."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_named: object) -> NoReturn:
        raise TypeError("what was read is not changed in place: use attrs.evolve")

    if not TYPE_CHECKING:  # to a type checker it is any dict
        __setitem__ = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[type[dict[str, object]], tuple[()]]:
        return dict, ()


NOTHING: Mapping[str, object] = _Nothing()


def resource_id(value: object, what: str) -> int:
    """The positive id of an invoice or an order, which becomes part of a path: nothing else may."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    if not 1 <= value <= MAX_ID:
        raise ValueError(f"{what} must be between 1 and {MAX_ID}, not {value}")
    return int(value)


def of_type(kind: type | tuple[type, ...]) -> Validator:
    """An instance of the class; a bool is no int."""

    def check(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            expected = kind.__name__ if isinstance(kind, type) else " or ".join(each.__name__ for each in kind)
            raise TypeError(f"{field.name} must be {expected}, not {type(value).__name__}")

    return check


def exact(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """A finite Decimal. A float is refused, because it has already lost digits."""
    if not isinstance(value, Decimal):
        hint = f": write Decimal({str(value)!r})" if isinstance(value, float | str) else ""
        raise TypeError(f"{field.name} must be a Decimal, not {type(value).__name__}{hint}")
    if not value.is_finite():
        raise ValueError(f"{field.name} must be a finite number, not {value}")
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"{field.name} is out of range: {value:.3e}")


def aware(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """A datetime that knows its offset from UTC."""
    if not isinstance(value, datetime):
        raise TypeError(f"{field.name} must be an aware datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise ValueError(f"{field.name} is naive: give it a time zone, such as tzinfo=datetime.UTC")


def filled(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """A text of at least one character."""
    if not isinstance(value, str):
        raise TypeError(f"{field.name} must be str, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{field.name} is empty: leave the argument out instead")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{field.name} holds half a character (a lone surrogate), which cannot be sent")


def each(check: Validator) -> Validator:
    """Every one of a tuple's values passes the check."""

    def check_all(instance: object, field: "attrs.Attribute[Any]", values: Iterable[object]) -> None:
        for value in values:
            check(instance, field, value)

    return check_all


def as_tuple(values: Iterable[T]) -> tuple[T, ...]:
    """A tuple of what an iterable yields. A str is refused, for it would yield its letters."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"expected several values, such as a tuple, not {type(values).__name__}")
    return tuple(values)


def as_decimal(value: Decimal | int) -> Decimal:
    """An int as the Decimal that equals it; anything else as it is, for the validator to judge."""
    return Decimal(value) if type(value) is int else value  # type: ignore[return-value] # a bool, which is refused next


def as_company_id(value: str | int) -> str:
    """A company id is a text on the wire; an int is taken as well."""
    return str(value) if type(value) is int else value  # type: ignore[return-value] # a bool, which is refused next


def as_member(enum: type[E], value: object) -> E:
    """A member of the enum, from itself or from its value."""
    if isinstance(value, bool):
        raise TypeError(f"expected {enum.__name__}, not bool")
    try:
        return enum(value)
    except ValueError:
        choices = ", ".join(str(member.value) for member in enum)
        raise ValueError(f"{value!r} is no {enum.__name__}: choose one of {choices}") from None
