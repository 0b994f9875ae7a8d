"""The eight endpoints: typed arguments -> a `Call`. Source: the API's documentation page "Invoice"."""

from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from bigcommerce_b2b_invoices.errors import DecodeError, InvoiceNumberTakenError
from bigcommerce_b2b_invoices.models.checks import resource_id, whole_number
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceDetails, InvoiceFromOrder, PDFLinks
from bigcommerce_b2b_invoices.models.query import InvoiceQuery
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.envelope import Envelope
from bigcommerce_b2b_invoices.wire.json_text import read_json, write_json
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT, Request, Slice
from bigcommerce_b2b_invoices.wire.parameters import query_parameters
from bigcommerce_b2b_invoices.wire.reader import NOTE

T = TypeVar("T")

NUMBER_TAKEN = {"invoice number already exists": InvoiceNumberTakenError}  # documented: "The invoice number already exists."


def get_invoice(invoice_id: int) -> Call[Invoice]:
    """GET /invoices/{invoiceId}."""
    path = _invoice_path(invoice_id)
    return Call(
        Request("GET", path),
        partial(_read_invoice, invoice_id),
        repeatable=True,
        operation="invoices.get",
        route="/invoices/{invoiceId}",
    )


def list_invoices(query: InvoiceQuery, *, offset: int, limit: int) -> Call[Slice]:
    """GET /invoices."""
    return list_call("/invoices", query_parameters(query), offset=offset, limit=limit, operation="invoices.page")


def create_invoice(draft: InvoiceDraft) -> Call[int]:
    """POST /invoices."""
    request = Request("POST", "/invoices", body=_body(draft))
    return Call(
        request, _read_id, repeatable=False, id_key="id", meanings=NUMBER_TAKEN, operation="invoices.create", route="/invoices"
    )


def update_invoice(invoice_id: int, changes: InvoiceChanges) -> Call[None]:
    """PUT /invoices/{invoiceId}."""
    body = _body(changes)
    if body == b"{}":
        raise ValueError("the changes change nothing: set at least one field")
    request = Request("PUT", _invoice_path(invoice_id), body=body)
    return Call(
        request,
        _read_nothing,
        repeatable=False,
        id_key="id",
        meanings=NUMBER_TAKEN,
        operation="invoices.update",
        route="/invoices/{invoiceId}",
    )


def delete_invoice(invoice_id: int) -> Call[None]:
    """DELETE /invoices/{invoiceId}."""
    return Call(
        Request("DELETE", _invoice_path(invoice_id)),
        _read_nothing,
        repeatable=True,
        missing_is_done=True,
        operation="invoices.delete",
        route="/invoices/{invoiceId}",
    )


def create_invoice_from_order(order_id: int) -> Call[InvoiceFromOrder]:
    """POST /orders/{orderId}/invoices."""
    request = Request("POST", f"/orders/{resource_id(order_id, 'order_id')}/invoices")
    return Call(
        request,
        partial(_read, InvoiceFromOrder),
        repeatable=False,
        id_key="invoiceId",
        meanings=NUMBER_TAKEN,
        operation="invoices.create_from_order",
        route="/orders/{orderId}/invoices",
    )


def get_pdf_links(invoice_id: int) -> Call[PDFLinks]:
    """GET /invoices/{invoiceId}/download-pdf."""
    return Call(
        Request("GET", f"{_invoice_path(invoice_id)}/download-pdf"),
        partial(_read, PDFLinks),
        repeatable=True,
        operation="invoices.pdf_links",
        route="/invoices/{invoiceId}/download-pdf",
    )


def list_extra_field_configs(_query: None, *, offset: int, limit: int) -> Call[Slice]:
    """GET /invoices/extra-fields."""
    return list_call("/invoices/extra-fields", (), offset=offset, limit=limit, operation="extra_fields.page")


def list_call(
    path: str, parameters: Iterable[tuple[str, str]], *, offset: int, limit: int, operation: str = "", route: str = ""
) -> Call[Slice]:
    """GET of a list. All lists of the API have the same paging parameters. The route is the path, unless it holds an id."""
    offset, limit = whole_number(offset, "offset"), whole_number(limit, "limit")
    for name, value, least, most in (("offset", offset, 0, 2**31 - 1), ("limit", limit, 1, MAX_LIMIT)):
        if not least <= value <= most:
            raise ValueError(f"{name} must be between {least} and {most}, not {value}")
    query = (*parameters, ("offset", str(offset)), ("limit", str(limit)))
    return Call(Request("GET", path, query), _read_slice, repeatable=True, operation=operation, route=route or path)


def _invoice_path(invoice_id: int) -> str:
    return f"/invoices/{resource_id(invoice_id, 'invoice_id')}"


def _body(model: InvoiceDraft | InvoiceChanges) -> bytes:
    body = write_json(converter.write(model)).encode("ascii")
    if model.details is not None:
        _check_readable(body)
    return body


def _check_readable(body: bytes) -> None:
    """Refuse details that the API would store, and that nobody could read back."""
    try:
        converter.read(InvoiceDetails, read_json(body)["details"], "details")  # type: ignore[index] # just written
        return
    except (DecodeError, ValueError) as unreadable:
        problem = f"the details could not be read back: {unreadable}"
    raise ValueError(problem)


def _read(cls: type[T], envelope: Envelope) -> T:
    return converter.read(cls, envelope.data)


def _read_invoice(invoice_id: int, envelope: Envelope) -> Invoice:
    invoice = _read(Invoice, envelope)
    if invoice.id != invoice_id:
        error = DecodeError(f"expected invoice {invoice_id}", model="Invoice", path="data.id", invoice_id=invoice.id)
        error.row = envelope.data
        raise error
    return invoice


def _read_slice(envelope: Envelope) -> Slice:
    rows = [] if envelope.data is None and envelope.total_count == 0 else envelope.data
    if not isinstance(rows, list):
        raise DecodeError("expected a list", model="page", path="data")
    return Slice(rows, envelope.limit, envelope.total_count, envelope.server_time, NOTE.get())


def _read_id(envelope: Envelope) -> int:
    new_id: int = envelope.data["id"]  # type: ignore[index] # the call has checked it
    return new_id


def _read_nothing(_envelope: Envelope) -> None:
    """The answer says only that the request succeeded."""
