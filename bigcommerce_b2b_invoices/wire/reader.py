"""JSON objects -> models. Each class has one reader, whose source is generated from the class itself.

The reader reads all fields inside one `try`, and tests first for the form in which each nearly always comes. Only if that fails,
it reads the fields again, one at a time and with the same functions, to find the value that cannot be read. The reader keeps
values that no field can hold in `additional_properties`: unknown keys, null, empty values of another type, and values that cannot
be read. Only an unreadable essential field makes the whole object unreadable.
"""

import linecache
from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from functools import cache
from sys import intern
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import attrs

from bigcommerce_b2b_invoices.models.checks import MAX_ID, NOTHING
from bigcommerce_b2b_invoices.models.facts import Facts, facts_of
from bigcommerce_b2b_invoices.wire import values
from bigcommerce_b2b_invoices.wire.values import LAST_SECOND, READERS, Read, Unreadable

EMPTY: tuple[object, ...] = ("", [], {})  # in a field of another type, these mean no more than null
KEPT = "additional_properties"
# Called with the class and the key of a value that cannot be read.
NOTE: ContextVar[Callable[[str, str], None] | None] = ContextVar("NOTE", default=None)
COMMON: dict[object, tuple[str, str]] = {  # type -> a test for the usual form of a value, and how to read that form
    str: ("v.__class__ is str", "v"),
    Decimal: ("v.__class__ is str and v", "read_amount(v)"),
    datetime: ("v.__class__ is int and 0 < v < LAST_SECOND", "fromtimestamp(v, UTC)"),
    bool: ("v.__class__ is int and 0 <= v <= 1", "v == 1"),
    int: ("v.__class__ is int", "v"),
    object: ("v is not None", "v if v.__class__ is dict and not v else read_opaque(v)"),
}


class Field(NamedTuple):
    """A field of a class as its reader sees it.

    Attributes:
        key: The key on the wire.
        expected: The type without `| None`. For an enum or an int: the enum. For a tuple: the type of its items.
        is_list: Whether the field is a tuple.
        default: The value for a missing key. If it is attrs.NOTHING, the object cannot be read without the key.
        read: Reads any value of the field, or raises Unreadable.
    """

    name: str
    key: str
    expected: Any
    is_list: bool
    default: object
    facts: Facts
    read: Read


def wire_name(attribute: str) -> str:
    """snake_case -> camelCase: `external_pdf_url` -> `externalPdfUrl`."""
    first, *others = attribute.split("_")
    return first + "".join(word.capitalize() for word in others)


def fields_of(cls: type[Any]) -> Iterator[Field]:
    """The fields of a class that have a key of their own."""
    for field in attrs.fields(cls):
        if field.name != KEPT:
            expected = _expected(field.type)
            is_list, facts = get_origin(expected) is tuple, facts_of(field)
            expected = _expected(get_args(expected)[0]) if is_list else expected
            read = values.read_id if facts.is_id else _reader_of(expected)
            read = values.list_reader(read) if is_list else read
            yield Field(field.name, wire_name(field.name), expected, is_list, field.default, facts, read)


def _expected(annotation: Any) -> Any:  # noqa: ANN401 - an annotation can be any object
    """The type without `| None`; for an enum or an int: the enum."""
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return next((each for each in members if isinstance(each, type) and issubclass(each, IntEnum)), members[0])


def _reader_of(expected: Any) -> Read:  # noqa: ANN401 - an annotation can be any object
    if expected in READERS:
        return READERS[expected]
    return values.enum_reader(expected) if issubclass(expected, IntEnum) else make_reader(expected)


@cache  # made on first use: compiling takes longer than importing this module
def make_reader(cls: type[Any]) -> Read:
    """The reader of an attrs class. It raises Unreadable with the path to the value."""
    fields = tuple(fields_of(cls))
    names: dict[str, Any] = {
        **vars(values), "cls": cls, "Blank": _blank(cls), "NOTHING": NOTHING, "EMPTY": EMPTY, "MAX_ID": MAX_ID, "UTC": UTC,
        "LAST_SECOND": LAST_SECOND, "intern": intern, "fromtimestamp": datetime.fromtimestamp,
        "explain": _explainer(cls, fields), "gather": _gatherer(fields),
    }  # fmt: skip
    for field in fields:
        names |= {f"read_{field.name}": field.read, f"default_{field.name}": field.default}
        if field.is_list:
            names[f"item_{field.name}"] = _reader_of(field.expected)
        elif issubclass(field.expected, IntEnum):
            names[f"members_{field.name}"] = {member.value: member for member in field.expected}
    lines = [
        "def read(value, _type=None):",
        "    if value.__class__ is not dict: raise no_object(value)",
        f"    model, get, n = Blank(), value.get, {len(fields)}",  # n: the number of keys whose values the fields hold completely
        "    try:",
        *(f"        {line}" for field in fields for line in _lines(field)),
        "    except Unreadable: return explain(value)",
        *([f"    model.{KEPT} = NOTHING if n == len(value) else gather(value, n)"] if keeps(cls) else []),
        "    model.__class__ = cls",
        "    return model",
    ]
    file = f"<reader of {cls.__qualname__}>"
    linecache.cache[file] = (0, None, [f"{line}\n" for line in lines], file)  # for tracebacks
    exec(compile("\n".join(lines), file, "exec"), names)  # noqa: S102 - the source is made of the class's own field names
    return names["read"]  # type: ignore[no-any-return] # it is the function of that source


