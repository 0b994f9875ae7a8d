"""Many invoices by their ids: one by one, or from a walk over the list, whichever takes fewer requests.

One by one, each id costs one request. The cost of a walk depends on how many invoices the store has, and only a list answer
tells that. So `GetMany` reads the first page before it decides, unless there are so few ids that no walk can be cheaper. As long
as a page brings two or more of the ids, it costs less than single requests, and `GetMany` reads the next page. Otherwise it
requests the remaining ids one by one, if that takes no more requests than the rest of the walk.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Literal

import attrs

from bigcommerce_b2b_invoices.errors import B2BError, DecodeError, IncompleteWalkError, NotFoundError
from bigcommerce_b2b_invoices.models.checks import resource_id
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.outcome import Failure, Outcome, Success
from bigcommerce_b2b_invoices.models.query import InvoiceQuery, SortField
from bigcommerce_b2b_invoices.resources.lists import INVOICES, Listed
from bigcommerce_b2b_invoices.resources.owner import EVERYBODY, Owner
from bigcommerce_b2b_invoices.walks.stream import BulkRun, Stream
from bigcommerce_b2b_invoices.walks.walk import Accepted, Walk
from bigcommerce_b2b_invoices.wire import endpoints
from bigcommerce_b2b_invoices.wire.call import Send
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT, Slice

FEW = 3  # a walk of more than one page takes at least 3 requests, so it cannot be cheaper for this many ids
AHEAD = 4  # pages to request ahead, once it is certain that they are worth it
LISTED = InvoiceQuery(  # by number, which is unique: then pages need to share only one row
    sort_by=SortField.INVOICE_NUMBER,
    include_extra_fields=True,  # like the answer to a GET of one invoice
)


@attrs.frozen(kw_only=True)
class GetPlan:
    """How the invoices will be fetched.

    Attributes:
        way: "each": one request for each invoice, except those that the first page brought; "walk": from the pages of the list.
        requests: The most requests in all, if nobody writes meanwhile. Includes the request that was made for the plan.
    """

    way: Literal["each", "walk"]
    requests: int


class GetMany(Stream[Outcome[int, Invoice]]):
    """The result of `client.invoices.get_many`, which describes it. It has one consumer, who loops over it once."""

    def __init__(self, send: Send, invoice_ids: Iterable[int], *, concurrency: int, owner: Owner = EVERYBODY) -> None:
        super().__init__()
        self._owner = owner
        self._rest = dict.fromkeys(resource_id(each, "invoice_id") for each in invoice_ids)  # ids that have no outcome yet
        self._one_by_one = BulkRun(partial(_get, send, owner), _ids(self._rest), concurrency=concurrency)
        self._list = Listed(send, INVOICES, LISTED)
        self._walk = Walk(self._list, thrifty=True)
        self._walking = len(self._rest) > FEW
        self._ahead = min(AHEAD, concurrency)
        self._wasted = 0  # the most pages that are requested in vain if the walk ends now
        self._advance = 1  # rows that each further page brings
        self._ready: deque[Outcome[int, Invoice]] = deque()
        self._plan = None if self._walking else GetPlan(way="each", requests=len(self._rest))

    async def plan(self) -> GetPlan:
        """How the invoices will be fetched, as decided at the beginning. One request or none; the loop does not repeat it.

        Raises:
            B2BError: The first page could not be fetched. The loop tries once more.
        """
        while self._plan is None:
            await self._read_page()
        return self._plan

    async def _next(self) -> Outcome[int, Invoice]:
        while self._walking and not self._ready:
            try:
                await self._read_page()
            except (IncompleteWalkError, DecodeError):
                self._walking = False  # a walk over this list is impossible: request the ids one by one
            except B2BError as error:
                self._ready.extend(Failure(each, error) for each in self._rest)
                self._rest.clear()
                self._walking = False
        return self._ready.popleft() if self._ready else await self._one_by_one.take()

    async def _read_page(self) -> None:
        """Read one more page, take the wanted invoices from it, and decide how to go on."""
        page = await self._walk.take_page()
        left = 0.0
        if page is None:
            self._end_walk()
        else:
            found = [index for index in page.fresh if page.marks[index].id in self._rest]
            for index in found:
                invoice_id = page.marks[index].id
                self._ready.append(self._outcome(invoice_id, page.answer, index))
                del self._rest[invoice_id]
            left = self._requests_left(page)
            self._choose(len(found), left)
        self._plan = self._plan or self._make_plan(left)

    def _outcome(self, invoice_id: int, answer: Slice, index: int) -> Outcome[int, Invoice]:
        try:
            invoice = self._list.read(answer, index)
        except DecodeError as error:
            return Failure(invoice_id, self._owner.judge(error, invoice_id))
        return Success(invoice_id, invoice) if self._owner.owns(invoice) else Failure(invoice_id, self._owner.foreign(invoice_id))

    def _make_plan(self, left: float) -> GetPlan:
        rest, spent = len(self._rest), self._walk.report.requests
        if rest and not self._walking:
            return GetPlan(way="each", requests=spent + rest)
        return GetPlan(way="walk", requests=spent + int(min(rest + 1 if rest else 0, left)))  # one page may bring none of them

    def _choose(self, found: int, left: float) -> None:
        rest = len(self._rest)
        if min(found, rest) < 2 and rest + self._wasted <= left:
            self._walking = False
            self._walk.stop()
        elif rest > left:  # request only pages that are needed if each brings as many ids as this one
            self._walk.prefetch = min(self._ahead, rest // max(1, found))
            self._wasted = max(self._wasted, self._walk.prefetch)

    def _requests_left(self, page: Accepted) -> float:
        """List requests for the rest of the walk, if nobody writes meanwhile: its pages, and one that looks for changes."""
        self._advance = max(self._advance, len(page.fresh) - 1)
        done, total = self._walk.report, page.answer.total_count
        if total is None:
            return math.inf
        if done.requests == 1 and total <= len(page.fresh) < (page.answer.limit or MAX_LIMIT):
            return 0  # the whole store on one page, at one instant
        to_come = total - done.delivered
        if to_come <= 0 and len(page.fresh) < self._advance:
            return 1
        return math.ceil((max(0, to_come) + 1) / self._advance) + 1  # a full page does not show that it is the last

    def _end_walk(self) -> None:
        self._walking = False
        if self._walk.report.guarantee == "complete":
            self._ready.extend(Failure(each, _not_found(each)) for each in self._rest)
            self._rest.clear()

    def _cancel(self) -> None:
        self._walk.stop()
        self._one_by_one.stop()

    async def _close(self) -> None:
        await self._walk.aclose()
        await self._one_by_one.aclose()


async def _get(send: Send, owner: Owner, invoice_id: int) -> Invoice:
    return await owner.see(send(endpoints.get_invoice(invoice_id), bulk=True), invoice_id)


def _ids(rest: dict[int, None]) -> Iterator[int]:
    """The ids that are left when the first one is taken."""
    yield from tuple(rest)


def _not_found(invoice_id: int) -> NotFoundError:
    error = NotFoundError("there is no such invoice: a walk over all invoices did not find it", status=404)
    return error.of_request("GET", f"/invoices/{invoice_id}", 0)
