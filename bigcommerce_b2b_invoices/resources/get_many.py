"""Many invoices by their ids: one by one, or out of a walk, whatever takes fewer requests.

What an id costs one by one is known: a request. What a walk costs depends on how many invoices there are, which only a list
answer tells. So the first page is read before it is decided, unless there are so few ids that no walk can be cheaper. Then:
while a page brings two ids or more, it costs less than asking for them, and the next one is read. Else the rest is asked for
one by one, if that takes no more requests than the rest of the walk.
"""

import math
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from typing import Literal

import attrs

from bigcommerce_b2b_invoices.errors import B2BError, DecodeError, IncompleteWalkError, NotFoundError
from bigcommerce_b2b_invoices.models.checks import resource_id
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.outcome import Outcome
from bigcommerce_b2b_invoices.models.query import InvoiceQuery, SortField
from bigcommerce_b2b_invoices.resources.lists import InvoiceList
from bigcommerce_b2b_invoices.walks.anchored import Order
from bigcommerce_b2b_invoices.walks.page import Page
from bigcommerce_b2b_invoices.walks.run import BulkRun, Stream
from bigcommerce_b2b_invoices.walks.source import Answer
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import converter, endpoints
from bigcommerce_b2b_invoices.wire.call import Send

FEW = 3  # ids that a walk of more than one page, which takes 3 requests, cannot get cheaper
AHEAD = 4  # pages asked for ahead, once it is certain that they are worth it
LISTED = InvoiceQuery(  # by number, which is unique: then pages need to share but one row
    sort_by=SortField.INVOICE_NUMBER,
    include_extra_fields=True,  # as a GET has them
)


@attrs.frozen(kw_only=True)
class GetPlan:
    """How the invoices will be fetched.

    Attributes:
        way: "each": a request for each invoice, besides those that a first page brought; "walk": out of the pages of the list.
        requests: In all and at most, in a quiet store; one that was made for the plan is among them.
    """

    way: Literal["each", "walk"]
    requests: int


class GetMany(Stream[Outcome[int, Invoice]]):
    """What `client.invoices.get_many` returns, and describes. It has one consumer, who loops over it once."""

    def __init__(self, send: Send, invoice_ids: Iterable[int], *, concurrency: int) -> None:
        super().__init__()
        self._rest = dict.fromkeys(resource_id(each, "invoice_id") for each in invoice_ids)  # without an outcome yet
        self._one_by_one = BulkRun(partial(_get, send), _ids(self._rest), concurrency=concurrency)
        source = _Wanted(InvoiceList(send, LISTED), self._rest)
        self._walk = Walk(source, source.order, page_size=250, prefetch=0, query="get_many", thrifty=True)
        self._walking = len(self._rest) > FEW
        self._ahead = min(AHEAD, concurrency)
        self._wasted = 0  # pages that would have been asked for in vain, at most, if the walk ended now
        self._advance = 1  # rows that a further page brings
        self._ready: deque[Outcome[int, Invoice]] = deque()
        self._plan = None if self._walking else GetPlan(way="each", requests=len(self._rest))

    async def plan(self) -> GetPlan:
        """How the invoices will be fetched, decided at the beginning. One request, which the loop then need not make, or none.

        Raises:
            B2BError: The first page cannot be had. The loop tries once more.
        """
        while self._plan is None:
            await self._read_page()
        return self._plan

    async def _next(self) -> Outcome[int, Invoice]:
        while self._walking and not self._ready:
            try:
                await self._read_page()
            except (IncompleteWalkError, DecodeError):
                self._walking = False  # the list cannot be walked over: ask one by one
            except B2BError as error:
                self._ready.extend(Outcome(each, error=error) for each in self._rest)
                self._rest.clear()
                self._walking = False
        return self._ready.popleft() if self._ready else await anext(self._one_by_one)

    async def _read_page(self) -> None:
        """Take what one more page brings, and decide how to go on."""
        page = await self._walk.next_page()
        left = 0.0
        if page is None:
            self._end_walk()
        else:
            found = [outcome for outcome in page.items if outcome is not None]
            self._ready.extend(found)
            for outcome in found:
                del self._rest[outcome.item]
            left = self._requests_left(page)
            self._choose(len(found), left)
        self._plan = self._plan or self._make_plan(left)

    def _make_plan(self, left: float) -> GetPlan:
        rest, spent = len(self._rest), self._walk.report.requests
        if rest and not self._walking:
            return GetPlan(way="each", requests=spent + rest)
        return GetPlan(way="walk", requests=spent + int(min(rest + 1 if rest else 0, left)))  # a page may bring nothing

    def _choose(self, found: int, left: float) -> None:
        rest = len(self._rest)
        if min(found, rest) < 2 and rest + self._wasted <= left:
            self._walking = False
            self._walk.stop()
        elif rest > left:  # what will be needed behind the next page, if each brings as many as this one
            self._walk.prefetch = min(self._ahead, rest // max(1, found))
            self._wasted = max(self._wasted, self._walk.prefetch)

    def _requests_left(self, page: Page[Outcome[int, Invoice] | None]) -> float:
        """List requests that the rest of the walk takes in a quiet store: its pages, and one that looks for changes."""
        self._advance = max(self._advance, len(page.items) - 1)
        done = self._walk.report
        if page.total_count is None:
            return math.inf
        if done.requests == 1 and page.total_count <= len(page.items) < page.limit:
            return 0  # the whole store on one page, at one instant
        to_come = page.total_count - done.delivered
        if to_come <= 0 and len(page.items) < self._advance:
            return 1
        return math.ceil((max(0, to_come) + 1) / self._advance) + 1  # a full page does not show that it is the last

    def _end_walk(self) -> None:
        self._walking = False
        if self._walk.report.guarantee == "complete":
            self._ready.extend(Outcome(each, error=_not_found(each)) for each in self._rest)
            self._rest.clear()

    def _cancel(self) -> None:
        self._walk.stop()
        self._one_by_one.stop()

    async def _close(self) -> None:
        await self._walk.aclose()
        await self._one_by_one.aclose()


@attrs.frozen(eq=False, repr=False)
class _Wanted:
    """The list of all invoices, of whose rows only the wanted ones are read."""

    source: InvoiceList
    ids: Container[int]

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def order(self) -> Order:
        return self.source.order

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Answer:
        return await self.source.fetch(order, offset, limit, received)

    def key(self, row: object, order: Order) -> int | None:
        return self.source.key(row, order)

    def read(self, row: object, index: int) -> Outcome[int, Invoice] | None:
        [(row_id, _)] = converter.read_marks(Invoice, (row,), None)
        if row_id not in self.ids:
            return None
        try:
            return Outcome(row_id, self.source.read(row, index))
        except DecodeError as error:
            return Outcome(row_id, error=error)


async def _get(send: Send, invoice_id: int) -> Invoice:
    return await send(endpoints.get_invoice(invoice_id), bulk=True)


def _ids(rest: dict[int, None]) -> Iterator[int]:
    """Those that are left when the first of them is taken."""
    yield from tuple(rest)


def _not_found(invoice_id: int) -> NotFoundError:
    error = NotFoundError("there is no such invoice: a walk over all of them did not meet it", status=404)
    return error.of_request("GET", f"/invoices/{invoice_id}", 0)
