"""Writes, and what became of one whose answer was lost: looked for, told, and never sent again blindly.

A create is told from its repetition by the invoice number, which the store keeps unique. So after a lost answer the number is
looked up, again and again for a minute by default, because the server may still be at work. Only when nothing has come by then
is the same number sent again: whatever happens, at most one invoice has it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from bigcommerce_b2b_invoices.errors import (
    APIError,
    B2BError,
    DecodeError,
    EditConflictError,
    InvoiceNumberTakenError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    TransportError,
)
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceDetails, InvoiceFromOrder
from bigcommerce_b2b_invoices.resources.evidence import differences, has_changes
from bigcommerce_b2b_invoices.wire import endpoints
from bigcommerce_b2b_invoices.wire.call import Send

T = TypeVar("T")

PASSING = (TransportError, ServerError, RateLimitError)  # failures of a look after which it is worth to look again
MOST_POSTS = 3  # sendings of one create whose answers are lost
LOOKS_FOR_CHANGES = 3  # waits between looking whether an update has arrived: nothing is sent afterwards that could do harm


class Writes:
    """Every call that changes something.

    Args:
        send: Makes a call.
        get: Reads an invoice.
        with_number: All invoices with exactly this number.
        waits: Seconds between looking whether a write has arrived. In all they should outlast the server's slowest processing.
        attempts: Most sendings of one create.
        sleep: For these waits.
    """

    def __init__(
        self,
        send: Send,
        get: Callable[[int], Awaitable[Invoice]],
        with_number: Callable[[str], Awaitable[list[Invoice]]],
        *,
        waits: tuple[float, ...],
        attempts: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._send = send
        self._get = get
        self._with_number = with_number
        self._waits = waits
        self._posts = min(MOST_POSTS, attempts)
        self._sleep = sleep
        self._locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    # ---- new invoices ------------------------------------------------------------------------------------------------

    async def create(self, draft: InvoiceDraft) -> int:
        """The id of the new invoice; see `Invoices.create`."""
        async with self._alone(draft.invoice_number):
            unknown: OutcomeUnknownError | None = None
            for _ in range(self._posts):
                made = await _outcome(self._send(endpoints.create_invoice(draft)))
                if isinstance(made, int):
                    if unknown is not None:
                        await self._check_single(draft)
                    return made
                if unknown is None and not isinstance(made, OutcomeUnknownError):
                    raise await self._whose(made, draft)
                unknown = _unknown(made, partial(self._find_own, draft), draft.invoice_number)
                found = await self._settle(unknown, self._waits)
                if found is not None:
                    return found
                if _is_final(made):
                    break
            raise unknown or AssertionError("there is at least one sending")

    def _alone(self, number: str) -> AbstractAsyncContextManager[None]:
        """One create of a number at a time by this client: the second finds what the first has made."""
        return self._locks.setdefault((id(asyncio.get_running_loop()), number), asyncio.Lock())

    async def _find_own(self, draft: InvoiceDraft) -> int | None:
        """The id of the invoice that was made of the draft; None where its number is free."""
        found = await self._with_number(draft.invoice_number)
        if not found:
            return None
        if len(found) > 1 or differences(draft, found[0]):
            raise _taken(draft, found)
        return found[0].id

    async def _check_single(self, draft: InvoiceDraft) -> None:
        """After a second sending was accepted, although the first may have arrived: two invoices would be an error to report."""
        found = await _outcome(self._with_number(draft.invoice_number))
        if not isinstance(found, B2BError) and len(found) > 1:
            raise _taken(draft, found)

    async def _whose(self, error: B2BError, draft: InvoiceDraft) -> B2BError:
        """The error; where the number is taken, with what can be said of the invoice that has it."""
        if isinstance(error, InvoiceNumberTakenError):
            error.invoice_number = draft.invoice_number
            found = await _outcome(self._with_number(draft.invoice_number))
            if not isinstance(found, B2BError) and found:
                error.invoice_ids = tuple(invoice.id for invoice in found)
                error.is_same = len(found) == 1 and not differences(draft, found[0])
        return error

    async def create_from_order(self, order_id: int) -> InvoiceFromOrder:
        """The new invoice's id and number; see `Invoices.create_from_order`."""
        return await self._send(endpoints.create_invoice_from_order(order_id))

    # ---- changes -----------------------------------------------------------------------------------------------------

    async def update(self, invoice_id: int, changes: InvoiceChanges) -> None:
        """See `Invoices.update`."""
        done = await _outcome(self._send(endpoints.update_invoice(invoice_id, changes)))
        if isinstance(done, InvoiceNumberTakenError):
            done.invoice_number = changes.invoice_number
        if isinstance(done, OutcomeUnknownError):
            done.look = partial(self._find_changed, invoice_id, changes)
            if await self._settle(done, self._waits[:LOOKS_FOR_CHANGES]) is not None:
                return
        if isinstance(done, B2BError):
            raise done

    async def _find_changed(self, invoice_id: int, changes: InvoiceChanges) -> int | None:
        return invoice_id if has_changes(changes, await self._read(invoice_id)) else None

    async def update_details(self, invoice_id: int, edit: Callable[[InvoiceDetails], InvoiceDetails]) -> Invoice:
        """The invoice afterwards; see `Invoices.update_details`."""
        before = await self._read(invoice_id)
        details = edit(before.details or InvoiceDetails())
        if not isinstance(details, InvoiceDetails):
            raise TypeError(f"edit must return InvoiceDetails, not {type(details).__name__}")
        if details == before.details:
            return before
        if await self._read(invoice_id) != before:
            raise _conflict(invoice_id, "somebody changed the invoice while it was edited; nothing was written", sent=0)
        changes, unknown = InvoiceChanges(details=details), None
        for sent in range(1, self._posts + 1):
            done = await _outcome(self._send(endpoints.update_invoice(invoice_id, changes)))
            if sent == 1 and isinstance(done, B2BError) and not isinstance(done, OutcomeUnknownError):
                raise done
            look = partial(self._find_changed, invoice_id, changes)
            unknown = None if done is None else _unknown(done, look)
            after = await _outcome(self._read_back(invoice_id, before, unknown))
            if isinstance(after, B2BError):
                raise after if unknown is not None else _unread(after, look, invoice_id, sent)
            if after.details == details:
                return after
            if unknown is None or after != before:
                raise _conflict(
                    invoice_id, "what is read back differs from what was written: somebody else wrote, too", sent=sent
                )
        raise unknown or AssertionError("there is at least one sending")

    async def _read_back(self, invoice_id: int, before: Invoice, unknown: OutcomeUnknownError | None) -> Invoice:
        """The invoice after the writing; where that is unknown, as soon as it differs from what it was, or after all waits."""
        for wait in (*self._waits, None) if unknown is not None else (None,):
            after = await _outcome(self._read(invoice_id))
            if isinstance(after, B2BError):
                if unknown is None or wait is None or not isinstance(after, PASSING):
                    raise after if unknown is None else unknown.because(after)
            elif wait is None or after != before:
                return after
            await self._sleep(wait)
        raise AssertionError("the last wait is None")

    async def delete(self, invoice_id: int) -> None:
        """See `Invoices.delete`."""
        done = await _outcome(self._send(endpoints.delete_invoice(invoice_id)))
        if isinstance(done, OutcomeUnknownError):
            done.look = partial(self._find_gone, invoice_id)
        if isinstance(done, B2BError):
            raise done

    async def _find_gone(self, invoice_id: int) -> int | None:
        found = await _outcome(self._read(invoice_id))
        if isinstance(found, NotFoundError):
            return invoice_id
        if isinstance(found, B2BError):
            raise found
        return None

    async def _read(self, invoice_id: int) -> Invoice:
        """The invoice, of which it matters that it is no other: it is compared, edited, or taken for gone."""
        invoice = await self._get(invoice_id)
        if invoice.id != invoice_id:
            error = DecodeError(f"expected invoice {invoice_id}", model="Invoice", path="data.id", invoice_id=invoice.id)
            raise error.of_request("GET", f"/invoices/{invoice_id}", 1)
        return invoice

    # ---- what became of it -------------------------------------------------------------------------------------------

    async def _settle(self, unknown: OutcomeUnknownError, waits: tuple[float, ...]) -> int | None:
        """The id where the write is seen to have happened; None where it is not, after all waits.

        Raises:
            InvoiceNumberTakenError: Another invoice has the number, so the write has not happened.
            OutcomeUnknownError: It cannot be looked for.
        """
        for wait in (*waits, None):
            found = await _outcome(unknown.resolve())
            if isinstance(found, InvoiceNumberTakenError):
                raise found
            if isinstance(found, B2BError):
                if wait is None or not isinstance(found, PASSING):
                    raise unknown.because(found)
            elif found is not None or wait is None:
                return found
            await self._sleep(wait)
        raise AssertionError("the last wait is None")


