"""Writes of payments, and how to recognise a write whose answer was lost. No write is sent again to find out.

A payment has no unique number, so the caller's reference, sent as `externalId`, tells one payment from two. `record` looks for
the reference before it sends, and again after it. It sends at most one request that the server may have acted on.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from bigcommerce_b2b_invoices.errors import B2BError, ClientClosedError, DecodeError, NotFoundError, OutcomeUnknownError
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.payment import Payment, PaymentOperation, PaymentStatus
from bigcommerce_b2b_invoices.models.payment_draft import OfflinePaymentDraft, RecordedPayment
from bigcommerce_b2b_invoices.models.payment_query import PaymentQuery, PaymentSearchField
from bigcommerce_b2b_invoices.payment_errors import DuplicatePaymentError
from bigcommerce_b2b_invoices.resources.lists import PAYMENTS, Listed
from bigcommerce_b2b_invoices.resources.payment_evidence import (
    duplicate,
    is_same,
    may_have_reference,
    refusal,
    shows_all,
    taken,
)
from bigcommerce_b2b_invoices.resources.settle import Locks, Settler, find_gone, outcome
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import endpoints, payment_endpoints
from bigcommerce_b2b_invoices.wire.call import Send

LOOKS_FOR_STATE = 3  # waits between looks for a lost change of state; a few are enough, because nothing is sent afterwards
APPLIED_AFTER: Mapping[int, int] = {PaymentOperation.APPLY: 1, PaymentOperation.REVERT: 0}  # the `applied_status` that shows it
NO_INVOICES: Mapping[int, Invoice] = {}


class PaymentWrites:
    """Every call that changes payments.

    Args:
        send: Makes a call.
        settler: Looks for writes whose answers were lost.
        locks: Let one `record` of a reference run at a time.
    """

    def __init__(self, send: Send, settler: Settler, locks: Locks) -> None:
        self._send = send
        self._settler = settler
        self._locks = locks

    async def get(self, payment_id: int) -> Payment:
        """A payment."""
        return await self._send(payment_endpoints.get_payment(payment_id))

    # ---- new payments ------------------------------------------------------------------------------------------------

    async def record(
        self, draft: OfflinePaymentDraft, *, overpay: bool, known: Mapping[int, Invoice] = NO_INVOICES
    ) -> RecordedPayment:
        """The payment, recorded; see `Payments.record`. `known`: invoices that were read just before."""
        async with self._locks.alone(_name(draft)):  # so that a second call finds the payment of the first
            if (before := await self._recorded_before(draft)) is not None:
                return before
            await self._check_invoices(draft, overpay=overpay, known=known)
            made = await outcome(self._send(payment_endpoints.record_offline_payment(draft)))
            if isinstance(made, OutcomeUnknownError):
                recorded = await self._settle(draft, made)
            elif isinstance(made, B2BError):
                raise made
            else:
                self._locks.remember(_name(draft), made)
                recorded = await self._verified(draft, made)
            self._locks.remember(_name(draft), recorded.payment_id)
            return recorded

    async def _recorded_before(self, draft: OfflinePaymentDraft) -> RecordedPayment | None:
        """The payment that has the reference already; None if there is none. Two requests."""
        found: dict[int, Payment] = {}
        for query in _looks(draft):
            _add(found, await self._with_reference(draft.reference, query))
        known = self._locks.remembered(_name(draft))
        if known is not None and known not in found and (payment := await self._get_if_there(known)) is not None:
            found[known] = payment  # ours, which the lists do not show yet
        if len(found) > 1:
            raise duplicate(draft.reference, found)
        for payment in found.values():
            whole = payment if shows_all(payment) else await self._get_if_there(payment.id)
            if whole is None:
                return None
            if not is_same(draft, whole):
                raise taken(draft.reference, whole)
            verified = whole.external_id == draft.reference
            return RecordedPayment(payment_id=whole.id, reference=draft.reference, already_recorded=True, verified=verified)
        return None

    async def _get_if_there(self, payment_id: int) -> Payment | None:
        """The payment; None if it is not there after a few looks, because somebody has deleted it."""

        async def look() -> Payment | B2BError | None:
            seen = await outcome(self.get(payment_id))
            return None if isinstance(seen, NotFoundError) and seen.is_enveloped else seen

        found = await self._settler.until(look, lambda found: found is not None, looks=LOOKS_FOR_STATE)
        if isinstance(found, B2BError):
            raise found
        return found

    async def _check_invoices(self, draft: OfflinePaymentDraft, *, overpay: bool, known: Mapping[int, Invoice]) -> None:
        for share in draft.shares:
            invoice = known.get(share.invoice_id)
            if invoice is None:
                invoice = await self._send(endpoints.get_invoice(share.invoice_id))
            if (error := refusal(draft, share, invoice, overpay=overpay)) is not None:
                raise error

    async def _with_reference(self, reference: str, query: PaymentQuery) -> dict[int, Payment]:
        """The payments that have exactly this reference, among those that the API lists."""

        def pass_over(error: DecodeError) -> None:
            if may_have_reference(error, reference):
                raise error

        walk = Walk(Listed(self._send, PAYMENTS, query, bulk=False), on_unreadable=pass_over)
        return {payment.id: payment async for payment in walk if payment.external_id == reference}

    async def search(self, reference: str) -> dict[int, Payment]:
        """The payments that the API's search finds by exactly this reference."""
        return await self._with_reference(reference, _search_for(reference))

    async def _verified(self, draft: OfflinePaymentDraft, payment_id: int) -> RecordedPayment:
        """The payment that the API accepted, after one more look. A second payment is an error; a failed look is none."""
        seen = await outcome(self._with_reference(draft.reference, _of_first_share(draft)))
        found = {} if isinstance(seen, B2BError) else seen
        if found.keys() - {payment_id}:
            raise duplicate(draft.reference, {payment_id, *found})
        verified = payment_id in found and is_same(draft, found[payment_id])
        return RecordedPayment(payment_id=payment_id, reference=draft.reference, already_recorded=False, verified=verified)

    async def _settle(self, draft: OfflinePaymentDraft, unknown: OutcomeUnknownError) -> RecordedPayment:
        """The payment whose answer was lost, if it is found; else the error is raised."""
        unknown.reference, unknown.look = draft.reference, partial(self._find_own, draft)

        async def look() -> int | B2BError | None:
            seen = await outcome(self._find_own(draft))
            if isinstance(seen, B2BError) and not isinstance(seen, DuplicatePaymentError | ClientClosedError):
                unknown.because(seen)
                return None  # a look that fails has seen nothing
            return seen

        found = await self._settler.until(look, lambda found: found is not None, verdicts=(DuplicatePaymentError,))
        if isinstance(found, int):
            return RecordedPayment(payment_id=found, reference=draft.reference, already_recorded=False, verified=True)
        if isinstance(found, DuplicatePaymentError):
            raise found
        raise unknown if found is None else unknown.because(found)

    async def _find_own(self, draft: OfflinePaymentDraft) -> int | None:
        """The id of the payment that was made from the draft, looked for in both ways; None if none has its reference."""
        found: dict[int, Payment] = {}
        failed: B2BError | None = None
        for query in _looks(draft):
            seen = await outcome(self._with_reference(draft.reference, query))
            if isinstance(seen, B2BError):
                failed = seen
            else:
                _add(found, seen)
        if len(found) > 1:
            raise duplicate(draft.reference, found)
        for payment in found.values():
            whole = payment if shows_all(payment) else await self.get(payment.id)
            if is_same(draft, whole):
                return whole.id
            problem = f"payment {whole.id} has the reference, but another company, other invoices or other amounts"
            failed = OutcomeUnknownError(problem, reference=draft.reference)  # it is somebody else's; ours may still appear
        if failed is not None:
            raise failed
        return None

    # ---- changes of state --------------------------------------------------------------------------------------------

    async def set_status(self, payment_id: int, status: PaymentStatus) -> None:
        """See `Payments.set_status`."""

        def is_set(payment: Payment) -> bool:
            return payment.processing_status == status

        await self._change(self._send(payment_endpoints.set_processing_status(payment_id, status)), payment_id, is_set)

    async def perform(self, payment_id: int, operation: PaymentOperation | int) -> None:
        """See `Payments.perform`."""
        wanted = APPLIED_AFTER.get(operation)

        def is_done(payment: Payment) -> bool:
            return payment.applied_status == wanted

        call = payment_endpoints.perform_payment_operation(payment_id, operation)
        await self._change(self._send(call), payment_id, None if wanted is None else is_done)

    async def _change(self, sending: Awaitable[None], payment_id: int, is_done: Callable[[Payment], bool] | None) -> None:
        """Change the payment's state. `is_done`: whether a payment shows the change; None: no payment shows it."""
        done = await outcome(sending)
        if isinstance(done, OutcomeUnknownError) and is_done is not None:
            done.look = partial(self._find_changed, payment_id, is_done)
            if await self._settler.settle(done, looks=LOOKS_FOR_STATE) is not None:
                return
        if isinstance(done, B2BError):
            raise done

    async def _find_changed(self, payment_id: int, is_done: Callable[[Payment], bool]) -> int | None:
        return payment_id if is_done(await self.get(payment_id)) else None

    async def delete(self, payment_id: int) -> None:
        """See `Payments.delete`."""
        done = await outcome(self._send(payment_endpoints.delete_payment(payment_id)))
        if isinstance(done, OutcomeUnknownError):
            done.look = partial(find_gone, partial(self.get, payment_id), payment_id)
        if isinstance(done, B2BError):
            raise done


def _name(draft: OfflinePaymentDraft) -> str:
    return f"payment {draft.reference}"


def _add(found: dict[int, Payment], seen: Mapping[int, Payment]) -> None:
    """Add what another look has seen. It may show more, or less, of the same payment."""
    found.update({payment_id: each for payment_id, each in seen.items() if payment_id not in found or shows_all(each)})


def _of_first_share(draft: OfflinePaymentDraft) -> PaymentQuery:
    return PaymentQuery(invoice_id=draft.shares[0].invoice_id)


def _looks(draft: OfflinePaymentDraft) -> tuple[PaymentQuery, PaymentQuery]:
    """The two ways to find a payment: the search may lag, and the invoice's list may show the payment sooner."""
    return _search_for(draft.reference), _of_first_share(draft)


def _search_for(reference: str) -> PaymentQuery:
    return PaymentQuery(search_by=PaymentSearchField.EXTERNAL_ID, q=reference)
