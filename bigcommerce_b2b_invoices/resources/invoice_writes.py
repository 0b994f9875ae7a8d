"""Writes of invoices, and how to recognise a write whose answer was lost. No write is sent again blindly.

The store keeps invoice numbers unique, so the number shows whether a create has already happened. After a lost answer, `create`
looks up the number, again and again for a minute by default, because the server may still be at work. Only if no invoice has
appeared by then does it send the same number again. At most one invoice has the number, even if the connection drops halfway.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from bigcommerce_b2b_invoices.errors import (
    B2BError,
    DecodeError,
    EditConflictError,
    InvoiceNumberTakenError,
    OutcomeUnknownError,
)
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceDetails, InvoiceFromOrder
from bigcommerce_b2b_invoices.resources.evidence import (
    details_alike,
    differences,
    has_changes,
    is_same_number,
    may_have_changes,
)
from bigcommerce_b2b_invoices.resources.settle import Locks, Look, Settler, find_gone, is_final, outcome, unknown_outcome
from bigcommerce_b2b_invoices.wire import converter, endpoints
from bigcommerce_b2b_invoices.wire.call import Send
from bigcommerce_b2b_invoices.wire.reader import EMPTY

MOST_POSTS = 3  # how often one write is sent at most if its answers are lost
LOOKS_FOR_CHANGES = 3  # waits between looks for a lost update; a few are enough, because nothing is sent afterwards


class InvoiceWrites:
    """Every call that changes invoices.

    Args:
        send: Makes a call.
        get: Reads an invoice.
        search: Returns all invoices that the API's loose search for a number finds.
        settler: Looks for writes whose answers were lost.
        attempts: The most attempts of one create, or of one edit of details.
        locks: Let one create of a number run at a time.
    """

    def __init__(
        self,
        send: Send,
        get: Callable[[int], Awaitable[Invoice]],
        search: Callable[[str], Awaitable[list[Invoice]]],
        settler: Settler,
        *,
        attempts: int,
        locks: Locks,
    ) -> None:
        self._send = send
        self._get = get
        self._search = search
        self._settler = settler
        self._posts = min(MOST_POSTS, attempts)
        self._locks = locks

    # ---- new invoices ------------------------------------------------------------------------------------------------

    async def create(self, draft: InvoiceDraft) -> int:
        """The id of the new invoice; see `Invoices.create`."""
        async with self._locks.alone(draft.invoice_number):  # so that a second create finds the invoice of the first
            unknown: OutcomeUnknownError | None = None
            for _ in range(self._posts):
                made = await outcome(self._send(endpoints.create_invoice(draft)))
                if isinstance(made, int):
                    if unknown is not None:
                        await self._check_single(draft)
                    return made
                if unknown is None and not isinstance(made, OutcomeUnknownError):
                    raise await self._whose(made, draft)
                unknown = unknown_outcome(made, partial(self._find_own, draft))
                unknown.invoice_number = draft.invoice_number
                found = await self._settler.settle(unknown, verdicts=(InvoiceNumberTakenError,))
                if found is not None:
                    return found
                if is_final(made):
                    break
            raise unknown or AssertionError("there is at least one attempt")

    async def _with_number(self, number: str) -> list[Invoice]:
        return [invoice for invoice in await self._search(number) if invoice.invoice_number == number]

    async def _find_own(self, draft: InvoiceDraft) -> int | None:
        """The id of the invoice that was made from the draft; None if no invoice has its number."""
        near = [
            each for each in await self._search(draft.invoice_number) if is_same_number(draft.invoice_number, each.invoice_number)
        ]
        found = [invoice for invoice in near if invoice.invoice_number == draft.invoice_number]
        for invoice in near:
            if not found and not differences(draft, invoice):  # ours, if the store changed the number
                raise OutcomeUnknownError(f"invoice {invoice.id} looks like the draft, but its number is written in another way")
        if not found:
            return None
        other = differences(draft, found[0])
        if len(found) > 1 or ("customer_id" in other and found[0].customer_id is not None):
            raise _taken(draft, found)
        if other:  # of our company, with our number: ours in values that the store replaced, or somebody else's
            raise OutcomeUnknownError(f"invoice {found[0].id} has the number, but differs in {', '.join(other)}")
        return found[0].id

    async def _check_single(self, draft: InvoiceDraft) -> None:
        """Raise an error if two invoices have the number: one of the accepted attempt, and one of an earlier, lost attempt."""
        found = await outcome(self._with_number(draft.invoice_number))
        if not isinstance(found, B2BError) and len(found) > 1:
            raise _taken(draft, found)

    async def _whose(self, error: B2BError, draft: InvoiceDraft) -> B2BError:
        """The error. If the number is taken, it also says what is known about the invoice that has it."""
        if isinstance(error, InvoiceNumberTakenError):
            error.invoice_number = draft.invoice_number
            found = await outcome(self._with_number(draft.invoice_number))
            if not isinstance(found, B2BError) and found:
                error.invoice_ids = tuple(invoice.id for invoice in found)
                is_known = len(found) == 1 and found[0].customer_id is not None
                error.is_same = not differences(draft, found[0]) if is_known else None
        return error

    async def create_from_order(self, order_id: int) -> InvoiceFromOrder:
        """The new invoice's id and number; see `Invoices.create_from_order`."""
        return await self._send(endpoints.create_invoice_from_order(order_id))

    # ---- changes -----------------------------------------------------------------------------------------------------

    async def update(self, invoice_id: int, changes: InvoiceChanges) -> None:
        """See `Invoices.update`."""
        if changes.details is not None:
            _refuse_replacing(converter.replaced(changes.details, "details"), invoice_id)
        done = await outcome(self._send(endpoints.update_invoice(invoice_id, changes)))
        if isinstance(done, InvoiceNumberTakenError):
            done.invoice_number = changes.invoice_number
        if isinstance(done, OutcomeUnknownError):
            done.look = partial(self._find_changed, invoice_id, changes)
            if await self._settler.settle(done, looks=LOOKS_FOR_CHANGES) is not None:
                return
        if isinstance(done, B2BError):
            raise done

    async def _find_changed(self, invoice_id: int, changes: InvoiceChanges) -> int | None:
        """The id if the invoice has the values; None if it has others. Raises an error if it has them in another form."""
        found = await self._get(invoice_id)
        if has_changes(changes, found):
            return invoice_id
        if may_have_changes(changes, found):  # as the store keeps them, or as somebody else wrote them, or as they were before
            raise OutcomeUnknownError("the invoice has values that look like the new ones").of_request(
                "GET", f"/invoices/{invoice_id}", 1
            )
        return None

    async def update_details(self, invoice_id: int, edit: Callable[[InvoiceDetails], InvoiceDetails]) -> Invoice:
        """The invoice after the edit; see `Invoices.update_details`."""
        before = await self._get(invoice_id)
        details = _edited(before, edit)
        if details == before.details:
            return before
        if await self._get(invoice_id) != before:
            raise _conflict(invoice_id, "somebody changed the invoice during the edit; nothing was written", sent=0)
        changes, unknown = InvoiceChanges(details=details), None
        for sent in range(1, self._posts + 1):
            done = await outcome(self._send(endpoints.update_invoice(invoice_id, changes)))
            if sent == 1 and isinstance(done, B2BError) and not isinstance(done, OutcomeUnknownError):
                raise done
            look = partial(self._find_changed, invoice_id, changes)
            unknown = None if done is None else unknown_outcome(done, look)
            after = await self._read_back(
                invoice_id, lambda found: details_alike(details, found.details) and found != before, unknown
            )
            if isinstance(after, B2BError):
                raise after if unknown is not None else _unread(after, look, invoice_id, sent)
            is_alike = details_alike(details, after.details)
            if has_changes(changes, after) or (
                is_alike and unknown is None and after.details != before.details
            ):  # accepted, though the store changed values
                return after
            if unknown is not None and is_alike and after != before:
                raise unknown
            if after.details != before.details:
                raise _conflict(
                    invoice_id,
                    "the details read back differ from those written: somebody else, or the store, changed them",
                    sent=sent,
                )
            if unknown is None:
                raise _unread(None, look, invoice_id, sent)
            if after != before:
                raise _conflict(
                    invoice_id, "somebody else changed the invoice meanwhile, and its details are as they were", sent=sent
                )
        raise unknown or AssertionError("there is at least one attempt")

    async def _read_back(
        self, invoice_id: int, is_ours: Callable[[Invoice], bool], unknown: OutcomeUnknownError | None
    ) -> Invoice | B2BError:
        """The invoice after the write.

        Reads until it has the details that were written, or until all waits are over: reads may lag behind writes, a change of
        somebody else may be seen before ours, and a lost write may take effect late.
        """

        async def look() -> Invoice | B2BError:
            return await outcome(self._get(invoice_id))

        looks = LOOKS_FOR_CHANGES if unknown is None else None
        after = await self._settler.until(look, is_ours, looks=looks)
        return unknown.because(after) if unknown is not None and isinstance(after, B2BError) else after

    async def delete(self, invoice_id: int) -> None:
        """See `Invoices.delete`."""
        done = await outcome(self._send(endpoints.delete_invoice(invoice_id)))
        if isinstance(done, OutcomeUnknownError):
            done.look = partial(find_gone, partial(self._get, invoice_id), invoice_id)
        if isinstance(done, B2BError):
            raise done


