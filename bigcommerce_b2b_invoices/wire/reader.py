"""JSON objects -> models: for each class a reader made once, from the class itself.

There are two for each. The explaining one goes field by field and knows the way to what it cannot read. The fast one is generated
source: the type that nearly always comes is taken as it is, and everything else is left to the functions of `leaves`; it knows no
way, so when it fails the explaining one reads the same value again, to say where. Both must agree, and a test compares them.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from functools import partial
from sys import intern
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

import attrs

from bigcommerce_b2b_invoices.models import invoice as words
from bigcommerce_b2b_invoices.models.checks import MAX_ID, NOTHING
from bigcommerce_b2b_invoices.models.query import RowFields
from bigcommerce_b2b_invoices.wire.leaves import (
    LAST_SECOND,
    LEAVES,
    Read,
    Unreadable,
    kind,
    read_amount,
    read_id,
    read_int,
    read_opaque,
    read_time,
)

Later: TypeAlias = Callable[[object, int, str, int], words.InvoiceDetails]  # details, index, request's path, invoice's id

DETAILS_CLASSES = (  # what a PUT replaces as a whole: here null, [] and a missing key must stay what they were
    words.InvoiceDetails, words.InvoiceHeader, words.InvoiceContents, words.LineItem, words.Shipment, words.Address,
    words.CostLine, words.Money,
)  # fmt: skip
ID_FIELDS = ("id", "invoice_id")
REPEATED = ("code", "type", "channel_name", "country", "state")  # few texts, many times: each is kept once


def wire_name(attribute: str) -> str:
    """snake_case -> camelCase: `external_pdf_url` -> `externalPdfUrl`."""
    first, *others = attribute.split("_")
    return first + "".join(word.capitalize() for word in others)


def model_name(cls: type) -> str:
    """What errors call a class."""
    return "Invoice" if cls is RowFields else cls.__name__


def make_reader(cls: type[Any]) -> Read:
    """The reader of an attrs class. It raises Unreadable, with the way to the value."""
    fast, explain = _generated(cls), _explaining(cls)

    def read(value: object) -> object:
        try:
            return fast(value)
        except Unreadable:
            pass
        return explain(value)

    return read


def compile_invoice_reader(later: Later) -> Callable[[object, int, str], words.Invoice]:
    """The fast reader of an invoice in a list, given its index and the path of the request, that leaves the details to `later`.

    It does not explain: where it raises Unreadable, another one must say why.
    """
    return _compile(words.Invoice, later=later)


def _fields(cls: type[Any]) -> list["attrs.Attribute[Any]"]:
    return [field for field in attrs.fields(cls) if field.name != "additional_properties"]


def _plain_type(field: "attrs.Attribute[Any]") -> Any:  # noqa: ANN401 - an annotation can be any object
    """The type without `| None`; of an enum or an int, the enum."""
    members = [field.type]
    if get_origin(field.type) in (Union, UnionType):
        members = [member for member in get_args(field.type) if member is not type(None)]
    return next((each for each in members if isinstance(each, type) and issubclass(each, IntEnum)), members[0])


# ---- the generated one -----------------------------------------------------------------------------------------------

_made: dict[type, Read] = {}


def _generated(cls: type[Any]) -> Read:
    if cls not in _made:
        _made[cls] = _compile(cls, later=None)
    return _made[cls]


def _compile(cls: type[Any], *, later: Later | None) -> Callable[..., Any]:
    names: dict[str, Any] = {
        "cls": cls, "Blank": _blank(cls), "new": object.__new__, "Unreadable": Unreadable, "MAX_ID": MAX_ID,
        "read_opaque": read_opaque, "nested": (dict, list), "NOTHING": NOTHING, "intern": intern,
        "fromtimestamp": datetime.fromtimestamp, "UTC": UTC, "LAST_SECOND": LAST_SECOND,
        "read_amount": read_amount, "partial": partial, "later": later,
    }  # fmt: skip
    exec(_source(cls, names), names)  # noqa: S102 - made of the class's own field names
    return names["read"]  # type: ignore[no-any-return] # it is the function of that source


def _blank(cls: type[Any]) -> type[Any]:
    """The class as it would be if it were not frozen: what was read needs no second check, and plain stores cost a quarter."""
    blank = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), blank)


def _source(cls: type[Any], names: dict[str, Any]) -> str:
    """The source of the fast reader; `n` is how many keys of the object are wholly held by fields."""
    fields, keeps_empty, is_later = _fields(cls), cls in DETAILS_CLASSES, names["later"] is not None
    lines = [f"def read(value{', index, path' if is_later else ''}):", "    if value.__class__ is not dict: raise Unreadable('')"]
    lines += ["    get = value.get", "    model = new(Blank)", f"    n = {len(fields)}"]
    for field in fields:
        lines.append(f"    v = get({wire_name(field.name)!r})")
        source = DETAILS_LATER if is_later and field.name == "details" else _field_source(field, names, keeps_empty=keeps_empty)
        lines += [f"    {line}" for line in source]
    if len(fields) < len(attrs.fields(cls)):
        names["known"] = frozenset(wire_name(field.name) for field in fields)
        names["lists"] = {wire_name(field.name) for field in fields if get_origin(field.type) is tuple}
        names["times"] = {wire_name(field.name) for field in fields if _plain_type(field) is datetime}
        empty = "or raw is None or (not raw and name in lists) or (name in times and raw.__class__ is not int)"
        lines.append("    if n == len(value): model.additional_properties = NOTHING")
        lines.append("    else: model.additional_properties = {")
        lines.append("        name: read_opaque(raw) if raw.__class__ in nested else raw for name, raw in value.items()")
        lines.append(f"        if name not in known {empty if keeps_empty else ''}")
        lines.append("    } or NOTHING")
    return "\n".join([*lines, "    model.__class__ = cls", "    return model"])


DETAILS_LATER = [
    "if v is not None: model._read_details = partial(later, v, index, path, model.id)",
    "else:",
    "    model.details = None",
    "    if 'details' not in value: n -= 1",
]


def _field_source(field: "attrs.Attribute[Any]", names: dict[str, Any], *, keeps_empty: bool) -> list[str]:
    expected, name = _plain_type(field), field.name
    # inside details a null is kept as what it was; elsewhere it says no more than a missing key
    unheld = "n -= 1" if keeps_empty else f"if {wire_name(name)!r} not in value: n -= 1"
    if get_origin(expected) is tuple:
        item = get_args(expected)[0]
        names[f"read_{name}"] = LEAVES[item] if item in LEAVES else _generated(item)
        return [
            "if v.__class__ is list:",
            f"    items = tuple([read_{name}(item) for item in v])",
            *(["    if not v: n -= 1"] if keeps_empty else []),
            "elif v is None:",
            "    items = ()",
            f"    {unheld}",
            "else: raise Unreadable('')",
            f"model.{name} = items",
        ]
    names[f"read_{name}"], convert = _conversion(field, expected, names)
    held = ["    if v.__class__ is not int: n -= 1"] if keeps_empty and expected is datetime else []
    required = field.default is attrs.NOTHING
    lines = ["if v is None: raise Unreadable('')"] if required else ["if v is None:", f"    {unheld}", "else:"]
    return [
        *lines,
        *([] if required else held),
        *[f"{'' if required else '    '}{line}" for line in convert],
        f"model.{name} = v",
    ]


def _conversion(field: "attrs.Attribute[Any]", expected: Any, names: dict[str, Any]) -> tuple[Read, list[str]]:  # noqa: ANN401 - an annotation
    """The function that reads a field, and the lines that call it where the value is not what nearly always comes."""
    call = f"v = read_{field.name}(v)"
    if field.name in ID_FIELDS:
        return read_id, [f"if v.__class__ is not int or not 0 <= v <= MAX_ID: {call}"]
    if expected is object:
        return read_opaque, [f"if v: {call}"]
    if expected is str:
        common = [f"if v.__class__ is not str: {call}"]
        return LEAVES[str], [*common, "v = intern(v)"] if field.name in REPEATED else common
    if isinstance(expected, type) and issubclass(expected, IntEnum):
        names[f"members_{field.name}"] = {member.value: member for member in expected}
        return _enum_reader(expected), [f"v = members_{field.name}.get(v, v) if v.__class__ is int else read_{field.name}(v)"]
    common = COMMON.get(expected, [])
    read = LEAVES[expected] if expected in LEAVES else _generated(expected)
    return read, [*common, f"else: {call}"] if common else [call]


COMMON = {  # how a value of this type nearly always comes
    Decimal: ["if v.__class__ is str: v = read_amount(v)"],
    datetime: ["if v.__class__ is int and 0 < v < LAST_SECOND: v = fromtimestamp(v, UTC)"],
    bool: ["if v.__class__ is int and 0 <= v <= 1: v = v == 1"],
    int: ["if v.__class__ is int: pass"],
}


# ---- the explaining one ----------------------------------------------------------------------------------------------


def _reader(expected: Any) -> Read:  # noqa: ANN401 - an annotation can be any object
    """A function that reads one field of this type; None and missing keys never reach it."""
    if expected is object:
        return read_opaque
    if get_origin(expected) is tuple:
        return _tuple_reader(_reader(get_args(expected)[0]))
    if expected in LEAVES:
        return LEAVES[expected]
    return _enum_reader(expected) if issubclass(expected, IntEnum) else _explaining(expected)


def _enum_reader(enum: type[IntEnum]) -> Read:
    known = {member.value: member for member in enum}

    def read(value: object) -> int:
        number = read_int(value)
        return known.get(number, number)  # a number that the API adds later must survive

    return read


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
        (wire_name(field.name), field.name, read_id if field.name in ID_FIELDS else _reader(_plain_type(field)), field.default)
        for field in _fields(cls)
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
