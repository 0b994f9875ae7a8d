"""The endpoints of receipts and their lines: typed arguments -> a `Call`. Source: the API's OpenAPI file of receipts."""

from functools import partial

from bigcommerce_b2b_invoices.errors import DecodeError, FilterIgnoredError
from bigcommerce_b2b_invoices.models.checks import resource_id
from bigcommerce_b2b_invoices.models.receipt import Receipt, ReceiptLine
from bigcommerce_b2b_invoices.models.receipt_query import ReceiptLineQuery, ReceiptQuery
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.endpoints import list_call
from bigcommerce_b2b_invoices.wire.envelope import Envelope
from bigcommerce_b2b_invoices.wire.messages import Request, Slice
from bigcommerce_b2b_invoices.wire.parameters import receipt_parameters


def get_receipt(receipt_id: int) -> Call[Receipt]:
    """GET /receipts/{receiptId}."""
    path = _receipt_path(receipt_id)
    return Call(
        Request("GET", path),
        partial(_read_receipt, receipt_id),
        repeatable=True,
        operation="receipts.get",
        route="/receipts/{receiptId}",
    )


def list_receipts(query: ReceiptQuery, *, offset: int, limit: int) -> Call[Slice]:
    """GET /receipts."""
    return list_call("/receipts", receipt_parameters(query), offset=offset, limit=limit, operation="receipts.page")


def delete_receipt(receipt_id: int) -> Call[None]:
    """DELETE /receipts/{receiptId}."""
    return Call(
        Request("DELETE", _receipt_path(receipt_id)),
        _read_nothing,
        repeatable=True,
        missing_is_done=True,
        operation="receipts.delete",
        route="/receipts/{receiptId}",
    )


def list_receipt_lines(query: ReceiptLineQuery, *, offset: int, limit: int) -> Call[Slice]:
    """GET /receipt-lines."""
    parameters = receipt_parameters(query)
    return list_call("/receipt-lines", parameters, offset=offset, limit=limit, operation="receipts.lines_page")


def list_lines_of_receipt(receipt_id: int, query: ReceiptLineQuery, *, offset: int, limit: int) -> Call[Slice]:
    """GET /receipts/{receiptId}/lines."""
    return list_call(
        f"{_receipt_path(receipt_id)}/lines",
        receipt_parameters(query),
        offset=offset,
        limit=limit,
        operation="receipts.lines_page",
        route="/receipts/{receiptId}/lines",
    )


def get_receipt_line(receipt_id: int, line_id: int) -> Call[ReceiptLine]:
    """GET /receipts/{receiptId}/lines/{receiptLineId}."""
    path = _line_path(receipt_id, line_id)
    return Call(
        Request("GET", path),
        partial(_read_line, receipt_id, line_id),
        repeatable=True,
        operation="receipts.line",
        route="/receipts/{receiptId}/lines/{receiptLineId}",
    )


def delete_receipt_line(receipt_id: int, line_id: int) -> Call[None]:
    """DELETE /receipts/{receiptId}/lines/{receiptLineId}."""
    return Call(
        Request("DELETE", _line_path(receipt_id, line_id)),
        _read_nothing,
        repeatable=True,
        missing_is_done=True,
        operation="receipts.delete_line",
        route="/receipts/{receiptId}/lines/{receiptLineId}",
    )


def _receipt_path(receipt_id: int) -> str:
    return f"/receipts/{resource_id(receipt_id, 'receipt_id')}"


def _line_path(receipt_id: int, line_id: int) -> str:
    return f"{_receipt_path(receipt_id)}/lines/{resource_id(line_id, 'line_id')}"


def _read_receipt(receipt_id: int, envelope: Envelope) -> Receipt:
    receipt = converter.read(Receipt, envelope.data)
    if receipt.id != receipt_id:
        raise _other(f"expected receipt {receipt_id}", "Receipt", envelope)
    return receipt


def _read_line(receipt_id: int, line_id: int, envelope: Envelope) -> ReceiptLine:
    line = converter.read(ReceiptLine, envelope.data)
    if line.id != line_id:
        raise _other(f"expected line {line_id}", "ReceiptLine", envelope)
    if line.receipt_id != receipt_id:
        raise FilterIgnoredError(f"line {line_id} does not belong to receipt {receipt_id}")
    return line


def _other(problem: str, model: str, envelope: Envelope) -> DecodeError:
    error = DecodeError(problem, model=model, path="data.id")
    error.row = envelope.data
    return error


def _read_nothing(_envelope: Envelope) -> None:
    """The answer says only that the request succeeded."""
