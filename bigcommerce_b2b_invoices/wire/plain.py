"""Models <-> dicts of plain values, which `json.dumps` and other libraries take: str, int, bool, None, list and dict."""

import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import SupportsIndex, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError
from bigcommerce_b2b_invoices.wire.converter import name_of, read_with, write
from bigcommerce_b2b_invoices.wire.strict import reader_back
from bigcommerce_b2b_invoices.wire.values import Unreadable

T = TypeVar("T")

TOO_LARGE = 10**640  # Python may refuse to write a number with more digits


def to_dict(model: attrs.AttrsInstance) -> dict[str, object]:
    """A model as a dict of plain values, under the same names as in `to_json`. An exact number becomes its text, never a float.

    Raises:
        TypeError: The model holds a float, or a value that cannot be JSON.
    """
    try:
        return {name: _plain(value) for name, value in write(model).items()}
    except RecursionError:
        pass
    raise ValueError("nested too deeply to be written")


def from_dict(cls: type[T], mapping: Mapping[str, object]) -> T:
    """Make a model from a dict like that of `to_dict`. The rules are those of `from_json`.

    Raises:
        DecodeError: A value cannot be read. A float is always such a value, because it may have lost digits.
        TypeError: An object of the class cannot be read back, such as an outcome or an error.
    """
    if not isinstance(mapping, Mapping):
        raise TypeError(f"expected a mapping, not {type(mapping).__name__}")
    read = reader_back(cls)
    try:
        value = _json_value(mapping)
    except Unreadable as problem:
        error = DecodeError(problem.problem, model=name_of(cls), path=name_of(cls) + problem.path)
    except RecursionError:
        error = DecodeError("nested too deeply", model=name_of(cls))
    else:
        return read_with(read, cls, value, name_of(cls))
    raise error


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)  # an enum member becomes its number
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    hint = ": use a Decimal" if isinstance(value, float) else ""
    raise TypeError(f"cannot write {type(value).__name__} as a plain value{hint}")


def _json_value(value: object) -> object:
    """The value as if it had been parsed from JSON."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, SupportsIndex):  # also numpy's whole numbers, and members of an enum
        return _whole(operator.index(value))
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, Mapping):
        made: dict[str, object] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise Unreadable(f"expected texts as keys, got {type(key).__name__}")
            made[key] = _step(item, f".{key}")
        return made
    if isinstance(value, list | tuple):
        return [_step(item, f"[{index}]") for index, item in enumerate(value)]
    hint = ": it may have lost digits; write the number as a text, or use from_json" if isinstance(value, float) else ""
    raise Unreadable(f"cannot read a {type(value).__name__}{hint}")


def _whole(value: int) -> int:
    if abs(value) >= TOO_LARGE:
        raise Unreadable("a number that is out of range")
    return value


def _step(value: object, step: str) -> object:
    try:
        return _json_value(value)
    except Unreadable as problem:
        raise problem.inside(step)  # noqa: B904 - the same signal