async def _outcome(awaitable: Awaitable[T]) -> T | B2BError:
    """The result or the error, to be raised outside `except`, so that no error hangs on another."""
    try:
        return await awaitable
    except B2BError as error:
        return error


def _unknown(error: B2BError, look: Callable[[], Awaitable[int | None]], number: str | None = None) -> OutcomeUnknownError:
    """The error of a write that cannot be told yet, with what can be done about it."""
    if not isinstance(error, OutcomeUnknownError):
        reason, error = error, OutcomeUnknownError("an earlier sending of it may or may not have happened", reason=error)
        error.of_request(reason.method or "", reason.path or "", reason.attempts)
    error.look = look
    error.invoice_number = number
    return error


def _unread(error: B2BError, look: Callable[[], Awaitable[int | None]], invoice_id: int, sent: int) -> OutcomeUnknownError:
    """The error of a write that the API accepted, and that could not be read back."""
    unknown = OutcomeUnknownError("the API accepted it, but it could not be read back", reason=error)
    unknown.look = look
    return unknown.of_request("PUT", f"/invoices/{invoice_id}", sent)


def _is_final(error: B2BError) -> bool:
    """Whether the API would answer another sending in the same way."""
    return isinstance(error, APIError) and not isinstance(error, RateLimitError | ServerError)


def _taken(draft: InvoiceDraft, found: list[Invoice]) -> InvoiceNumberTakenError:
    ids = ", ".join(str(invoice.id) for invoice in found)
    if len(found) > 1:
        message = f"several invoices have the number {draft.invoice_number}: {ids}"
    else:
        fields = ", ".join(differences(draft, found[0]))
        message = f"invoice {ids} has the number {draft.invoice_number}, but another {fields} than the draft"
    error = InvoiceNumberTakenError(message)
    error.invoice_number = draft.invoice_number
    error.invoice_ids = tuple(invoice.id for invoice in found)
    error.is_same = False if len(found) == 1 else None
    return error.of_request("POST", "/invoices", 1)


def _conflict(invoice_id: int, message: str, *, sent: int) -> EditConflictError:
    return EditConflictError(message).of_request("PUT", f"/invoices/{invoice_id}", sent)
