"""JSON objects -> models: for each class a reader made once, from the class itself.

There are two for each. The explaining one goes field by field and knows the way to what it cannot read. The fast one, of
`generated`, knows no way: when it fails, the explaining one reads the same value again. Both must agree; a test compares them.
"""

from enum import IntEnum
from typing import Any, get_args, get_origin

import attrs

from bigcommerce_b2b_invoices.models.checks import NOTHING
from bigcommerce_b2b_invoices.models.query import RowFields
from bigcommerce_b2b_invoices.wire.generated import DETAILS_CLASSES, ID_FIELDS, fields_of, generated, plain_type, wire_name
from bigcommerce_b2b_invoices.wire.leaves import (
    LEAVES,
    Read,
    Unreadable,
    enum_reader,
    kind,
    read_id,
    read_opaque,
    read_time,
)


def model_name(cls: type) -> str:
    """What errors call a class."""
    return "Invoice" if cls is RowFields else cls.__name__


def make_reader(cls: type[Any]) -> Read:
    """The reader of an attrs class. It raises Unreadable, with the way to the value."""
    fast, explain = generated(cls), _explaining(cls)

    def read(value: object) -> object:
        try:
            return fast(value)
        except Unreadable:
            pass
        return explain(value)

    return read


# ---- the explaining one ----------------------------------------------------------------------------------------------


def _reader(expected: Any) -> Read:  # noqa: ANN401 - an annotation can be any object
    """A function that reads one field of this type; None and missing keys never reach it."""
    if expected is object:
        return read_opaque
    if get_origin(expected) is tuple:
        return _tuple_reader(_reader(get_args(expected)[0]))
    if expected in LEAVES:
        return LEAVES[expected]
    return enum_reader(expected) if issubclass(expected, IntEnum) else _explaining(expected)


def _tuple_reader(read_item: Read) -> Read:
    def read(value: object) -> tuple[object, ...]:
        if type(value) is not list:
            raise Unreadable(f"expected a list, got {kind(value)}")
        items = []
        for index, item in enumerate(value):
            try:
                items.append(read_item(item))
            except Unreadable as problem:
                problem.steps.append(f"[{index}]")
                raise
        return tuple(items)

    return read


def _explaining(cls: type[Any]) -> Read:
    readers = [
        (wire_name(field.name), field.name, read_id if field.name in ID_FIELDS else _reader(plain_type(field)), field.default)
        for field in fields_of(cls)
    ]
    known = frozenset(name for name, _, _, _ in readers)
    keeps_rest, keeps_empty = len(readers) < len(attrs.fields(cls)), cls in DETAILS_CLASSES
    put = object.__setattr__  # as the generated one, past the checks

    def read(value: object) -> object:
        if type(value) is not dict:
            raise Unreadable(f"expected an object, got {kind(value)}")
        model = object.__new__(cls)
        unheld = {name: read_opaque(raw) for name, raw in value.items() if name not in known} if keeps_rest else {}
        for name, attribute, read_field, default in readers:
            raw = value.get(name)
            try:
                if raw is None and default is attrs.NOTHING:
                    raise Unreadable("missing or null")  # noqa: TRY301 - it must gain the step below, like any other
                found = default if raw is None else read_field(raw)
            except Unreadable as problem:
                problem.steps.append(f".{name}")
                problem.model = problem.model or model_name(cls)
                raise
            put(model, attribute, found)
            if keeps_empty and name in value:
                is_odd_time = read_field is read_time and type(raw) is not int
                if raw is None or found == () or is_odd_time:
                    unheld[name] = raw  # a time, too: it is written back as it came
        if keeps_rest:
            put(model, "additional_properties", {name: unheld[name] for name in value if name in unheld} or NOTHING)
        return model

    return read