def _edited(before: Invoice, edit: Callable[[InvoiceDetails], InvoiceDetails]) -> InvoiceDetails:
    """The details after the edit. Raises a DecodeError if the edit would replace a part that cannot be read."""
    if before.additional_properties.get("details") not in (None, *EMPTY):
        _refuse_replacing("details", before.id)
    details = edit(before.details or InvoiceDetails())
    if not isinstance(details, InvoiceDetails):
        raise TypeError(f"edit must return InvoiceDetails, not {type(details).__name__}")
    if details != before.details:
        _refuse_replacing(converter.replaced(details, "details"), before.id)
    return details


def _refuse_replacing(path: str | None, invoice_id: int) -> None:
    """Raise an error if a path is given: it leads to a value that could not be read, so nobody knows what would be lost."""
    if path is not None:
        raise DecodeError(
            "the invoice has a value here that cannot be read, and the change would replace it; nothing was written. To replace "
            "it on purpose, leave its key out of additional_properties",
            model="Invoice",
            path=path,
            invoice_id=invoice_id,
        )


def _unread(error: B2BError | None, look: Look, invoice_id: int, sent: int) -> OutcomeUnknownError:
    """The error of a write that the API accepted, but whose result could not be read back."""
    problem = "the invoice is still as it was" if error is None else "the invoice could not be read back"
    unknown = OutcomeUnknownError(f"the API accepted the change, but {problem}", reason=error)
    unknown.look = look
    return unknown.of_request("PUT", f"/invoices/{invoice_id}", sent)


def _taken(draft: InvoiceDraft, found: list[Invoice]) -> InvoiceNumberTakenError:
    ids = ", ".join(str(invoice.id) for invoice in found)
    if len(found) > 1:
        message = f"several invoices have the number {draft.invoice_number}: {ids}"
    else:
        fields = ", ".join(differences(draft, found[0]))
        message = f"invoice {ids} has the number {draft.invoice_number}, but differs from the draft in {fields}"
    error = InvoiceNumberTakenError(message)
    error.invoice_number = draft.invoice_number
    error.invoice_ids = tuple(invoice.id for invoice in found)
    error.is_same = False if len(found) == 1 else None
    return error.of_request("POST", "/invoices", 1)


def _conflict(invoice_id: int, message: str, *, sent: int) -> EditConflictError:
    return EditConflictError(message).of_request("PUT", f"/invoices/{invoice_id}", sent)
