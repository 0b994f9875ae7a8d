"""The eight endpoints: typed arguments -> a `Call`. Source: the API's documentation page "Invoice"."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, NotFoundError
from bigcommerce_b2b_invoices.models.checks import MAX_ID, resource_id
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceFromOrder, PDFLinks
from bigcommerce_b2b_invoices.models.query import InvoiceQuery
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.call import Call, Request, Response
from bigcommerce_b2b_invoices.wire.envelope import open_envelope
from bigcommerce_b2b_invoices.wire.headers import server_time
from bigcommerce_b2b_invoices.wire.json_text import read_json, write_json

T = TypeVar("T")

MAX_LIMIT = 250  # rows per page; the documented maximum


@attrs.frozen(eq=False, repr=False)
class Slice:
    """The rows of one list answer, read so far as JSON.

    Attributes:
        rows: As the server sent them.
        limit: The limit that the server says it applied; None where it does not say.
        total_count: How many rows it says match; None where it does not say.
        server_time: Of the answer, in epoch seconds; None where it does not say.
    """

    rows: list[object]
    limit: int | None
    total_count: int | None
    server_time: float | None


def get_invoice(invoice_id: int) -> Call[Invoice]:
    """GET /invoices/{invoiceId}."""
    return Call(Request("GET", _invoice_path(invoice_id)), partial(_decode, Invoice), repeatable=True)


def list_invoices(query: InvoiceQuery, *, offset: int, limit: int, details_later: bool = False) -> Call[Slice]:
    """GET /invoices. Where details may be read later, they need not be parsed now."""
    parameters = (*converter.query_parameters(query), *_paging(offset, limit))
    decode = partial(_decode_slice, parse=converter.structs.read_list) if details_later else _decode_slice
    return Call(Request("GET", "/invoices", parameters), decode, repeatable=True)


def create_invoice(draft: InvoiceDraft) -> Call[int]:
    """POST /invoices."""
    return Call(Request("POST", "/invoices", body=_body(draft)), _decode_id, repeatable=False)


def update_invoice(invoice_id: int, changes: InvoiceChanges) -> Call[None]:
    """PUT /invoices/{invoiceId}."""
    body = _body(changes)
    if body == b"{}":
        raise ValueError("the changes change nothing: set at least one field")
    return Call(Request("PUT", _invoice_path(invoice_id), body=body), _decode_updated, repeatable=False)


def delete_invoice(invoice_id: int) -> Call[None]:
    """DELETE /invoices/{invoiceId}. When repeated after a lost answer, finding nothing is success."""
    return Call(Request("DELETE", _invoice_path(invoice_id)), _decode_nothing, repeatable=True, decode_repeated=_decode_gone)


def create_invoice_from_order(order_id: int) -> Call[InvoiceFromOrder]:
    """POST /orders/{orderId}/invoices."""
    path = f"/orders/{resource_id(order_id, 'order_id')}/invoices"
    return Call(Request("POST", path), partial(_decode, InvoiceFromOrder), repeatable=False)


def get_pdf_links(invoice_id: int) -> Call[PDFLinks]:
    """GET /invoices/{invoiceId}/download-pdf."""
    return Call(Request("GET", f"{_invoice_path(invoice_id)}/download-pdf"), partial(_decode, PDFLinks), repeatable=True)


def list_extra_field_configs(*, offset: int, limit: int) -> Call[Slice]:
    """GET /invoices/extra-fields."""
    request = Request("GET", "/invoices/extra-fields", _paging(offset, limit))
    return Call(request, _decode_slice, repeatable=True)


def _invoice_path(invoice_id: int) -> str:
    return f"/invoices/{resource_id(invoice_id, 'invoice_id')}"


def _paging(offset: int, limit: int) -> tuple[tuple[str, str], ...]:
    for name, value, least, most in (("offset", offset, 0, 2**31 - 1), ("limit", limit, 1, MAX_LIMIT)):
        if type(value) is not int:
            raise TypeError(f"{name} must be an int, not {type(value).__name__}")
        if not least <= value <= most:
            raise ValueError(f"{name} must be between {least} and {most}, not {value}")
    return ("offset", str(offset)), ("limit", str(limit))


def _body(model: InvoiceDraft | InvoiceChanges) -> bytes:
    return write_json(converter.write(model)).encode("ascii")


def _decode(cls: type[T], response: Response) -> T:
    return converter.read(cls, open_envelope(response).data)


def _decode_slice(response: Response, parse: Callable[[bytes], object] = read_json) -> Slice:
    envelope = open_envelope(response, parse)
    if not isinstance(envelope.data, list):
        raise DecodeError("expected a list", model="page", path="data")
    return Slice(envelope.data, envelope.limit, envelope.total_count, server_time(response.headers))


def _decode_id(response: Response) -> int:
    match open_envelope(response).data:
        case {"id": int(new_id)} if type(new_id) is int and 0 < new_id <= MAX_ID:
            return new_id
    raise DecodeError("expected the new invoice's id", model="Invoice", path="data.id")


def _decode_updated(response: Response) -> None:
    _decode_id(response)  # an answer without one is no "yes": then it is not known what happened, and it is looked for


def _decode_nothing(response: Response) -> None:
    open_envelope(response)


def _decode_gone(response: Response) -> None:
    try:
        open_envelope(response)
    except NotFoundError:
        return
