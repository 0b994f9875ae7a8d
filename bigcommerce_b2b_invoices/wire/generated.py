"""The fast readers of the models: generated source, made once for each class from the class itself.

The type that nearly always comes is taken as it is, and everything else is left to the functions of `leaves`. A fast reader does
not explain: where it raises Unreadable, the one of `reader` reads the same value again, to say where and why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from sys import intern
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

import attrs

from bigcommerce_b2b_invoices.models import invoice as words
from bigcommerce_b2b_invoices.models.checks import MAX_ID, NOTHING
from bigcommerce_b2b_invoices.wire.leaves import (
    LAST_SECOND,
    LEAVES,
    Read,
    Unreadable,
    enum_reader,
    read_amount,
    read_id,
    read_opaque,
)

Later: TypeAlias = Callable[[object, int, str, int], words.InvoiceDetails]  # details, index, request's path, invoice's id

DETAILS_CLASSES = (  # what a PUT replaces as a whole: here null, [] and a missing key must stay what they were
    words.InvoiceDetails, words.InvoiceHeader, words.InvoiceContents, words.LineItem, words.Shipment, words.Address,
    words.CostLine, words.Money,
)  # fmt: skip
ID_FIELDS = ("id", "invoice_id")
MOST_KEYS = 64  # of a class that are remembered
MOST_LETTERS = 64  # of such a key
REPEATED = ("code", "type", "channel_name", "country", "state")  # few texts, many times: each is kept once


def wire_name(attribute: str) -> str:
    """snake_case -> camelCase: `external_pdf_url` -> `externalPdfUrl`."""
    first, *others = attribute.split("_")
    return first + "".join(word.capitalize() for word in others)


def fields_of(cls: type[Any]) -> list["attrs.Attribute[Any]"]:
    """The fields of a class that have a key of their own."""
    return [field for field in attrs.fields(cls) if field.name != "additional_properties"]


def plain_type(field: "attrs.Attribute[Any]") -> Any:  # noqa: ANN401 - an annotation can be any object
    """The type without `| None`; of an enum or an int, the enum."""
    members = [field.type]
    if get_origin(field.type) in (Union, UnionType):
        members = [member for member in get_args(field.type) if member is not type(None)]
    return next((each for each in members if isinstance(each, type) and issubclass(each, IntEnum)), members[0])


# ---- keys that no field holds ----------------------------------------------------------------------------------------

_unknown: dict[type, tuple[str, ...]] = {}  # in the order in which they came


def unknown_keys(cls: type[Any]) -> tuple[str, ...]:
    """Keys that no field of this class holds, as far as they are known: its objects nearly always have the same ones."""
    return _unknown.get(cls, ())


def learn_keys(cls: type[Any], keys: Iterable[str]) -> None:
    """Remember those that no field holds, if they are plain, up to a bound. What gets lost between threads will come again."""
    known = unknown_keys(cls)
    if len(known) < MOST_KEYS:
        met = {*(wire_name(field.name) for field in fields_of(cls)), *known}
        new = [key for key in keys if key not in met and _is_plain(key)]
        _unknown[cls] = (*known, *new)[:MOST_KEYS]


def _is_plain(key: str) -> bool:
    """Whether a field of a struct can stand for the key, and it may be kept for good."""
    return len(key) <= MOST_LETTERS and key.isprintable() and '"' not in key and "\\" not in key


def _gatherer(cls: type[Any]) -> Callable[[dict[str, object], int], Mapping[str, object]]:
    """A function that gathers from an object what the fields cannot hold, given how many of its keys they hold wholly."""
    fields, keeps_empty = fields_of(cls), cls in DETAILS_CLASSES
    known = {wire_name(field.name) for field in fields}
    lists = {wire_name(field.name) for field in fields if get_origin(field.type) is tuple}
    times = {wire_name(field.name) for field in fields if plain_type(field) is datetime}

    def is_unheld(key: str, raw: object) -> bool:
        return raw is None or (not raw and key in lists) or (type(raw) is not int and key in times)

    def gather(value: dict[str, object], held: int) -> Mapping[str, object]:
        rest, unknown = {}, _unknown.get(cls, ())
        for key in unknown:
            if key in value:
                raw = rest[key] = value[key]
                if raw.__class__ is dict or raw.__class__ is list:
                    read_opaque(raw)
        if held + len(rest) != len(value):
            rest = {
                key: read_opaque(raw) for key, raw in value.items() if key not in known or (keeps_empty and is_unheld(key, raw))
            }
            if new := [key for key in rest if key not in known and key not in unknown]:
                learn_keys(cls, new)
        return rest or NOTHING

    return gather


# ---- readers ---------------------------------------------------------------------------------------------------------


_made: dict[type, Read] = {}


def generated(cls: type[Any]) -> Read:
    """The fast reader of a class whose objects are dicts."""
    if cls not in _made:
        _made[cls] = _Source(cls, nested=generated).compile()
    return _made[cls]


def _blank(cls: type[Any]) -> type[Any]:
    """The class as it would be if it were not frozen: what was read needs no second check, and plain stores cost a quarter."""
    of_object = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(cls.__name__, (cls,), {"__slots__": (), **of_object})


@attrs.frozen(eq=False, repr=False)
class _Source:
    """The source of a fast reader. Its `n` counts the keys that are wholly held by fields; a struct's, as if every key had come.

    Attributes:
        nested: The reader of another class.
        unset: Given: what is read is a struct, not a dict; see `struct_reader`.
    """

    cls: type[Any]
    nested: Callable[[type[Any]], Read] = attrs.field(kw_only=True)
    later: Later | None = attrs.field(default=None, kw_only=True)
    unset: object = attrs.field(default=None, kw_only=True)
    unknown: Mapping[type, Sequence[str]] = attrs.field(factory=dict, kw_only=True)
    names: dict[str, Any] = attrs.field(factory=dict, init=False)

    @property
    def keeps_empty(self) -> bool:
        """Whether null, [] and a missing key must stay what they were."""
        return self.cls in DETAILS_CLASSES

    def compile(self) -> Callable[..., Any]:
        """The function of the source."""
        self.names.update({
            "cls": self.cls, "Blank": _blank(self.cls), "Unreadable": Unreadable, "MAX_ID": MAX_ID, "NOTHING": NOTHING,
            "read_opaque": read_opaque, "intern": intern, "fromtimestamp": datetime.fromtimestamp, "UTC": UTC,
            "LAST_SECOND": LAST_SECOND, "read_amount": read_amount, "later": self.later, "UNSET": self.unset,
            "gather": _gatherer(self.cls), "opaque": (dict, list),
        })  # fmt: skip
        exec(self._text(), self.names)  # noqa: S102 - made of the class's own field names
        return self.names["read"]  # type: ignore[no-any-return] # it is the function of that source

    def _text(self) -> str:
        fields = fields_of(self.cls)
        lines = [f"def read(value{', index, path' if self.later else ''}):"]
        if self.unset is None:
            lines += ["    if value.__class__ is not dict: raise Unreadable('')", "    get = value.get"]
        lines += ["    model = Blank()", f"    n = {len(fields)}"]
        for field in fields:
            lines.append(f"    v = get({wire_name(field.name)!r})" if self.unset is None else f"    v = value.{field.name}")
            lines += [f"    {line}" for line in self._field(field)]
        if len(fields) < len(attrs.fields(self.cls)):
            rest = ["model.additional_properties = NOTHING if n == len(value) else gather(value, n)"]
            lines += [f"    {line}" for line in (rest if self.unset is None else self._rest_of_struct(len(fields)))]
        return "\n".join([*lines, "    model.__class__ = cls", "    return model"])

    def _rest_of_struct(self, fields: int) -> list[str]:
        unknown = self.unknown[self.cls]
        lines = ["rest = {}"] if unknown else ["rest = NOTHING"]
        for number, key in enumerate(unknown):
            lines += [f"v = value.unknown_{number}", f"if v is not UNSET: rest[{key!r}] = v"]
            lines += ["if v.__class__ in opaque: read_opaque(v)"]
        look_at_all = "gather(value.shallow(), -1)"  # -1 is never the number of keys
        return [*lines, f"model.additional_properties = rest or NOTHING if n == {fields} else {look_at_all}"]

    def _field(self, field: "attrs.Attribute[Any]") -> list[str]:
        if self.later and field.name == "details":
            return self._details_later()
        is_tuple = get_origin(field.type) is tuple
        common, otherwise = self._list(field) if is_tuple else self._value(field)
        if field.default is attrs.NOTHING:
            missing, lost = ["    raise Unreadable('')"], []
        else:  # inside details a null is kept as what it was; elsewhere it says no more than a missing key
            missing = ["    v = ()"] if is_tuple else []
            unless_null = [f"    if {wire_name(field.name)!r} not in value: n -= 1"] if self.unset is None else []
            lost = ["    n -= 1"] if self.keeps_empty else unless_null
        lines = [*common, "elif v is None:", *(missing + lost or ["    pass"])]
        if self.unset is not None:
            lines += ["elif v is UNSET:", *(missing or ["    v = None"])]
        return [*lines, "else:", *otherwise, f"model.{field.name} = v"]

    def _details_later(self) -> list[str]:
        read = "model._unread_details = (later, v, index, path, model.id)"
        if self.unset is not None:  # bytes: a copy, for a view would keep the whole answer alive
            return ["if v is UNSET or (v := bytes(v)) == b'null': model.details = None", f"else: {read}"]
        return ["if v is not None:", f"    {read}", "else:", "    model.details = None", "    if 'details' not in value: n -= 1"]

    def _list(self, field: "attrs.Attribute[Any]") -> tuple[list[str], list[str]]:
        item = get_args(field.type)[0]
        self.names[f"read_{field.name}"] = LEAVES[item] if item in LEAVES else self.nested(item)
        common = ["if v.__class__ is list:", f"    v = tuple([read_{field.name}(item) for item in v])"]
        return [*common, *(["    if not v: n -= 1"] if self.keeps_empty else [])], ["    raise Unreadable('')"]

    def _value(self, field: "attrs.Attribute[Any]") -> tuple[list[str], list[str]]:
        """The lines for a value as it nearly always comes, and those for any other."""
        expected, name = plain_type(field), field.name
        otherwise = [f"    v = read_{name}(v)"]
        read: Read
        if field.name in ID_FIELDS:
            read, common = read_id, ["if v.__class__ is int and 0 <= v <= MAX_ID: pass"]
        elif expected is object:
            read, common = read_opaque, ["if v.__class__ is dict and not v: pass"]
        elif isinstance(expected, type) and issubclass(expected, IntEnum):
            self.names[f"members_{name}"] = {member.value: member for member in expected}
            read, common = enum_reader(expected), [f"if v.__class__ is int: v = members_{name}.get(v, v)"]
        elif expected in LEAVES:
            read, common = LEAVES[expected], [COMMON["interned" if name in REPEATED else expected]]
            otherwise = ["    n -= 1", *otherwise] if self.keeps_empty and expected is datetime else otherwise
        else:
            is_here = "v.__class__ is dict" if self.unset is None else "v is not None and v is not UNSET"
            read, common = self.nested(expected), [f"if {is_here}: v = read_{name}(v)"]
        self.names[f"read_{name}"] = read
        return common, otherwise


COMMON: dict[object, str] = {
    str: "if v.__class__ is str: pass",
    "interned": "if v.__class__ is str: v = intern(v)",
    Decimal: "if v.__class__ is str: v = read_amount(v)",
    datetime: "if v.__class__ is int and 0 < v < LAST_SECOND: v = fromtimestamp(v, UTC)",
    bool: "if v.__class__ is int and 0 <= v <= 1: v = v == 1",
    int: "if v.__class__ is int: pass",
}


def invoice_reader(later: Later) -> Callable[..., Any]:
    """That of an invoice in a list, which leaves the details to `later`. It takes the row, its index and the request's path."""
    return _Source(words.Invoice, later=later, nested=generated).compile()


def struct_reader(
    cls: type[Any], *, unset: object, unknown: Mapping[type, Sequence[str]], later: Later | None = None
) -> Callable[..., Any]:
    """As the two above, for the structs of `wire.structs`.

    Args:
        cls: That of the models.
        unset: What stands for a key that did not come.
        unknown: For each class the keys that no field of it holds; struct fields `unknown_0`, `unknown_1`... have their values.
        later: Reads the details of an invoice; None: they are no longer bytes.
    """
    made: dict[type, Read] = {}

    def nested(cls: type[Any]) -> Read:
        if cls not in made:
            made[cls] = _Source(cls, unset=unset, unknown=unknown, nested=nested).compile()
        return made[cls]

    return _Source(cls, later=later, unset=unset, unknown=unknown, nested=nested).compile()
