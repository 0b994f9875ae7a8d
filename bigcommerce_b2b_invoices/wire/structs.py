"""Lists of invoices parsed by msgspec, where the extra `speed` is installed: into structs with the fields of the models.

A struct takes no dict and no look-up of keys, and the `details` of a row stay bytes, because parsing them is most of the work,
and a walk reads them only when somebody looks. Structs take what has been seen before and nothing else: an answer with a key that
is not known yet, in any other shape, or with something wrong, is left to the standard library, which knows what to say of it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import cache, partial
from typing import TYPE_CHECKING, Any, get_args, get_origin

import attrs

from bigcommerce_b2b_invoices.models.extra_field import ExtraField
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceDetails
from bigcommerce_b2b_invoices.models.query import RowFields
from bigcommerce_b2b_invoices.wire.generated import (
    DETAILS_CLASSES,
    Later,
    fields_of,
    learn_keys,
    plain_type,
    struct_reader,
    unknown_keys,
    wire_name,
)
from bigcommerce_b2b_invoices.wire.json_text import SHORT, read_json
from bigcommerce_b2b_invoices.wire.leaves import Unreadable

if TYPE_CHECKING:
    import msgspec
else:
    try:
        import msgspec
    except ImportError:  # without the extra everything is parsed by the standard library
        msgspec = None

MOST_SHAPES = 32  # times that structs are made anew, because there were unknown keys
CLASSES = (Invoice, ExtraField, *DETAILS_CLASSES)
FIELD_OF = {wire_name(field.name): field.name for field in fields_of(Invoice)}


class Structs:
    """Parses list answers and details, and makes its structs anew when unknown keys have come, a bounded number of times.

    After that, and for a class with too many unknown keys, the standard library parses: slower, never otherwise.

    Args:
        later: Reads details when they are first looked at.
    """

    def __init__(self, later: Later) -> None:
        self._later = later
        self._keys: dict[type, tuple[str, ...]] | None = None  # that no field holds and that the structs know
        self._made = 0
        self._decode_list: Callable[[bytes], Any] = _refuse
        self._decode_details: Callable[[bytes], Any] = _refuse

    def read_list(self, body: bytes) -> object:
        """As `read_json`; but rows of a long list may be structs, and what is wrong in their details is noticed by who looks."""
        if msgspec is None:
            return read_json(body)
        if len(body) <= SHORT:
            return read_json(body)  # strictly
        self._prepare()
        with suppress(msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
            parsed = self._decode_list(body)
            rows = parsed.data
            balances = sum(
                [(row.original_balance is not msgspec.UNSET) + (row.open_balance is not msgspec.UNSET) for row in rows]
            )
            if body.count(b'Balance"') == balances:  # as in `read_json`
                return {"code": parsed.code, "data": rows, "meta": parsed.meta}
        value = read_json(body)
        rows = value.get("data") if isinstance(value, dict) else None
        if isinstance(rows, list):
            learn_keys(Invoice, dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
        return value

    def read_details(self, details: bytes) -> InvoiceDetails | None:
        """Details that were left as bytes; None where it takes the standard way to read them."""
        try:
            return self._decode_details(details).read()  # type: ignore[no-any-return] # a struct made below
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):  # an Unreadable, too
            self._prepare()  # unknown keys may have come meanwhile
            return None

    def _prepare(self) -> None:
        keys: dict[type, tuple[str, ...]] = {cls: unknown_keys(cls) for cls in CLASSES}
        if keys == self._keys or self._made == MOST_SHAPES:
            return
        self._made += 1
        row, details = _make_structs(keys, self._later)
        members: list[Any] = [("data", list[row]), ("code", object, None), ("meta", object, None)]  # type: ignore[valid-type] # made at run time
        answer = msgspec.defstruct("ListAnswer", members, forbid_unknown_fields=True)
        self._decode_list = msgspec.json.Decoder(answer, float_hook=Decimal).decode
        self._decode_details = msgspec.json.Decoder(details, float_hook=Decimal).decode
        self._keys = keys


def _refuse(_text: bytes) -> object:
    raise ValueError("no structs have been made yet")


def _make_structs(unknown: Mapping[type, Sequence[str]], later: Later) -> tuple[type[Any], type[Any]]:
    """The struct of a row and that of details, each with its reader as a method."""
    made: dict[type, type[Any]] = {}

    def struct(cls: type[Any], **methods: Callable[..., Any]) -> type[Any]:
        if cls not in made:
            keys = {field.name: wire_name(field.name) for field in fields_of(cls)}
            kinds = [(field.name, kind(plain_type(field)), msgspec.UNSET) for field in fields_of(cls)]
            for number, key in enumerate(unknown[cls]):
                keys[f"unknown_{number}"] = key
                kinds.append((f"unknown_{number}", object, msgspec.UNSET))
            made[cls] = msgspec.defstruct(
                cls.__name__, kinds, rename=keys, namespace={"shallow": _shallow, **methods},
                forbid_unknown_fields=True, kw_only=True, gc=False,
            )  # fmt: skip
        return made[cls]

    def kind(expected: Any) -> Any:  # noqa: ANN401 - types
        if expected is InvoiceDetails:
            return msgspec.Raw
        if get_origin(expected) is tuple and attrs.has(get_args(expected)[0]):
            return list[struct(get_args(expected)[0])] | None  # type: ignore[misc] # made at run time
        return struct(expected) | None if isinstance(expected, type) and attrs.has(expected) else object

    read = partial(struct_reader, unset=msgspec.UNSET, unknown=unknown)
    row = struct(Invoice, read=read(Invoice, later=later), read_fields=read(RowFields))
    return row, struct(InvoiceDetails, read=read(InvoiceDetails))


def _shallow(struct: Any) -> dict[str, object]:  # noqa: ANN401 - a struct made at run time
    """What came, by its keys."""
    values = [
        (key, getattr(struct, name)) for key, name in zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)
    ]
    return {key: value for key, value in values if value is not msgspec.UNSET}


def parse_details(details: bytes) -> object:
    """The value of details that were left as bytes. Unreadable where they are no sound JSON."""
    try:
        return _exact_decoder().decode(details)
    except (msgspec.MsgspecError, ValueError, ArithmeticError):
        problem = "not JSON in UTF-8, or a number that is out of range"
    except RecursionError:
        problem = "nested too deeply"
    raise Unreadable(problem)


@cache
def _exact_decoder() -> "msgspec.json.Decoder[object]":
    return msgspec.json.Decoder(float_hook=Decimal)


def is_struct(row: object) -> bool:
    """Whether it is a row that was parsed into a struct."""
    return hasattr(row, "shallow")


def whole(row: object) -> object:
    """The row as parsed JSON, its details as far as they can be parsed."""
    if not is_struct(row):
        return row
    value = _shallow(row)
    for key, item in value.items():
        if isinstance(item, msgspec.Raw):
            value[key] = bytes(item)
            with suppress(Unreadable):
                value[key] = parse_details(bytes(item))
        elif isinstance(item, list):  # of structs; no other list is looked into, however deep it is
            value[key] = [whole(each) for each in item]
        else:
            value[key] = whole(item)
    return value


def marks_of(rows: Sequence[Any], key: str | None) -> list[tuple[object, object]]:
    """The id of each row and its value under a key, None where there is none."""
    if rows and is_struct(rows[0]):
        name = "" if key is None else FIELD_OF.get(key, "")
        pairs = [(row.id, getattr(row, name, None)) for row in rows]
        return [(row_id, None if value is msgspec.UNSET else value) for row_id, value in pairs]
    return [(row.get("id"), key and row.get(key)) if row.__class__ is dict else (None, None) for row in rows]
