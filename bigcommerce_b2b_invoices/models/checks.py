"""Checks of a caller's values when an object is created: a wrong type raises TypeError, a wrong value raises ValueError."""

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, TypeAlias, TypeVar

import attrs

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

Validator: TypeAlias = Callable[[object, "attrs.Attribute[Any]", Any], None]

MAX_EXPONENT = 30  # no currency needs more, and 1e999999 would be written with a million digits
MAX_ID = 2**63 - 1  # the largest value of a database's bigint; a larger id is a mistake


class _Nothing(dict[str, object]):
    """An empty dict that stays empty, so that all models without additional properties can share it."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_named: object) -> NoReturn:
        raise TypeError("additional_properties that were read cannot be changed in place: use attrs.evolve")

    if not TYPE_CHECKING:  # a type checker sees an ordinary dict
        __setitem__ = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[type[dict[str, object]], tuple[()]]:
        return dict, ()


NOTHING: Mapping[str, object] = _Nothing()


def whole_number(value: object, what: str) -> int:
    """A plain int from any whole number, such as numpy's. A bool is not a number here."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    return operator.index(value)


def plain_time(value: T) -> T:
    """A datetime of a subclass as a plain datetime, because a subclass may calculate otherwise. Anything else as it is."""
    if not isinstance(value, datetime) or type(value) is datetime:
        return value
    return datetime(  # type: ignore[return-value] # a datetime in place of a datetime
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.tzinfo,
        fold=value.fold,
    )


def resource_id(value: object, what: str) -> int:
    """Return the id of an invoice or an order if it is a positive int. It becomes part of a path, so nothing else is allowed."""
    number = whole_number(value, what)
    if not 1 <= number <= MAX_ID:
        raise ValueError(f"{what} must be between 1 and {MAX_ID}, not {number}")
    return number


def of_type(kind: type | tuple[type, ...]) -> Validator:
    """Check for an instance of the class. A bool does not count as an int."""

    def check(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            expected = kind.__name__ if isinstance(kind, type) else " or ".join(each.__name__ for each in kind)
            raise TypeError(f"{field.name} must be {expected}, not {type(value).__name__}")

    return check


def exact(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """Check for a finite Decimal. A float is refused, because it has already lost digits."""
    if not isinstance(value, Decimal):
        hint = f": write Decimal({str(value)!r})" if isinstance(value, float | str) else ""
        raise TypeError(f"{field.name} must be a Decimal, not {type(value).__name__}{hint}")
    if not value.is_finite():
        raise ValueError(f"{field.name} must be a finite number, not {value}")
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"{field.name} is out of range: {value:.3e}")


def aware(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """Check for a datetime that has an offset from UTC."""
    if not isinstance(value, datetime):
        raise TypeError(f"{field.name} must be an aware datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise ValueError(f"{field.name} is naive: give it a time zone, such as tzinfo=datetime.UTC")


def filled(_instance: object, field: "attrs.Attribute[Any]", value: object) -> None:
    """Check for a text that is not blank."""
    if not isinstance(value, str):
        raise TypeError(f"{field.name} must be str, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{field.name} is empty: leave the argument out instead")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{field.name} holds half a character (a lone surrogate), which cannot be sent")


def each(check: Validator) -> Validator:
    """Apply the check to every value of a tuple."""

    def check_all(instance: object, field: "attrs.Attribute[Any]", values: Iterable[object]) -> None:
        for value in values:
            check(instance, field, value)

    return check_all


def as_tuple(values: Iterable[T]) -> tuple[T, ...]:
    """Turn an iterable into a tuple. A str is refused, because it would yield its letters."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"expected several values, such as a tuple, not {type(values).__name__}")
    return tuple(values)


def as_decimal(value: Decimal | int) -> Decimal:
    """Turn an int into the equal Decimal. Anything else is returned unchanged, and the validator checks it."""
    return Decimal(value) if type(value) is int else value  # type: ignore[return-value] # a bool, which the validator refuses


def as_company_id(value: str | int) -> str:
    """Turn an int into a text, because a company id is a text on the wire. Anything else is returned unchanged."""
    if isinstance(value, str | bool) or not isinstance(value, SupportsIndex):
        return value  # type: ignore[return-value] # the validator refuses everything but a str
    return str(operator.index(value))


def as_member(enum: type[E], value: object) -> E:
    """Return the member of the enum for a member or for a value."""
    if isinstance(value, bool):
        raise TypeError(f"expected {enum.__name__}, not bool")
    try:
        return enum(value)
    except ValueError:
        choices = ", ".join(str(member.value) for member in enum)
        raise ValueError(f"{value!r} is not a valid {enum.__name__}: choose one of {choices}") from None
