"""JSON <-> models, with cattrs.

The structure hooks are the readers. They are tolerant, because the API sends mixed forms: a number may come as a text, null may
stand for a missing key, times come as epoch seconds or ISO 8601. The unstructure hooks write a model under the API's names. They
put the values that the fields could not hold back in their old places.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar, cast, get_origin

import attrs
import cattrs

from bigcommerce_b2b_invoices.errors import DecodeError
from bigcommerce_b2b_invoices.models.facts import Form, facts_of
from bigcommerce_b2b_invoices.models.invoice import Invoice, Money
from bigcommerce_b2b_invoices.wire.json_text import read_json, write_json
from bigcommerce_b2b_invoices.wire.reader import EMPTY, KEPT, fields_of, make_reader, wire_name
from bigcommerce_b2b_invoices.wire.strict import reader_back
from bigcommerce_b2b_invoices.wire.values import EPOCH, EXACT, READERS, Read, Unreadable, read_time, whole_seconds

T = TypeVar("T")
Hook: TypeAlias = Callable[[object, type[T]], T]
Write: TypeAlias = Callable[[Any], object]


# ---- writing ---------------------------------------------------------------------------------------------------------


def _write_time(time: datetime) -> int | Decimal:
    """Epoch seconds, with a fraction if the time has one, so that reading and writing a time does not change it."""
    since = time - EPOCH
    if since.microseconds == 0:
        return since // timedelta(seconds=1)
    return EXACT.divide(Decimal(since // timedelta(microseconds=1)), 1_000_000)


def _write_amount(value: Decimal) -> str:
    return format(value, "f")


def _money_as_number(money: Money) -> dict[str, object]:
    """Money whose value is a JSON number. POST takes balances in this form; everything else takes texts."""
    return {**converter.unstructure(money), "value": Decimal(_write_amount(money.value))}


FORMS: dict[Form, Write] = {
    Form.TEXT: str,
    Form.ZERO_OR_ONE: int,
    Form.MONEY_AS_NUMBER: _money_as_number,
    Form.WHOLE_SECONDS: whole_seconds,
}


def _class_writer(cls: type[attrs.AttrsInstance]) -> Callable[[attrs.AttrsInstance], dict[str, object]]:
    """The unstructure hook of an attrs class. It writes the set fields, under wire names, and the values no field could hold."""
    fields = [field for field in attrs.fields(cls) if field.name != KEPT]
    writers = [(field.name, wire_name(field.name), field.default, _field_writer(field)) for field in fields]
    times = {wire_name(field.name): field.name for field in fields if facts_of(field).as_it_came}

    def write(instance: attrs.AttrsInstance) -> dict[str, object]:
        written: dict[str, object] = {}
        for attribute, name, default, write_field in writers:
            value = getattr(instance, attribute)
            if value is not None and not (default == () and value == ()):
                written[name] = write_field(value)
            elif default is attrs.NOTHING:
                written[name] = None  # a field without a default cannot be left out
        for name, raw in getattr(instance, KEPT, {}).items():
            if name not in written or (name in times and _is_time(raw, getattr(instance, times[name]))):
                written[name] = raw
        return written

    return write


def replaced(model: attrs.AttrsInstance, path: str) -> str | None:
    """The path of a list or an object that could not be read and was kept, and that a field of the model would now replace.

    An edit that adds to such a list believes that it is empty. A caller who really wants to replace it removes the key from
    `additional_properties`.
    """
    kept: dict[str, object] = getattr(model, KEPT, {})
    for field in fields_of(type(model)):
        value, here = getattr(model, field.name), f"{path}.{field.key}"
        parts = value if field.is_list else (value,)
        if value in (None, ()) or not attrs.has(field.expected):
            continue
        if kept.get(field.key) not in (None, *EMPTY):
            return here
        for index, part in enumerate(parts):
            if found := replaced(part, f"{here}[{index}]" if field.is_list else here):
                return found
    return None


def _is_time(raw: object, time: datetime) -> bool:
    """Whether the raw value stands for this time."""
    try:
        return read_time(raw) == time
    except Unreadable:
        return False


def _field_writer(field: "attrs.Attribute[Any]") -> Write:
    """The writer of a field: opaque JSON as it is, a field with a form in that form, everything else by the converter."""
    if field.type is object:
        return lambda value: value
    form = facts_of(field).form
    return converter.unstructure if form is None else FORMS[form]


# ---- the converter ---------------------------------------------------------------------------------------------------


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter()
    for leaf, read_leaf in READERS.items():
        if leaf is not object:
            made.register_structure_hook(leaf, _hook(read_leaf))
    made.register_structure_hook_factory(attrs.has, _class_hook)
    made.register_unstructure_hook(Decimal, _write_amount)
    made.register_unstructure_hook(datetime, _write_time)
    made.register_unstructure_hook(tuple, lambda items: [made.unstructure(item) for item in items])
    made.register_unstructure_hook_factory(attrs.has, _class_writer)
    return made


def _class_hook(cls: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401 - the signature that cattrs expects
    return make_reader(cls)


def _hook(read: Read) -> Callable[[Any, type], Any]:
    return lambda value, _type: read(value)


converter: cattrs.Converter = _make_converter()


def hook_of(cls: type[T]) -> "Hook[T]":
    """The converter's function that reads a model. It raises Unreadable if it cannot."""
    return cast("Hook[T]", converter.get_structure_hook(cls))


