"""Compares the balances of invoices with their payments.

Readings are not one instant: a payment may arrive after its invoice was read. So a disagreement counts only if two readings in a
row show the same.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import attrs

from bigcommerce_b2b_invoices.errors import B2BError, NotFoundError
from bigcommerce_b2b_invoices.models.balance import BalanceCheck, PaymentHistory
from bigcommerce_b2b_invoices.models.invoice import Invoice, Money
from bigcommerce_b2b_invoices.models.page import WalkReport
from bigcommerce_b2b_invoices.models.payment import EXACT, Payment, PaymentStatus
from bigcommerce_b2b_invoices.resources.settle import outcome
from bigcommerce_b2b_invoices.walks.stream import Stream
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.call import IN_BULK

MOST_READINGS = 3
PENDING = (PaymentStatus.AWAITING_PROCESSING, PaymentStatus.PROCESSING)
EARLIEST = datetime.min.replace(tzinfo=UTC)


@attrs.frozen
class Share:
    """An invoice's share of one payment, as far as the books need it."""

    payment_id: int
    amount: Money | None
    is_applied: bool
    is_pending: bool


def share_of(payment: Payment, invoice_id: int) -> Share:
    """The invoice's share of the payment."""
    is_pending = not payment.is_applied and payment.processing_status in PENDING
    return Share(payment.id, payment.amount_for(invoice_id), payment.is_applied, is_pending)


def check_balance(invoice: Invoice, payments: Iterable[Payment]) -> BalanceCheck:
    """Compare an invoice's balances with its payments. Payments without a line for the invoice do not count."""
    own = [payment for payment in payments if any(line.invoice_id == invoice.id for line in payment.line_items)]
    return balance_of(invoice, [share_of(payment, invoice.id) for payment in own])


def balance_of(invoice: Invoice, shares: Iterable[Share]) -> BalanceCheck:
    """Compare an invoice's balances with its shares."""
    shares = tuple(shares)
    original, still_open = invoice.original_balance, invoice.open_balance
    balance = original or still_open
    currency = None if balance is None else balance.code
    odd = tuple(share.payment_id for share in shares if share.amount is None or share.amount.code != currency)
    applied = _sum(share.amount for share in shares if share.is_applied and share.payment_id not in odd)
    drift = None
    if original is not None and still_open is not None and original.code == still_open.code:
        drift = EXACT.subtract(EXACT.subtract(original.value, still_open.value), applied)
    return BalanceCheck(
        invoice_id=invoice.id,
        invoice_number=invoice.invoice_number,
        customer_id=invoice.customer_id,
        currency=currency,
        original=None if original is None else original.value,
        open=None if still_open is None else still_open.value,
        applied=applied,
        pending=_sum(share.amount for share in shares if share.is_pending and share.payment_id not in odd),
        drift=drift,
        payment_ids=tuple(share.payment_id for share in shares),
        odd_payment_ids=odd,
    )


def _sum(amounts: Iterable[Money | None]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        if amount is not None:
            total = EXACT.add(total, amount.value)
    return total


def oldest_first(payment: Payment) -> tuple[datetime, int]:
    """The key that sorts payments by creation."""
    return payment.created_at or EARLIEST, payment.id


async def read_history(
    get: Callable[[int], Awaitable[Invoice]],
    payments_of: Callable[[int], Awaitable[tuple[Payment, ...]]],
    invoice_id: int,
) -> PaymentHistory:
    """The invoice with its payments, read again while the books disagree: two to six requests.

    Args:
        get: Reads an invoice.
        payments_of: Reads the payments of an invoice, the oldest first.
        invoice_id: The id of the invoice.
    """

    async def read() -> PaymentHistory:
        invoice = await get(invoice_id)
        payments = await payments_of(invoice_id)
        return PaymentHistory(invoice=invoice, payments=payments, balance=check_balance(invoice, payments))

    history = await read()
    for _ in range(MOST_READINGS - 1):
        if history.balance.ok:
            break
        before, history = history.balance, await read()
        if history.balance == before:
            break
    return history


class Reconciliation(Stream[BalanceCheck]):
    """The result of `client.invoices.reconcile`: an async iterator of `BalanceCheck`.

    The first step reads all payments. It keeps a few numbers of each, and then compares the invoices one after another. It has
    one consumer, who loops over it once. When the loop ends, for any reason, pending requests are cancelled.
    """

    def __init__(
        self,
        payments: Walk[Payment],
        invoices: Walk[Invoice],
        read: Callable[[int], Awaitable[PaymentHistory]],
        *,
        all_invoices: bool,
    ) -> None:
        super().__init__()
        self._payments = payments
        self._invoices = invoices
        self._rows = aiter(invoices)
        self._read = read
        self._all = all_invoices
        self._shares: Mapping[int, list[Share]] | None = None

    @property
    def reports(self) -> tuple[WalkReport, WalkReport]:
        """What the walks over the payments and over the invoices guarantee; "best_effort" until they have ended."""
        return self._payments.report, self._invoices.report

    async def _next(self) -> BalanceCheck:
        if self._shares is None:
            self._shares = await self._read_payments()
        while True:
            invoice = await anext(self._rows)
            check = balance_of(invoice, self._shares.get(invoice.id, ()))
            if not check.ok:
                again = await self._read_again(invoice.id)
                if again is None:
                    continue
                check = again.balance
            if self._all or not check.ok:
                return check

    async def _read_again(self, invoice_id: int) -> PaymentHistory | None:
        """The invoice and its payments as they are now; None if the invoice was deleted meanwhile."""
        bulk = IN_BULK.set(True)
        try:
            history = await outcome(self._read(invoice_id))
        finally:
            IN_BULK.reset(bulk)
        if isinstance(history, NotFoundError) and history.is_enveloped:
            return None
        if isinstance(history, B2BError):
            raise history
        return history

    async def _read_payments(self) -> dict[int, list[Share]]:
        shares: dict[int, list[Share]] = {}
        async for payment in self._payments:
            for invoice_id in {line.invoice_id for line in payment.line_items}:
                shares.setdefault(invoice_id, []).append(share_of(payment, invoice_id))
        return shares

    def _cancel(self) -> None:
        self._payments.stop()
        self._invoices.stop()

    async def _close(self) -> None:
        await self._payments.aclose()
        await self._invoices.aclose()
