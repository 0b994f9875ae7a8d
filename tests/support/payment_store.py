"""Payments and invoices in memory behind the real transport, in virtual time: slow commits, lost answers, lists that lag.

The store remembers what truly happened: every payment, who made it, and how many requests could have made one.
"""

import asyncio
import json
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs
from yarl import URL

from bigcommerce_b2b_invoices import RateLimiter, RequestTimeoutError, ResponseError, RetryPolicy, Timeout
from bigcommerce_b2b_invoices.errors import B2BError, ConnectFailedError
from bigcommerce_b2b_invoices.resources.invoices import Invoices
from bigcommerce_b2b_invoices.resources.payments import Payments
from bigcommerce_b2b_invoices.resources.settle import Locks
from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.transport import Transport
from bigcommerce_b2b_invoices.wire.messages import Request, Response

NOW = 1_700_000_000
SLOWEST = 59.0  # seconds that the store may work on a payment whose client has given up
LONGEST_LAG = 3.0  # seconds; with the slowest work it is less than the client waits for a lost write
LOST_AFTER = ("lost answer", "500 after commit", "no id", "slow commit")  # the payment is made
LOST_BEFORE = ("lost request", "500 before")  # it is not
NOT_TAKEN = ("429", "not sent")  # the transport sends it again
FAILED_LOOKS = ("500", "time-out", "403", "unreadable")


@attrs.define
class Made:
    """A payment of the store.

    Attributes:
        by: The client that made it, or "stranger".
        at: When it was committed.
        searchable, listed: When the search, and the list of an invoice, begin to show it.
        reference: The reference that was sent, kept or not.
    """

    body: dict[str, Any]
    by: str
    at: float
    searchable: float
    listed: float
    reference: str | None


