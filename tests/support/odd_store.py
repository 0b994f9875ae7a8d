"""A store in memory behind the real transport. It loses requests, lags, normalises and has other writers, and logs the truth.

Everything runs in virtual time. Reads lag: a version is seen after a number of looks, and after a few seconds at the latest. Writes
act on the newest version.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import partial
from random import Random
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode

import attrs
from yarl import URL

from bigcommerce_b2b_invoices import RateLimiter, RequestTimeoutError, ResponseError, RetryPolicy, Timeout
from bigcommerce_b2b_invoices.errors import B2BError, ConnectFailedError
from bigcommerce_b2b_invoices.resources.invoices import Invoices
from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.transport import Transport
from bigcommerce_b2b_invoices.wire.messages import Request, Response

Body: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Any], Any]
NOW = 1_700_000_000  # the wall clock of the store when virtual time begins
SLOWEST = 59.0  # seconds that the store may work on a request whose client has given up
LONGEST_LAG = 3.0  # seconds; with the slowest work it is less than the client waits for a lost write
BALANCES = ("originalBalance", "openBalance")
KEPT = ("id", "createdAt", "updatedAt", "invoiceNumber")  # what no store normalises


# ---- what a store makes of values ------------------------------------------------------------------------------------


def _is_amount(text: str) -> bool:
    return text.count(".") == 1 and text.replace(".", "").isdecimal()


def _amount(rounding: str) -> Callable[[str], str]:
    return lambda text: str(Decimal(text).quantize(Decimal("0.01"), rounding)) if _is_amount(text) else text


def _texts(change: Callable[[str], str]) -> Change:
    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [changed(each) for each in value]
        return change(value) if isinstance(value, str) else value

    return changed


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in ([], {}, "")}
    return [_without_empty(each) for each in value] if isinstance(value, list) else value


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in value.items()}
    return sorted(map(_sorted, value), key=partial(json.dumps, default=str)) if isinstance(value, list) else value


NORMALISATIONS: dict[str, Change] = {
    "strips": _texts(str.strip),
    "folds case": _texts(str.casefold),
    "cuts": _texts(lambda text: text if _is_amount(text) else text[:8]),
    "rounds": _texts(_amount(ROUND_HALF_UP)),
    "rounds half to even": _texts(_amount(ROUND_HALF_EVEN)),
    "unifies blanks": _texts(lambda text: " ".join(text.split())),
    "drops what is empty": _without_empty,
    "sorts": _sorted,
}


# ---- faults ----------------------------------------------------------------------------------------------------------


def answer(data: object, code: int = 200, *, status: int = 200, **meta: object) -> Response:
    """An answer in the API's envelope."""
    body = json.dumps({"code": code, "data": data, "meta": {"message": "", **meta}}, default=str)
    return Response(status, {}, body.encode())


def page_of_gateway(status: int) -> Response:
    """An answer that is not the API's."""
    return Response(status, {"content-type": "text/html"}, b"<html>%d</html>" % status)


LOST: dict[str, Callable[[], Response | B2BError]] = {
    "500": lambda: answer({"errMsg": "Internal error"}, 500, status=500),
    "500 in 200": lambda: answer({"errMsg": "Internal error"}, 500),
    **{str(status): partial(page_of_gateway, status) for status in (502, 503, 504, 408, 421, 425, 499)},
    "garbled": partial(page_of_gateway, 200),
    "time-out": lambda: RequestTimeoutError("no answer in time"),
    "broken": lambda: ResponseError("the connection broke"),
}
GATEWAY: dict[str, Callable[[], Response | B2BError]] = {  # a 4xx that is not the API's: nobody knows who says it, and when
    f"gateway's {status}": partial(page_of_gateway, status) for status in (400, 404, 409, 410, 418, 422)
}
REFUSED: dict[str, Callable[[], Response | B2BError]] = {
    "409": lambda: answer({"errMsg": "Conflict"}, 409, status=409),
    "422": lambda: answer({"type": ["is wrong"]}, 422, status=422),
    "400 in 200": lambda: answer({"errMsg": "Bad"}, 400),
    "429": lambda: answer({"errMsg": "Slow down"}, 429, status=429),
    "not sent": lambda: ConnectFailedError("refused"),
}
FAILED_LOOKS: dict[str, Callable[[], Response | B2BError]] = {
    **{name: LOST[name] for name in ("500", "502", "time-out")},
    "429": REFUSED["429"],
    "gateway's 404": GATEWAY["gateway's 404"],
    "unreadable": lambda: answer({"id": 1, "openBalance": {"code": "USD", "value": "?"}}),
}


