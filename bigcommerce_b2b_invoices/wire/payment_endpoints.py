"""The endpoints of payments: typed arguments -> a `Call`. Source: the API's OpenAPI file of payments.

`PUT /payments/offline/{paymentId}` is left out: nobody knows whether it moves balances, and a lost answer could not be settled.
"""

from decimal import Decimal
from functools import partial

from bigcommerce_b2b_invoices.errors import DecodeError
from bigcommerce_b2b_invoices.models.checks import as_member, resource_id, whole_number
from bigcommerce_b2b_invoices.models.payment import (
    EXACT,
    Payment,
    PaymentOperation,
    PaymentOperations,
    PaymentStatus,
    PaymentTransaction,
)
from bigcommerce_b2b_invoices.models.payment_draft import LEAST, OfflinePaymentDraft
from bigcommerce_b2b_invoices.models.payment_query import PaymentQuery
from bigcommerce_b2b_invoices.payment_errors import PaymentStateError
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.endpoints import list_call
from bigcommerce_b2b_invoices.wire.envelope import Envelope
from bigcommerce_b2b_invoices.wire.json_text import write_json
from bigcommerce_b2b_invoices.wire.messages import Request, Slice
from bigcommerce_b2b_invoices.wire.parameters import payment_parameters

NOT_ALLOWED = {  # both are documented
    "the payment operation is not allowed": PaymentStateError,
    "the payment processing status is not allowed": PaymentStateError,
}


def get_payment(payment_id: int) -> Call[Payment]:
    """GET /payments/{paymentId}."""
    path = _payment_path(payment_id)
    return Call(
        Request("GET", path),
        partial(_read_payment, payment_id),
        repeatable=True,
        operation="payments.get",
        route="/payments/{paymentId}",
    )


def list_payments(query: PaymentQuery, *, offset: int, limit: int) -> Call[Slice]:
    """GET /payments."""
    return list_call("/payments", payment_parameters(query), offset=offset, limit=limit, operation="payments.page")


def record_offline_payment(draft: OfflinePaymentDraft) -> Call[int]:
    """POST /payments/offline."""
    return Call(
        Request("POST", "/payments/offline", body=_body(draft)),
        _read_payment_id,
        repeatable=False,
        id_key="paymentId",
        operation="payments.record",
        route="/payments/offline",
    )


def set_processing_status(payment_id: int, status: PaymentStatus) -> Call[None]:
    """PUT /payments/{paymentId}/processing-status."""
    status = as_member(PaymentStatus, status)
    if status is PaymentStatus.INCOMPLETE:
        raise ValueError("status cannot be INCOMPLETE: the API does not allow it to be set")
    body = write_json({"processingStatus": status.value}).encode("ascii")
    return Call(
        Request("PUT", f"{_payment_path(payment_id)}/processing-status", body=body),
        _read_nothing,
        repeatable=False,
        id_key="id",
        meanings=NOT_ALLOWED,
        operation="payments.set_status",
        route="/payments/{paymentId}/processing-status",
    )


def get_payment_operations(payment_id: int) -> Call[PaymentOperations]:
    """GET /payments/{paymentId}/operations."""
    return Call(
        Request("GET", f"{_payment_path(payment_id)}/operations"),
        _read_operations,
        repeatable=True,
        operation="payments.operations",
        route="/payments/{paymentId}/operations",
    )


def perform_payment_operation(payment_id: int, operation: PaymentOperation | int) -> Call[None]:
    """POST /payments/{paymentId}/operations."""
    code = whole_number(operation, "operation")
    if code < 0:
        raise ValueError(f"operation must be the code of an operation, 0 or more, not {code}")
    return Call(
        Request("POST", f"{_payment_path(payment_id)}/operations", body=write_json({"operationCode": code}).encode("ascii")),
        _read_nothing,
        repeatable=False,
        id_key="id",
        meanings=NOT_ALLOWED,
        operation="payments.perform",
        route="/payments/{paymentId}/operations",
    )


def list_payment_transactions(payment_id: int) -> Call[tuple[PaymentTransaction, ...]]:
    """GET /payments/{paymentId}/transactions."""
    return Call(
        Request("GET", f"{_payment_path(payment_id)}/transactions"),
        _read_transactions,
        repeatable=True,
        operation="payments.transactions",
        route="/payments/{paymentId}/transactions",
    )


def delete_payment(payment_id: int) -> Call[None]:
    """DELETE /payments/{paymentId}."""
    return Call(
        Request("DELETE", _payment_path(payment_id)),
        _read_nothing,
        repeatable=True,
        missing_is_done=True,
        operation="payments.delete",
        route="/payments/{paymentId}",
    )


def _payment_path(payment_id: int) -> str:
    return f"/payments/{resource_id(payment_id, 'payment_id')}"


def _body(draft: OfflinePaymentDraft) -> bytes:
    fields = {
        "lineItems": [{"invoiceId": share.invoice_id, "amount": amount_text(share.amount.value)} for share in draft.shares],
        "currency": draft.currency,
        "details": {"memo": draft.reference if draft.memo is None else draft.memo},
        "customerId": draft.customer_id,
        "externalId": draft.reference,
        "externalCustomerId": draft.external_customer_id,
        "payerName": draft.payer_name,
        "payerCustomerId": draft.payer_customer_id,
        "processingStatus": draft.status.value,
        "channelId": draft.channel_id,
    }
    return write_json({name: value for name, value in fields.items() if value is not None}).encode("ascii")


def amount_text(value: Decimal) -> str:
    """An amount in plain digits, such as "20.00". Only this function decides that an amount is a text (A14)."""
    exponent = value.as_tuple().exponent
    is_long = isinstance(exponent, int) and exponent < -4  # with zeros at its end
    return format(EXACT.quantize(value, LEAST) if is_long else value, "f")


def _read_payment(payment_id: int, envelope: Envelope) -> Payment:
    payment = converter.read(Payment, envelope.data)
    if payment.id != payment_id:
        error = DecodeError(f"expected payment {payment_id}", model="Payment", path="data.id")
        error.row = envelope.data
        raise error
    return payment


def _read_operations(envelope: Envelope) -> PaymentOperations:
    return converter.read(PaymentOperations, envelope.data)


def _read_transactions(envelope: Envelope) -> tuple[PaymentTransaction, ...]:
    if not isinstance(envelope.data, list):
        raise DecodeError("expected a list", model="PaymentTransaction", path="data")
    return converter.read_all(PaymentTransaction, envelope.data)


def _read_payment_id(envelope: Envelope) -> int:
    payment_id: int = envelope.data["paymentId"]  # type: ignore[index] # the call has checked it
    return payment_id


def _read_nothing(_envelope: Envelope) -> None:
    """The answer says only that the request succeeded."""
