"""Compares payments with a draft, and an invoice with what a draft would pay. No I/O."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeAlias

from bigcommerce_b2b_invoices.errors import DecodeError
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.payment import Payment
from bigcommerce_b2b_invoices.models.payment_draft import OfflinePaymentDraft, PaymentShare
from bigcommerce_b2b_invoices.payment_errors import (
    CompanyMismatchError,
    CurrencyMismatchError,
    DuplicatePaymentError,
    OverpaymentError,
    PaymentRefusedError,
    ReferenceTakenError,
)

Amounts: TypeAlias = dict[int, tuple[str, Decimal]]  # id of the invoice -> currency and amount


def is_same(draft: OfflinePaymentDraft, payment: Payment) -> bool:
    """Whether the payment has the draft's company, and exactly its amounts for the same invoices."""
    return payment.customer_id == draft.customer_id and _paid(payment) == _wanted(draft)


def shows_all(payment: Payment) -> bool:
    """Whether the payment shows what `is_same` compares. Lists may leave amounts out."""
    amounts = [line.amount for line in payment.line_items]
    return payment.customer_id is not None and bool(amounts) and None not in amounts


def _wanted(draft: OfflinePaymentDraft) -> Amounts:
    return {share.invoice_id: (share.amount.code, share.amount.value) for share in draft.shares}


def _paid(payment: Payment) -> Amounts | None:
    """What the payment pays to each invoice; None if an amount is missing, or if the currencies of an invoice differ."""
    paid: Amounts = {}
    for invoice_id in {line.invoice_id for line in payment.line_items}:
        amount = payment.amount_for(invoice_id)
        if amount is None:
            return None
        paid[invoice_id] = amount.code, amount.value
    return paid


def may_have_reference(error: DecodeError, reference: str) -> bool:
    """Whether a payment that cannot be read has the reference, or does not show that it has another."""
    found = error.row.get("externalId") if type(error.row) is dict else reference  # an OddObject says nothing certain
    return found == reference or not isinstance(found, str | None)


def refusal(draft: OfflinePaymentDraft, share: PaymentShare, invoice: Invoice, *, overpay: bool) -> PaymentRefusedError | None:
    """Why the invoice cannot take its share; None if it can.

    Args:
        draft: The payment.
        share: The invoice's share.
        invoice: The invoice, as it was read just before.
        overpay: Whether the share may be more than the open balance.
    """
    balance, problem = invoice.open_balance, ""
    kind: type[PaymentRefusedError] = PaymentRefusedError
    if invoice.customer_id is None:
        problem, kind = "does not show its company", CompanyMismatchError
    elif invoice.customer_id != draft.customer_id:
        problem, kind = f"belongs to company {invoice.customer_id}, not {draft.customer_id}", CompanyMismatchError
    elif balance is None:
        problem, kind = "has no open balance, so its currency is not known", CurrencyMismatchError
    elif balance.code != share.amount.code:
        problem, kind = f"is in {balance.code}, and its share in {share.amount.code}", CurrencyMismatchError
    elif share.amount.value > balance.value and not overpay:
        problem = f"has {balance.value:f} {balance.code} open, and its share is {share.amount.value:f}"
        kind = OverpaymentError
    if not problem:
        return None
    error = kind(f"invoice {share.invoice_id} {problem}", reference=draft.reference, invoice_id=share.invoice_id)
    if isinstance(error, OverpaymentError):
        error.amount, error.open_balance = share.amount, balance
    return error


def duplicate(reference: str, payment_ids: Iterable[int]) -> DuplicatePaymentError:
    """The error of several payments with one reference."""
    ids = tuple(sorted(payment_ids))
    named = ", ".join(map(str, ids))
    return DuplicatePaymentError(
        f"several payments have the reference {reference!r}: {named}", reference=reference, payment_ids=ids
    )


def taken(reference: str, payment: Payment) -> ReferenceTakenError:
    """The error of a reference that another payment has."""
    return ReferenceTakenError(
        f"payment {payment.id} has the reference {reference!r}, with another company, other invoices or other amounts",
        reference=reference,
        payment_ids=(payment.id,),
    )