@attrs.frozen
class Fault:
    """What happens to one sending of a write.

    Attributes:
        told: What comes back; None: the true answer.
        effect: When the write takes effect.
    """

    name: str
    told: Callable[[], Response | B2BError] | None
    effect: Literal["never", "now", "late"]

    @property
    def is_loss(self) -> bool:
        """Whether nobody can know the effect from what is told."""
        return self.name in LOST or self.name in GATEWAY


NO_FAULT = Fault("none", None, "now")
DOES_NOTHING = Fault("accepted, and nothing done", lambda: answer({"id": 1}), "never")


# ---- the store -------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Version:
    """An invoice from one moment on.

    Attributes:
        body: As the API would say it; None: deleted.
        sending: Which of our sendings made it; 0: somebody else did.
        look: How many looks there had been.
        at: When.
        order: Its place in the log.
    """

    invoice_id: int
    body: Body | None
    sending: int
    look: int
    at: float
    order: int


Moment: TypeAlias = tuple[
    Literal["read", "edit", "sent", "done"], int
]  # at the nth look, edit or sending; "done": after it took effect


class OddStore:
    """The API's invoices.

    Attributes:
        faults: What happens to the next sendings of writes; later ones are sound.
        lag: How many looks a version stays unseen at most.
        normalisations: What it makes of values; names in `NORMALISATIONS`.
        strangers: What others do, at which moments.
        outage: How the next looks after the first write fail.
    """

    def __init__(self, random: Random, *, lag: int = 0, atomic: bool = True) -> None:
        self.random = random
        self.faults: list[Fault] = []
        self.lag = lag
        self.atomic = atomic
        self.normalisations: list[str] = []
        self.strangers: dict[Moment, list[Callable[[], object]]] = defaultdict(list)
        self.outage: list[Callable[[], Response | B2BError]] = []
        self.log: list[Version] = []
        self.looks = 0
        self.asked = 0  # looks of the client
        self.sent: list[Body] = []  # the bodies of our writes
        self.struck: list[Fault] = []
        self.refusals = 0  # numbers that were taken
        self.edited = 0  # length of the log when the caller's edit ended
        self.overwrote: list[Version] = []  # versions of others that a PUT replaced although a look had shown them, or would have
        self.shown: list[Version | None] = []  # what each look at one invoice showed

    # ---- the truth ---------------------------------------------------------------------------------------------------

    @property
    def effects(self) -> list[Version]:
        """What our writes made."""
        return [version for version in self.log if version.sending]

    def current(self, invoice_id: int) -> Version | None:
        """The newest version."""
        return next((version for version in reversed(self.log) if version.invoice_id == invoice_id), None)

    def visible(self, invoice_id: int) -> Version | None:
        """The version that a look shows."""
        versions = [version for version in self.log if version.invoice_id == invoice_id]
        now = asyncio.get_running_loop().time()
        is_seen = [version.look + self.lag <= self.looks or version.at + LONGEST_LAG <= now for version in versions]
        return next((version for version, seen in zip(reversed(versions), reversed(is_seen), strict=True) if seen), None)

    def numbered(self, number: str) -> list[Version]:
        """The invoices that have the number now."""
        ids = {version.invoice_id for version in self.log}
        found = [version for each in ids if (version := self.current(each)) is not None and version.body is not None]
        return [version for version in found if (version.body or {})["invoiceNumber"] == number]

    def kept(self, keys: Body) -> Body:
        """The keys as the store keeps them."""
        amounts = {name: {**keys[name], "value": str(keys[name]["value"])} for name in BALANCES if name in keys}
        kept: Body = {key: value if key in KEPT else self._keep(value) for key, value in {**keys, **amounts}.items()}
        for name in amounts:
            kept[name] = {**kept[name], "value": f"{Decimal(kept[name]['value']):.4f}"}
        if kept.get("externalPdfUrl") == "":
            kept["externalPdfUrl"] = None
        return kept

    def _keep(self, value: Any) -> Any:
        for name in self.normalisations:
            value = NORMALISATIONS[name](value)
        return value

    def come_to_rest(self) -> None:
        """Let the next look show everything, and let nobody disturb it."""
        self.looks += self.lag
        self.strangers.clear()
        self.outage.clear()

    # ---- changes -----------------------------------------------------------------------------------------------------

    def insert(self, keys: Body, *, sending: int = 0) -> int:
        """A new invoice; its id."""
        new_id = 1 + max((version.invoice_id for version in self.log), default=0)
        self._add(new_id, {**keys, "id": new_id, "createdAt": self._now()}, sending)
        return new_id

    def change(self, invoice_id: int, keys: Body, *, sending: int = 0) -> None:
        """Change an invoice, if it exists."""
        before = self.current(invoice_id)
        if before is not None and before.body is not None:
            self._add(invoice_id, {**before.body, **keys}, sending)

    def delete(self, invoice_id: int, *, sending: int = 0) -> None:
        """Delete an invoice, if it exists."""
        before = self.current(invoice_id)
        if before is not None and before.body is not None:
            self._add(invoice_id, None, sending)

    def _add(self, invoice_id: int, body: Body | None, sending: int) -> None:
        kept = None if body is None else {**self.kept(body), "updatedAt": self._now()}
        now = asyncio.get_running_loop().time()
        self.log.append(Version(invoice_id, kept, sending, self.looks, now, len(self.log)))

    def _now(self) -> int:
        return NOW + int(asyncio.get_running_loop().time())

    # ---- answers -----------------------------------------------------------------------------------------------------

    async def exchange(self, request: Request) -> Response | B2BError:
        """One request and what comes back."""
        await asyncio.sleep(0.1)
        if request.method == "GET":
            self.asked += 1
            self.happen("read", self.asked)
            self.looks += 1
            if self.sent and self.outage:
                return self.outage.pop(0)()
            return self._list(request) if request.path == "/invoices" else self._get(request)
        self.sent.append(json.loads(request.body or b"{}", parse_float=Decimal))
        sending, fault = len(self.sent), self.faults.pop(0) if self.faults else NO_FAULT
        self.struck.append(fault)
        self.happen("sent", sending)
        act, told = partial(self._act, request, sending), None
        if fault.effect == "now":
            newest = self.current(int(request.path.rpartition("/")[2])) if request.method == "PUT" else None
            if newest is not None and not newest.sending and [newest] != self.shown[:1]:
                could_be_seen = newest.order < self.edited and newest is self.visible(newest.invoice_id)
                self.overwrote += [newest] * (could_be_seen or newest in self.shown[1:])
            told = act()
        elif fault.effect == "late":
            is_free = not self.numbered(self.sent[-1].get("invoiceNumber", ""))
            late = partial(self._act, request, sending, checked=is_free and not self.atomic)
            asyncio.get_running_loop().call_later(self.random.uniform(0.5, SLOWEST), late)
        self.happen("done", sending)
        if fault.told is None and told is not None:
            return told
        assert fault.told is not None
        return fault.told()

    def happen(self, kind: Literal["read", "edit", "sent", "done"], count: int) -> None:
        for act in self.strangers.pop((kind, count), ()):
            act()

    def _act(self, request: Request, sending: int, *, checked: bool = False) -> Response:
        keys = self.sent[sending - 1]
        number = keys.get("invoiceNumber")
        invoice_id = 0 if request.method == "POST" else int(request.path.rpartition("/")[2])
        before = self.current(invoice_id)
        if invoice_id and (before is None or before.body is None):
            return answer({"errMsg": "Invoice does not exist"}, 404)
        if number is not None and not checked and any(each.invoice_id != invoice_id for each in self.numbered(number)):
            self.refusals += 1
            return answer({"errMsg": "The invoice number already exists."}, 400)
        if request.method == "POST":
            return answer({"id": self.insert(keys, sending=sending)})
        if request.method == "PUT":
            self.change(invoice_id, keys, sending=sending)
        else:
            self.delete(invoice_id, sending=sending)
        return answer({"id": invoice_id})

    def _get(self, request: Request) -> Response:
        found = self.visible(int(request.path.rpartition("/")[2]))
        self.shown.append(found)
        return answer({"errMsg": "Invoice does not exist"}, 404) if found is None or found.body is None else answer(found.body)

    def _list(self, request: Request) -> Response:
        query = dict(parse_qsl(urlencode(request.query)))
        shown = [self.visible(each) for each in sorted({version.invoice_id for version in self.log})]
        bodies = [version.body for version in shown if version is not None and version.body is not None]
        found = [body for body in bodies if query["q"].casefold() in body["invoiceNumber"].casefold()]
        offset, limit = int(query["offset"]), int(query["limit"])
        return answer(found[offset:][:limit], pagination={"totalCount": len(found), "offset": offset, "limit": limit})


class InMemory(Transport):
    """The real transport, with a store in memory in place of the network."""

    store: OddStore

    def _open_session(self) -> Any:
        return None

    async def _exchange(self, session: Any, request: Request, headers: dict[str, str]) -> Response | B2BError:
        return await self.store.exchange(request)


NO_PDF: Any = None  # no program reads one


def invoices_of(store: OddStore, retry: RetryPolicy | None = None) -> Invoices:
    """The calls of users, over this store."""
    retry = retry or RetryPolicy()
    transport = InMemory(
        URL("https://store.example"), "abc123", Secret("t0ken"), None, Timeout(), retry, RateLimiter(100_000),
        clock=asyncio.get_running_loop().time, random=store.random.random,
    )  # fmt: skip
    transport.store = store
    return Invoices(transport.send, NO_PDF, "store", waits=retry.settling, attempts=retry.attempts)
