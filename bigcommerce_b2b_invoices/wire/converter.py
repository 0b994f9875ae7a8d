"""JSON <-> models, with cattrs. The only place that knows wire names.

The reader is tolerant, because the wire is: a number may come as a text, null may stand for a missing key, times come as
epoch seconds or ISO 8601. It never guesses: what cannot be read is reported with its place. What the fields of a class
cannot hold is kept in `additional_properties`, and the writer puts it back.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from types import UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs
import cattrs

from bigcommerce_b2b_invoices.errors import DecodeError
from bigcommerce_b2b_invoices.models import invoice as words
from bigcommerce_b2b_invoices.models.checks import MAX_EXPONENT, MAX_ID
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.query import InvoiceQuery, RowFields, SortField
from bigcommerce_b2b_invoices.wire.json_text import read_json, write_json

T = TypeVar("T")
Read: TypeAlias = Callable[[Any], Any]
Write: TypeAlias = Callable[[Any], object]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DETAILS_CLASSES = (  # what a PUT replaces as a whole: here null, [] and a missing key must stay what they were
    words.InvoiceDetails, words.InvoiceHeader, words.InvoiceContents, words.LineItem, words.Shipment, words.Address,
    words.CostLine, words.Money,
)  # fmt: skip
_AMOUNT = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{1,64})?([eE][+-]?[0-9]{1,2})?")
_DIGITS = re.compile(r"-?[0-9]{1,18}")
MAX_DEPTH = 64  # levels of opaque JSON
ID_FIELDS = ("id", "invoice_id")


def wire_name(attribute: str) -> str:
    """snake_case -> camelCase: `external_pdf_url` -> `externalPdfUrl`."""
    first, *others = attribute.split("_")
    return first + "".join(word.capitalize() for word in others)


# ---- reading: leaves -------------------------------------------------------------------------------------------------


class _Unreadable(ValueError):  # noqa: N818 - a signal inside this module, not an error of the tree
    """A value that cannot be read, and the way to it, innermost step first."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str] = []
        self.model = ""


_JSON_NAMES = {
    bool: "a boolean",
    int: "a number",
    Decimal: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def _kind(value: object) -> str:
    return _JSON_NAMES.get(type(value), "null" if value is None else type(value).__name__)


def _read_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and abs(value.adjusted()) <= MAX_EXPONENT:
        return format(value, "f")
    raise _Unreadable(f"expected a text, got {_kind(value)}")


def _read_int(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, Decimal) and abs(value.adjusted()) <= 18 and value == value.to_integral_value():
        return int(value)
    raise _Unreadable(f"expected a whole number, got {_kind(value)}")


def _read_id(value: object) -> int:
    if type(value) is int and 0 <= value <= MAX_ID:
        return value
    raise _Unreadable(f"expected an id (a whole number from 0 to {MAX_ID}), got {_kind(value)}")


def _read_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if (number := _read_int(value)) in (0, 1):
        return bool(number)
    raise _Unreadable("expected 0 or 1, got another number")


def _read_decimal(value: object) -> Decimal:
    if isinstance(value, str):
        if not _AMOUNT.fullmatch(value):
            raise _Unreadable("a text that is no amount")
        value = Decimal(value)
    elif type(value) is int:
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise _Unreadable(f"expected an amount, got {_kind(value)}")
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise _Unreadable("an amount that is out of range")
    return value


def _read_time(value: object) -> datetime | None:
    if value == "":
        return None
    try:
        if type(value) is int:
            return EPOCH + timedelta(seconds=value)
        if isinstance(value, Decimal) and abs(value.adjusted()) <= 18:
            return EPOCH + timedelta(microseconds=int(value * 1_000_000))
        if isinstance(value, str):
            if _DIGITS.fullmatch(value):
                return EPOCH + timedelta(seconds=int(value))
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)  # the API's clock is UTC
    except (ValueError, OverflowError):
        raise _Unreadable(f"{_kind(value)} that is no time (epoch seconds or ISO 8601)") from None
    raise _Unreadable(f"expected a time (epoch seconds or ISO 8601), got {_kind(value)}")