def read(cls: type[T], value: object, path: str = "data") -> T:
    """A model from parsed JSON. Raises a DecodeError for a value that cannot be read; the path to it starts with `path`."""
    return read_with(hook_of(cls), cls, value, path)


def read_with(hook: "Hook[T]", cls: type[T], value: object, path: str) -> T:
    """Like `read`, with another reader than the converter's."""
    try:
        return hook(value, cls)
    except Unreadable as problem:
        error = explained(problem, cls, value, path)
    raise error  # outside the except block: a chained error would quote the server's text


def explained(problem: Unreadable, cls: type, value: object, path: str) -> DecodeError:
    """The DecodeError for a value that cannot be read."""
    found = value.get("id") if cls is Invoice and isinstance(value, dict) else None
    invoice_id = found if type(found) is int else None
    error = DecodeError(problem.problem, model=problem.model or name_of(cls), path=path + problem.path, invoice_id=invoice_id)
    error.row = value
    return error


def name_of(cls: Any) -> str:  # noqa: ANN401 - a class, or a generic class with its argument
    """The name of the class, without the argument of a generic class."""
    return str(getattr(get_origin(cls) or cls, "__name__", cls))


def read_all(cls: type[T], values: Iterable[object], path: str = "data") -> tuple[T, ...]:
    """Models from the rows of a parsed JSON list."""
    return tuple([read(cls, value, f"{path}[{index}]") for index, value in enumerate(values)])


def write(model: attrs.AttrsInstance) -> dict[str, object]:
    """A model as JSON values under wire names. Unset fields are left out. Null is written only if it was read."""
    written: dict[str, object] = converter.unstructure(model)
    return written


def to_json(model: attrs.AttrsInstance) -> str:
    """A model as one line of JSON in the API's own names; `from_json` reads it back to an equal model.

    Raises:
        TypeError: The model holds a float, or a value that cannot be JSON.
    """
    return write_json(write(model))


def from_json(cls: type[T], text: str) -> T:
    """A model, such as an `Invoice` or a `Page[Invoice]`, from JSON in the API's names.

    If the API sends the model, such as an `Invoice`, the function keeps everything that a field cannot hold. If callers make the
    model, such as an `InvoiceDraft`, the function is strict: an unknown key is an error.

    Raises:
        DecodeError: The text is not JSON, or holds a value that cannot be read.
        TypeError: An object of the class cannot be read back, such as an outcome or an error.
    """
    if not isinstance(text, str):
        raise TypeError(f"expected the JSON as a str, not {type(text).__name__}")
    read_model = reader_back(cls)
    try:
        value = read_json(text.encode("utf-8", "surrogatepass"))
    except ValueError as problem:
        error = DecodeError(str(problem), model=name_of(cls))
    else:
        return read_with(read_model, cls, value, name_of(cls))
    raise error