def _lines(field: Field) -> Iterator[str]:
    """The source that reads one field: first the value's usual form, then a missing or empty value, then anything else."""
    name, to = field.name, f"model.{field.name} ="
    yield f"v = get({field.key!r})"
    if field.facts.is_id:
        yield f"if v.__class__ is int and 0 <= v <= MAX_ID: {to} v"
    elif field.is_list:
        yield f"if v.__class__ is list and v: {to} tuple([item_{name}(item) for item in v])"
    elif attrs.has(field.expected):
        yield f"if v.__class__ is dict: {to} read_{name}(v)"
    elif issubclass(field.expected, IntEnum):
        yield f"if v.__class__ is int: {to} members_{name}.get(v, v)"
    else:
        test, made = COMMON[field.expected]
        yield f"if {test}: {to} {'intern(v)' if field.facts.repeated else made}"
    if field.default is attrs.NOTHING:
        yield "elif v is None: raise Unreadable('missing or null')"
    else:
        yield f"elif v is None or v in EMPTY: {to} default_{name}; n -= 1"
    yield f"else: {to} read_{name}(v){'; n -= 1' if field.facts.as_it_came else ''}"


def _explainer(cls: type[Any], fields: Collection[Field]) -> Read:
    """A function that reads an object with an unreadable value. It keeps and notes that value, unless the field is essential."""
    gather, is_keeper, put = _gatherer(fields), keeps(cls), object.__setattr__  # values that were read need no second check

    def explain(value: dict[str, object]) -> object:
        model, unreadable = object.__new__(cls), set()
        for field in fields:
            raw, found = value.get(field.key), field.default
            try:
                if raw is not None:
                    found = field.read(raw)
                elif found is attrs.NOTHING:
                    raise Unreadable("missing or null")  # noqa: TRY301 - the step below must be added to it, as to any other
            except Unreadable as problem:
                if found is attrs.NOTHING or (field.facts.essential and raw not in EMPTY):
                    raise problem.inside(f".{field.key}", cls.__name__)  # noqa: B904 - the same signal
                unreadable.add(field.key)
                if raw not in EMPTY and (note := NOTE.get()) is not None:
                    note(cls.__name__, field.key)
            put(model, field.name, found)
        if is_keeper:
            put(model, KEPT, gather(value, -1, unreadable))
        return model

    return explain


def _gatherer(fields: Collection[Field]) -> Callable[..., Mapping[str, object]]:
    """A function that collects the values that the fields of an object cannot hold, in the order in which they came."""
    times = {field.key for field in fields if field.facts.as_it_came}
    lost = {field.key: EMPTY for field in fields}  # empty values that the field itself does not hold
    for field in fields:
        if not field.is_list and (field.expected in (object, str) or attrs.has(field.expected)):
            own = {object: EMPTY, str: ("",)}.get(field.expected, ({},))
            lost[field.key] = tuple(empty for empty in EMPTY if empty not in own)

    def gather(value: dict[str, object], held: int, unreadable: Collection[str] = ()) -> Mapping[str, object]:
        rest = {key: raw for key, raw in value.items() if raw is None or key not in lost}
        if held + len(rest) != len(value):  # then more than null and unknown keys must be kept
            rest = {
                key: raw
                for key, raw in value.items()
                if raw is None
                or key not in lost
                or key in unreadable
                or raw in lost[key]
                or (key in times and type(raw) is not int)
            }
        for key, raw in rest.items():
            if raw.__class__ is dict or raw.__class__ is list:
                try:
                    values.read_opaque(raw)
                except Unreadable as deep:  # the server's own key does not become part of an error's text
                    raise deep.inside(f".{key if key in lost else KEPT}")  # noqa: B904 - the same signal
        return rest or NOTHING

    return gather


def keeps(cls: Any) -> bool:  # noqa: ANN401 - a class, or a generic class with its argument
    """Whether objects of the class keep what their fields cannot hold."""
    return KEPT in attrs.fields_dict(get_origin(cls) or cls)


def _blank(cls: type[Any]) -> type[Any]:
    """The class as if it were not frozen: read values need no second check, and plain stores take a quarter of the time."""
    of_object = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(cls.__name__, (cls,), {"__slots__": (), **of_object})
