"""JSON objects with the wire names of a class, right and wrong ones, and what tells two models apart."""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

import attrs
from hypothesis import strategies as st

from bigcommerce_b2b_invoices.wire import reader

NUMBERS = st.integers(-3, 3) | st.decimals(allow_nan=False, allow_infinity=False, places=2)
SCALARS = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "0", "1", "x", "12.50", "2026-01-01", "1e2"])
JUNK = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)


RIGHT: dict[object, st.SearchStrategy[Any]] = {  # as the wire sends a type; null everywhere, too
    int: st.integers(0, 2) | st.just("1"),
    bool: st.integers(0, 1) | st.booleans(),
    Decimal: st.sampled_from(["1", "2.50", 3]),
    datetime: st.sampled_from([5, "7", "2026-01-01T00:00:00Z", ""]),
    str: st.sampled_from(["x", "y", 8]),
}


def objects(cls: type[Any], *, junk: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the wire names of a class, and some that it does not know; with junk, many values are of a wrong kind."""
    optional: dict[str, st.SearchStrategy[Any]] = {"unknownKey": JUNK, "otherKey": JUNK}
    required: dict[str, st.SearchStrategy[Any]] = {}
    for field in reader.fields_of(cls):
        expected = field.expected
        item: Any = getattr(expected, "__args__", (None,))[0]
        if hasattr(item, "__attrs_attrs__"):
            right: st.SearchStrategy[Any] = st.lists(objects(item, junk=junk), max_size=2)
        elif hasattr(expected, "__attrs_attrs__"):
            right = objects(expected, junk=junk)
        elif isinstance(expected, type) and issubclass(expected, IntEnum):
            right = RIGHT[int]
        else:
            right = RIGHT.get(expected, JUNK)
        name = field.key
        if field.facts.is_id:
            required[name] = st.integers(1, 9)
        elif field.default is attrs.NOTHING and not junk:
            required[name] = right
        else:
            optional[name] = right | right | (JUNK if junk else st.none())
    return st.fixed_dictionaries(required, optional=optional)


def ordered(value: object) -> object:
    """The value with its types, and with kept keys in one order."""
    cls: type[Any] = type(value)
    if attrs.has(cls):
        return [(field.name, ordered(getattr(value, field.name))) for field in attrs.fields(cls)]
    if isinstance(value, list | tuple):
        return type(value), [ordered(item) for item in value]
    return [(key, ordered(value[key])) for key in sorted(value)] if isinstance(value, dict) else repr(value)