_LEAVES: dict[Any, Read] = {
    str: _read_text,
    int: _read_int,
    bool: _read_bool,
    Decimal: _read_decimal,
    datetime: _read_time,
}


def _read_opaque(value: object) -> object:
    """JSON that is kept as it is, if it is not nested so deeply that nothing can be done with it."""
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
    raise _Unreadable("nested too deeply")


# ---- reading: classes ------------------------------------------------------------------------------------------------


def _reader(expected: Any) -> Read:  # noqa: ANN401 - an annotation can be any object
    """A function that reads one field of this type; None and missing keys never reach it."""
    if expected is object:
        return _read_opaque
    if get_origin(expected) in (Union, UnionType):
        members = [member for member in get_args(expected) if member is not type(None)]
        enum = next((member for member in members if issubclass(member, IntEnum)), None)
        return _enum_reader(enum) if enum else _reader(members[0])
    if get_origin(expected) is tuple:
        return _tuple_reader(_reader(get_args(expected)[0]))
    if expected in _LEAVES:
        return _LEAVES[expected]
    hook = _converter.get_structure_hook(expected)
    return lambda value: hook(value, expected)


def _enum_reader(enum: type[IntEnum]) -> Read:
    known = {member.value: member for member in enum}

    def read(value: object) -> int:
        number = _read_int(value)
        return known.get(number, number)  # a number that the API adds later must survive

    return read


def _tuple_reader(read_item: Read) -> Read:
    def read(value: object) -> tuple[object, ...]:
        if type(value) is not list:
            raise _Unreadable(f"expected a list, got {_kind(value)}")
        items = []
        for index, item in enumerate(value):
            try:
                items.append(read_item(item))
            except _Unreadable as problem:
                problem.steps.append(f"[{index}]")
                raise
        return tuple(items)

    return read


def _class_reader(cls: type[Any]) -> Callable[[object, type], Any]:
    """The structure hook of an attrs class; made once for each class."""
    fields = [field for field in attrs.fields(cls) if field.name != "additional_properties"]
    keeps_rest = len(fields) < len(attrs.fields(cls))
    readers = [
        (
            wire_name(field.name),
            field.name,
            _read_id if field.name in ID_FIELDS else _reader(field.type),
            field.default is attrs.NOTHING,
        )
        for field in fields
    ]
    known = frozenset(name for name, _, _, _ in readers)
    keeps_empty = cls in DETAILS_CLASSES
    defaults = [(field.name, None if field.default is attrs.NOTHING else field.default) for field in fields]
    # What was read needs no second check, so the checks of __init__ are passed by: an empty subclass that can be written
    # to is filled, and then becomes the class itself.
    mutable: Any = type(cls.__name__, (cls,), {"__slots__": (), "__setattr__": object.__setattr__})
    new = object.__new__
    model_name = _model_name(cls)

    def read(value: object, _cls: type) -> Any:  # noqa: ANN401 - cattrs checks no types
        if type(value) is not dict:
            raise _Unreadable(f"expected an object, got {_kind(value)}")
        found: dict[str, object] = {}
        unheld = {name: _read_opaque(raw) for name, raw in value.items() if name not in known} if keeps_rest else {}
        for name, attribute, read_field, required in readers:
            try:
                if (raw := value.get(name)) is not None:
                    found[attribute] = read_field(raw)
                elif required:
                    raise _Unreadable("missing or null")  # noqa: TRY301 - it must gain the step below, like any other
            except _Unreadable as problem:
                problem.steps.append(f".{name}")
                problem.model = problem.model or model_name
                raise
            if keeps_empty and name in value and (found.get(attribute) in (None, ()) or read_field is _read_time):
                unheld[name] = raw  # a time, too: it is written back as it came
        model = new(mutable)
        for attribute, default in defaults:
            setattr(model, attribute, found.get(attribute, default))
        if keeps_rest:
            model.additional_properties = unheld
        model.__class__ = cls
        return model

    return read


# ---- writing ---------------------------------------------------------------------------------------------------------