class PaymentStore:
    """What the API would do. `faults` names what happens to the next POSTs; "none" when it is used up."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.faults: list[str] = []
        self.struck: list[str] = []
        self.failing_looks: list[str] = []
        self.lag = (0.0, 0.0)  # at most, of the search and of the list of an invoice
        self.drops_reference = False
        self.amounts_on_lists = True
        self.doubles = 0  # so many of the next POSTs reach the store twice, as a proxy may send them
        self.payments: dict[int, Made] = {}
        self.invoices: dict[int, dict[str, Any]] = {}
        self.taken: list[str] = []  # by whom a POST was sent that the store may have acted on
        self.requests: list[tuple[str, str]] = []
        self.next_id = 100
        self.late: list[asyncio.Task[None]] = []

    # ---- what is there -----------------------------------------------------------------------------------------------

    def add_invoice(self, invoice_id: int, *, customer: str = "3", value: str = "100000", code: str = "USD") -> None:
        money = {"code": code, "value": f"{Decimal(value):.4f}"}
        self.invoices[invoice_id] = {
            "id": invoice_id, "customerId": customer, "invoiceNumber": f"N-{invoice_id}", "status": 0,
            "originalBalance": money, "openBalance": dict(money), "createdAt": NOW, "updatedAt": NOW,
        }  # fmt: skip

    def insert(self, body: dict[str, Any], by: str) -> int:
        """Commit a payment."""
        now = asyncio.get_running_loop().time()
        new_id, self.next_id = self.next_id, self.next_id + 1
        lines = [
            {"paymentId": new_id, "invoiceId": line["invoiceId"], "invoiceNumber": f"N-{line['invoiceId']}",
             "amount": {"code": body["currency"], "value": f"{Decimal(line['amount']):.4f}"}}
            for line in body["lineItems"]
        ]  # fmt: skip
        total = sum((Decimal(line["amount"]["value"]) for line in lines), Decimal(0))
        row = {
            "id": new_id, "createdAt": int(NOW + now), "updatedAt": int(NOW + now), "customerId": body["customerId"],
            "externalId": None if self.drops_reference else body.get("externalId"), "details": body["details"],
            "moduleName": "payments_offline", "fees": [], "processingStatus": body.get("processingStatus", 3), "appliedStatus": 1,
            "fundingStatus": 2, "total": {"code": body["currency"], "value": f"{total:.4f}"}, "lineItems": lines,
        }  # fmt: skip
        searchable, listed = (now + self.random.uniform(0, lag) for lag in self.lag)
        self.payments[new_id] = Made(row, by, now, searchable, listed, body.get("externalId"))
        for line in lines:
            balance = self.invoices[line["invoiceId"]]["openBalance"]
            balance["value"] = f"{Decimal(balance['value']) - Decimal(line['amount']['value']):.4f}"
        return new_id

    def by(self, client: str) -> list[int]:
        return [payment_id for payment_id, made in self.payments.items() if made.by == client]

    def with_reference(self, reference: str) -> list[int]:
        """Ids of the payments that were sent with this reference."""
        return [payment_id for payment_id, made in self.payments.items() if made.reference == reference]

    async def come_to_rest(self) -> None:
        await asyncio.sleep(SLOWEST + 2 * LONGEST_LAG)
        await asyncio.gather(*self.late)
        self.failing_looks.clear()
        self.faults.clear()
        self.amounts_on_lists = True

    # ---- the endpoints -----------------------------------------------------------------------------------------------

    async def exchange(self, request: Request, client: str) -> Response | B2BError:
        """The answer to one attempt of a client."""
        await asyncio.sleep(self.random.uniform(0.05, 0.15))
        self.requests.append((request.method, request.path))
        if request.method == "POST":
            return self._post(json.loads(request.body or b""), client)
        if request.path.startswith("/payments") and self.failing_looks:
            return _failed(self.failing_looks.pop(0), dict(request.query))
        if request.path.startswith("/invoices/"):
            return _one(self.invoices.get(int(request.path.rpartition("/")[2])), "Invoice does not exist")
        if request.path.startswith("/payments/"):
            made = self.payments.get(int(request.path.rpartition("/")[2]))
            return _one(None if made is None else made.body, "Payment does not exist")
        return self._list(dict(parse_qsl(urlencode(request.query))))

    def _post(self, body: dict[str, Any], client: str) -> Response | B2BError:
        fault = self.faults.pop(0) if self.faults else "none"
        self.struck.append(fault)
        if fault == "not sent":
            return ConnectFailedError("refused")
        if fault == "429":
            return answer({"errMsg": "Slow down"}, 429)
        self.taken.append(client)
        if fault == "422":
            return answer({"lineItems": [{"amount": ["is wrong"]}]}, 422)
        if fault == "slow commit":
            self.late.append(asyncio.create_task(self._later(body, client)))
        elif fault not in LOST_BEFORE:
            new_id = self.insert(body, client)
            if self.doubles:
                self.doubles -= 1
                self.insert(body, client)
            if fault == "none":
                return answer({"paymentId": new_id})
            if fault == "no id":
                return answer({})
        return answer({"errMsg": "Internal error"}, 500) if fault.startswith("500") else ResponseError("the connection broke")

    async def _later(self, body: dict[str, Any], client: str) -> None:
        await asyncio.sleep(self.random.uniform(0.5, SLOWEST))
        self.insert(body, client)

    def _list(self, query: dict[str, str]) -> Response:
        now = asyncio.get_running_loop().time()
        if "invoiceId" in query:
            wanted = int(query["invoiceId"])
            found = [
                made.body for made in self.payments.values()
                if made.listed <= now and any(line["invoiceId"] == wanted for line in made.body["lineItems"])
            ]  # fmt: skip
        else:  # as loose as the API's search
            found = [
                made.body for made in self.payments.values()
                if made.searchable <= now and query.get("q", "").casefold() in (made.body["externalId"] or "").casefold()
            ]  # fmt: skip
        if not self.amounts_on_lists:
            found = [{**row, "lineItems": [_without_amount(line) for line in row["lineItems"]]} for row in found]
        found.sort(key=lambda row: (row["createdAt"], row["id"]))
        page = found[int(query["offset"]) :][: int(query["limit"])]
        return answer(page, pagination={"totalCount": len(found), "offset": int(query["offset"]), "limit": int(query["limit"])})


def answer(content: object, code: int = 200, **meta: object) -> Response:
    return Response(200, {}, json.dumps({"code": code, "data": content, "meta": {"message": "", **meta}}).encode())


def _one(row: dict[str, Any] | None, missing: str) -> Response:
    return answer({"errMsg": missing}, 404) if row is None else answer(row)


def _without_amount(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "amount"}


def _failed(kind: str, query: dict[str, str]) -> Response | B2BError:
    if kind == "time-out":
        return RequestTimeoutError("no answer in time")
    if kind == "unreadable":
        row = {"id": "x", "externalId": 7, "lineItems": [{"invoiceId": int(query.get("invoiceId", 1))}]}
        return answer([row], pagination={"totalCount": 1, "offset": 0, "limit": 250})
    return answer({"errMsg": "No"}, int(kind))


class InMemory(Transport):
    """The real transport, with the store in place of the network."""

    store: PaymentStore
    client: str

    def _open_session(self) -> Any:
        return None

    async def _exchange(self, session: Any, request: Request, headers: dict[str, str]) -> Response | B2BError:
        return await self.store.exchange(request, self.client)


@attrs.frozen
class Client:
    """A client of the store, with its own locks."""

    payments: Payments
    invoices: Invoices


def client_of(store: PaymentStore, name: str = "we", retry: RetryPolicy | None = None, locks: Locks | None = None) -> Client:
    """A client with this name. What it makes is known by the name."""
    retry, locks, no_pdf = retry or RetryPolicy(), locks or Locks(), None
    transport = InMemory(
        URL("https://store.example"), "abc123", Secret("t0ken"), None, Timeout(), retry, RateLimiter(100_000),
        clock=asyncio.get_running_loop().time, random=store.random.random,
    )  # fmt: skip
    transport.store, transport.client = store, name
    return Client(
        Payments(transport.send, "store", waits=retry.settling, locks=locks),
        Invoices(transport.send, no_pdf, "store", waits=retry.settling, attempts=retry.attempts, locks=locks),  # type: ignore[arg-type] # no program reads a PDF
    )
