"""JSON <-> models, with cattrs. The only place that knows wire names.

The reader is tolerant, because the wire is: a number may come as a text, null may stand for a missing key, times come as
epoch seconds or ISO 8601. It never guesses: what cannot be read is reported with its place. What the fields of a class
cannot hold is kept in `additional_properties`, and the writer puts it back.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias, TypeVar

import attrs
import cattrs

from bigcommerce_b2b_invoices.errors import DecodeError
from bigcommerce_b2b_invoices.models import invoice as words
from bigcommerce_b2b_invoices.models.checks import MAX_ID
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.query import InvoiceQuery, RowFields, SortField
from bigcommerce_b2b_invoices.wire.generated import invoice_reader, wire_name
from bigcommerce_b2b_invoices.wire.json_text import read_json, write_json
from bigcommerce_b2b_invoices.wire.leaves import EPOCH, LEAVES, Read, Unreadable, read_text, read_time
from bigcommerce_b2b_invoices.wire.reader import make_reader, model_name
from bigcommerce_b2b_invoices.wire.structs import Structs, is_struct, marks_of, parse_details, whole

T = TypeVar("T")
Write: TypeAlias = Callable[[Any], object]


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
        return read_time(raw) == time
    except Unreadable:
        return False


def _writer(expected: Any) -> Write:  # noqa: ANN401 - an annotation can be any object
    """Opaque JSON as it is; everything else by the converter."""
    return (lambda value: value) if expected is object else _converter.unstructure


# ---- the converter ---------------------------------------------------------------------------------------------------


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for leaf, read_leaf in LEAVES.items():
        converter.register_structure_hook(leaf, _hook(read_leaf))
    converter.register_structure_hook_factory(attrs.has, lambda cls: _hook(make_reader(cls)))
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
    except Unreadable as problem:
        error = _explained(problem, cls, path, _invoice_id(cls, value))
    raise error  # outside the except block: no chain, which would quote what the server sent


def _explained(problem: Unreadable, cls: type, path: str, invoice_id: int | None) -> DecodeError:
    place = path + "".join(reversed(problem.steps))
    return DecodeError(problem.problem, model=problem.model or model_name(cls), path=place, invoice_id=invoice_id)


def read_all(cls: type[T], values: Iterable[object], path: str = "data") -> tuple[T, ...]:
    """Models from the rows of a parsed JSON list."""
    return tuple(read(cls, value, f"{path}[{index}]") for index, value in enumerate(values))


def read_row(cls: type[T], row: object, index: int, request_path: str) -> T:
    """A model from a row of a list that was received before. What cannot be read is a DecodeError that names the request, too."""
    try:
        return read(cls, row, f"data[{index}]")
    except DecodeError as problem:
        problem.of_request("GET", request_path, 1)
        raise


def read_row_fields(rows: Iterable[Any]) -> tuple[RowFields, ...]:
    """What of a list's rows can be checked against its query."""
    return tuple([_row_fields(row, index) for index, row in enumerate(rows)])


def _row_fields(row: Any, index: int) -> RowFields:  # noqa: ANN401 - JSON, or a struct
    if is_struct(row):
        with suppress(Unreadable):
            return row.read_fields()  # type: ignore[no-any-return] # made at run time
    return read(RowFields, whole(row), f"data[{index}]")


def read_invoice_row(row: Any, index: int, request_path: str) -> words.Invoice:  # noqa: ANN401 - JSON, or a struct
    """As `read_row`; but the invoice reads its details only when they are first looked at."""
    try:
        if row.__class__ is dict:
            return _invoice_reader()(row, index, request_path)
        if is_struct(row):
            return row.read(index, request_path)  # type: ignore[no-any-return] # made at run time
    except Unreadable:
        pass
    return read_row(words.Invoice, whole(row), index, request_path)


def _read_details(details: object, index: int, request_path: str, invoice_id: int) -> words.InvoiceDetails:
    if isinstance(details, bytes) and (found := structs.read_details(details)) is not None:
        return found
    try:
        value = parse_details(details) if isinstance(details, bytes) else details
        return _details_reader()(value)  # type: ignore[no-any-return] # a reader of any class
    except Unreadable as problem:
        error = _explained(problem, words.Invoice, f"data[{index}].details", invoice_id)
    raise error.of_request("GET", request_path, 1)


structs = Structs(_read_details)


@cache  # made on first use: compiling takes longer than importing this module
def _invoice_reader() -> Callable[[object, int, str], words.Invoice]:
    return invoice_reader(_read_details)


@cache
def _details_reader() -> Read:
    return make_reader(words.InvoiceDetails)


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


def _invoice_id(cls: type, value: object) -> int | None:
    found = value.get("id") if cls in (words.Invoice, RowFields) and isinstance(value, dict) else None
    return found if type(found) is int else None


def read_marks(cls: type, rows: Sequence[Any], sort_by: SortField | None) -> list[tuple[int, int | str | None]]:
    """Id and sort key of each row of a list: a time in microseconds, an invoice number, or None where there is none."""
    is_time = sort_by in (SortField.CREATED_AT, SortField.UPDATED_AT)
    name = sort_by.value if sort_by is not None and (is_time or sort_by is SortField.INVOICE_NUMBER) else None
    marks: list[tuple[int, int | str | None]] = []
    for index, (row_id, key) in enumerate(marks_of(rows, name)):
        if type(row_id) is not int or not 0 <= row_id <= MAX_ID:
            raise DecodeError("expected an object with a sound id", model=model_name(cls), path=f"data[{index}].id")
        if type(key) is int and is_time:
            marks.append((row_id, key * 1_000_000))
        else:
            marks.append((row_id, None if key is None else _key(key, is_time=is_time)))
    return marks


def _key(value: object, *, is_time: bool) -> int | str | None:
    try:
        time = read_time(value) if is_time else None
        return read_text(value) if not is_time else None if time is None else (time - EPOCH) // timedelta(microseconds=1)
    except Unreadable:
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