def _write_time(time: datetime) -> int | Decimal:
    """Epoch seconds; with a fraction where the time has one, so that a time that was read is not changed by writing it."""
    since = time - EPOCH
    if since.microseconds == 0:
        return since // timedelta(seconds=1)
    return Decimal(since // timedelta(microseconds=1)) / 1_000_000


def whole_seconds(time: datetime) -> int:
    """Epoch seconds, rounded down."""
    return (time - EPOCH) // timedelta(seconds=1)


def _write_amount(value: Decimal) -> str:
    return format(value, "f")


def _money_as_number(money: words.Money) -> dict[str, object]:
    """POST takes balances as JSON numbers, where everything else takes texts."""
    return {**_converter.unstructure(money), "value": Decimal(_write_amount(money.value))}


WRITE_AS: dict[tuple[type, str], Write] = {  # where a field is not written as its type says
    (words.Invoice, "channel_id"): str,
    (words.Invoice, "is_pending_payment"): int,
    (InvoiceDraft, "original_balance"): _money_as_number,
    (InvoiceDraft, "open_balance"): _money_as_number,
    (InvoiceDraft, "due_date"): whole_seconds,
    (InvoiceDraft, "issued_at"): whole_seconds,
    (InvoiceChanges, "due_date"): whole_seconds,
    (InvoiceChanges, "created_at"): whole_seconds,
}


def _class_writer(cls: type[attrs.AttrsInstance]) -> Callable[[attrs.AttrsInstance], dict[str, object]]:
    """The unstructure hook of an attrs class: what is set, under wire names, and what the fields could not hold."""
    fields = [
        (field.name, wire_name(field.name), field.default == (), WRITE_AS.get((cls, field.name), _writer(field.type)))
        for field in attrs.fields(cls)
        if field.name != "additional_properties"
    ]

    times = {"orderDate": "order_date"} if cls is words.InvoiceHeader else {}

    def write(instance: attrs.AttrsInstance) -> dict[str, object]:
        written: dict[str, object] = {}
        for attribute, name, empty_is_unset, write_field in fields:
            value = getattr(instance, attribute)
            if value is not None and not (empty_is_unset and value == ()):
                written[name] = write_field(value)
        for name, raw in getattr(instance, "additional_properties", {}).items():
            if name not in written or (name in times and _is_time(raw, getattr(instance, times[name]))):
                written[name] = raw
        return written

    return write


def _is_time(raw: object, time: datetime) -> bool:
    """Whether this is how the time was sent."""
    try:
        return _read_time(raw) == time
    except _Unreadable:
        return False


def _writer(expected: Any) -> Write:  # noqa: ANN401 - an annotation can be any object
    """Opaque JSON as it is; everything else by the converter."""
    return (lambda value: value) if expected is object else _converter.unstructure


# ---- the converter ---------------------------------------------------------------------------------------------------


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for leaf, read in (
        (str, _read_text),
        (int, _read_int),
        (bool, _read_bool),
        (Decimal, _read_decimal),
        (datetime, _read_time),
    ):
        converter.register_structure_hook(leaf, _hook(read))
    converter.register_structure_hook_factory(attrs.has, _class_reader)
    converter.register_unstructure_hook(Decimal, _write_amount)
    converter.register_unstructure_hook(datetime, _write_time)
    converter.register_unstructure_hook(tuple, lambda items: [converter.unstructure(item) for item in items])
    converter.register_unstructure_hook_factory(attrs.has, _class_writer)
    return converter


def _hook(read: Read) -> Callable[[Any, type], Any]:
    return lambda value, _type: read(value)


_converter = _make_converter()


def read(cls: type[T], value: object, path: str = "data") -> T:
    """A model from parsed JSON. What cannot be read is a DecodeError with the place, counted from `path`."""
    try:
        return _converter.structure(value, cls)
    except _Unreadable as problem:
        error = DecodeError(
            problem.problem,
            model=problem.model or _model_name(cls),
            path=path + "".join(reversed(problem.steps)),
            invoice_id=_invoice_id(cls, value),
        )
    raise error  # outside the except block: no chain, which would quote what the server sent


def read_all(cls: type[T], values: Iterable[object], path: str = "data") -> tuple[T, ...]:
    """Models from the rows of a parsed JSON list."""
    return tuple(read(cls, value, f"{path}[{index}]") for index, value in enumerate(values))


def write(model: attrs.AttrsInstance) -> dict[str, object]:
    """A model as JSON values under wire names. What is unset is left out; null is sent only where it was read."""
    written: dict[str, object] = _converter.unstructure(model)
    return written


def to_json(model: attrs.AttrsInstance) -> str:
    """A model as one line of JSON in the API's own names; `from_json` reads it back to an equal model.

    Raises:
        TypeError: A float, or something that is not JSON, was put into the model.
    """
    return write_json(write(model))


def from_json(cls: type[T], text: str) -> T:
    """A model, such as an `Invoice`, from JSON in the API's names.

    Raises:
        DecodeError: The text is not JSON, or holds a value that cannot be read.
    """
    if not isinstance(text, str):
        raise TypeError(f"expected the JSON as a str, not {type(text).__name__}")
    try:
        value = read_json(text.encode("utf-8", "surrogatepass"))
    except ValueError as problem:
        error = DecodeError(str(problem), model=cls.__name__)
    else:
        return read(cls, value, cls.__name__)
    raise error


def _model_name(cls: type) -> str:
    return "Invoice" if cls is RowFields else cls.__name__


def _invoice_id(cls: type, value: object) -> int | None:
    found = value.get("id") if cls in (words.Invoice, RowFields) and isinstance(value, dict) else None
    return found if type(found) is int else None


def read_marks(cls: type, rows: Iterable[object], sort_by: SortField | None) -> list[tuple[int, int | str | None]]:
    """Id and sort key of each row of a parsed list: a time in microseconds, an invoice number, or None where there is none."""
    is_time = sort_by in (SortField.CREATED_AT, SortField.UPDATED_AT)
    name = sort_by.value if sort_by is not None and (is_time or sort_by is SortField.INVOICE_NUMBER) else ""
    marks = []
    for index, row in enumerate(rows):
        if type(row) is not dict or type(row_id := row.get("id")) is not int or not 0 <= row_id <= MAX_ID:
            raise DecodeError("expected an object with a sound id", model=_model_name(cls), path=f"data[{index}].id")
        key = row.get(name)
        if type(key) is int and is_time:
            key *= 1_000_000
        elif key is not None:
            key = _key(key, is_time=is_time)
        marks.append((row_id, key))
    return marks


def _key(value: object, *, is_time: bool) -> int | str | None:
    try:
        time = _read_time(value) if is_time else None
        return _read_text(value) if not is_time else None if time is None else (time - EPOCH) // timedelta(microseconds=1)
    except _Unreadable:
        return None


# ---- queries ---------------------------------------------------------------------------------------------------------


def array_parameter(name: str, values: Iterable[object]) -> list[tuple[str, str]]:
    """An array in a query: the name once for each value, as OpenAPI does by default. The one place to change it."""
    return [(name, str(value)) for value in values]


def query_parameters(query: InvoiceQuery) -> tuple[tuple[str, str], ...]:
    """The query parameters of GET /invoices, without offset and limit."""
    plain = {
        "status": None if query.status is None else str(query.status.value),
        "customerId": query.customer_id,
        "customerName": query.customer_name,
        "searchBy": query.search_by,
        "q": query.q,
        "beginDateAt": None if query.begin_date_at is None else str(whole_seconds(query.begin_date_at)),
        "endDateAt": None if query.end_date_at is None else str(whole_seconds(query.end_date_at)),
        "sortBy": query.sort_by,
        "orderBy": query.order_by,
        "isIncludeExtraFields": "1" if query.include_extra_fields else None,  # 0 or 1, not true or false
    }
    return (
        *((name, str(value)) for name, value in plain.items() if value is not None),
        *array_parameter("externalId[]", query.external_ids),
        *array_parameter("channelIds", query.channel_ids),
    )
