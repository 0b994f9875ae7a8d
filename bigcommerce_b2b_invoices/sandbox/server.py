"""The sandbox: its settings, its lifetime, and what a test can ask of it."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from random import Random
from threading import RLock
from types import TracebackType
from typing import ClassVar, Literal, Self, cast

from aiohttp import web

from .additions import add_body, in_camel_case
from .answers import Body, dump, loads
from .assumptions import Assumptions
from .control import Control
from .details import make_text
from .drift import Drift
from .faults import BASE, make_fault
from .gate import Gate, Quota
from .generate import make_order_ids, make_rows
from .log import SandboxRequest
from .payment_bodies import new_payment
from .payment_drift import PaymentDrift
from .payment_routes import PaymentRoutes
from .payments import Payments
from .routes import Routes
from .serving import InThread, served
from .settings import check_clock, check_host, check_seconds, check_whole, is_loopback, reachable, warn
from .store import Store

_ASSUMED = Assumptions()
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Sandbox:
    """A B2B Edition store on a port of this machine, full of made-up invoices.

    `async with` serves it in the running event loop. `with` serves it in a thread of its own, for synchronous tests,
    session-scoped fixtures, and any event loop. All methods and attributes may be used from any thread. Making the object also
    makes the invoices, which takes about a second for 100,000.

    A sandbox can be started again after it was stopped, with the invoices that it had. While it is stopped, the store and the
    requests can still be read; `add`, `fail`, `drift` and `clear` work before the first start and while it runs.

    Args:
        invoices: How many invoices there are at first.
        seed: The same seed and number give the same invoices, store hash and token.
        latency: Seconds to delay every API answer. Concurrent requests wait at the same time.
        quota: Requests allowed in one window of time; more are answered with 429 until the window ends. None means no quota.
        quota_window: Length of that window in seconds, from the first request in it.
        max_limit: The largest number of rows on a page. A higher `limit` is silently lowered to it.
        host: The address to listen on: a loopback address, unless `allow_remote` is true.
        port: The port to listen on; 0 means any free port.
        allow_remote: Let other machines and containers connect. Anyone who can reach the port can control the sandbox. A warning
            on stderr says so.
        assume: How the sandbox behaves if the API's documents leave a question about payments open.
        clock: Returns epoch seconds. Every time of the store comes from it: createdAt, updatedAt, the header Date, the quota's
            window, and the signatures of PDF links.

    Raises:
        ValueError: A setting is out of range.
    """

    keep_alive: ClassVar[bool] = True  # whether a connection stays open after an answer

    def __init__(
        self,
        *,
        invoices: int = 1000,
        seed: int = 0,
        latency: float = 0.0,
        quota: int | None = None,
        quota_window: float = 60.0,
        max_limit: int = 250,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        clock: Callable[[], float] = time.time,
        assume: Assumptions = _ASSUMED,
    ) -> None:
        check_whole("invoices", invoices, 0)
        check_whole("seed", seed)
        check_whole("max_limit", max_limit, 1)
        check_whole("port", port, 0, 65_535)
        if quota is not None:
            check_whole("quota", quota, 1)
        check_seconds("latency", latency, zero=True)
        check_seconds("quota_window", quota_window, zero=False)
        check_clock(clock)
        self._host = check_host(host, allow_remote=allow_remote)
        self._port = port
        self._clock = clock
        self._lock = RLock()
        random = Random(f"{seed}:store")
        self._store_hash = "".join(random.choices(_LETTERS, k=10))
        self._auth_token = "".join(random.choices(_LETTERS, k=40))
        self._store = Store(make_rows(seed, invoices), partial(make_text, seed, self._store_hash))
        self._drift = Drift(self._store, seed=seed, clock=clock)
        self._gate = Gate(
            store_hash=self._store_hash,
            auth_token=self._auth_token,
            latency=latency,
            quota=None if quota is None else Quota(quota, quota_window, clock),
            clock=clock,
            lock=self._lock,
            keep_alive=self.keep_alive,
        )
        self._routes = Routes(
            self._store,
            seed=seed,
            store_hash=self._store_hash,
            max_limit=max_limit,
            order_ids=make_order_ids(),
            drift=self._drift,
            clock=clock,
        )
        self._payments = Payments(
            self._store, seed=seed, invoices=invoices, store_hash=self._store_hash, assume=assume, clock=clock
        )
        others = PaymentDrift(self._payments, self._store, self._drift, seed=seed)
        self._payment_routes = PaymentRoutes(self._payments, self._store, others, max_limit=max_limit, clock=clock)
        actions: dict[str, Callable[..., int | None]] = {"fail": self.fail, "add": self.add, "add_payment": self.add_payment}
        self._control = Control({**actions, "drift": self.drift, "clear": self.clear}, lambda: self.requests)
        self._state: Literal["new", "running", "stopped"] = "new"
        self._bound_port = 0
        self._serving: AbstractAsyncContextManager[int] | None = None
        self._thread: InThread | None = None

    @property
    def store_hash(self) -> str:
        """The value to send as X-Store-Hash."""
        return self._store_hash

    @property
    def auth_token(self) -> str:
        """The value to send as X-Auth-Token."""
        return self._auth_token

    @property
    def base_url(self) -> str:
        """Where the API is, such as `http://127.0.0.1:8080/api/v3/io/ip`. RuntimeError if the sandbox is not running."""
        if self._state != "running":
            raise RuntimeError("The sandbox is not running; start it with `with` or `async with`.")
        return f"http://{reachable(self._host)}:{self._bound_port}{BASE}"

    @property
    def invoice_ids(self) -> tuple[int, ...]:
        """The ids of all invoices there are now, ascending."""
        with self._lock:
            return tuple(self._store.rows)

    @property
    def order_ids(self) -> tuple[int, ...]:
        """The B2B ids of the orders that have no invoice yet."""
        with self._lock:
            return self._routes.order_ids()

    @property
    def request_count(self) -> int:
        """API requests received so far, refused ones included; fetches of PDF files are not counted."""
        return self._gate.request_count

    @property
    def requests(self) -> list[SandboxRequest]:
        """The requests received since `clear`, in the order in which they came: the last 10,000, without control requests."""
        with self._lock:
            return self._gate.log.requests()

    def invoice(self, invoice_id: int) -> Body | None:
        """An invoice as the API would send it, with its extra fields. Fractions are Decimals. None: there is no such invoice."""
        with self._lock:
            row = self._store.rows.get(invoice_id)
            return None if row is None else self._store.body(row)

    @property
    def payment_ids(self) -> tuple[int, ...]:
        """The ids of all payments there are now, ascending."""
        with self._lock:
            return tuple(sorted(self._payments.payments))

    def payment(self, payment_id: int) -> Body | None:
        """A payment as the API would send it. Fractions are Decimals. None: there is no such payment."""
        with self._lock:
            body = self._payments.payments.get(payment_id)
            return None if body is None else _copied(self._payments.shown(body))

    def add_payment(self, /, **fields: object) -> int:
        """Store a payment with these fields, and return its id. No balance changes, but a completed payment gets a receipt.

        Args:
            fields: Fields in the API's camelCase or in snake_case. A value is any JSON value. The sandbox stores it as it is,
                without any check. Keys inside a value, and fields that nobody knows, keep their spelling. The other fields are
                those of a completed offline payment that is not applied and has no lines. An `id` that exists replaces that
                payment.

        Raises:
            TypeError: A value cannot be JSON, or a field comes in both spellings.
            ValueError: A value is NaN or infinite.
        """
        self._check_not_stopped()
        known = (*new_payment(0, customer_id="", store_hash="", now=0), "allowedOperations", "allowedStatuses")
        with self._lock:
            return self._payments.add(_copied(in_camel_case(fields, known=known)))

    def add(self, /, **fields: object) -> int:
        """Store an invoice with these fields, and return its id.

        Args:
            fields: Fields in the API's camelCase or in snake_case. A value is any JSON value. The sandbox stores it as it is,
                without any check. Keys inside a value, and fields that nobody knows, keep their spelling. The other fields are
                those of an open invoice. An `id` that exists replaces that invoice; if no invoice of the API could have that
                `id`, the sandbox stores the invoice under another id, and the invoice only shows this one.

        Raises:
            TypeError: A value cannot be JSON, or a field comes in both spellings.
            ValueError: A value is NaN or infinite.
        """
        self._check_not_stopped()
        with self._lock:
            number, now = self._store.new_number(), int(self._clock())
            key, body = add_body(fields, next_id=self._store.next_id, number=number, store_hash=self._store_hash, now=now)
            self._store.put_body(body, key=key)
            return key

    def fail(
        self,
        times: int = 1,
        *,
        status: int | None = None,
        drop: Literal["before", "after", "midway"] | None = None,
        delay: float = 0.0,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Let the next matching requests fail. If you call this several times, the faults wait in a queue, and a request gets the
        first one that matches it.

        Args:
            times: How many requests.
            status: Answer with this HTTP status, and with an error of the API unless `body` is given. The request takes no
                effect, unless `drop` is "after" or "midway".
            drop: What happens to the true answer. "before": the request takes no effect, and the connection is closed without an
                answer. "after": the request takes effect, and the connection is closed without an answer. "midway": the request
                takes effect, and the connection is closed after half of the answer. With `status` or `body`, that answer comes
                instead of the true one: with `drop="after", status=502`, a write happens, but the answer is that of a gateway
                that does not know this.
            delay: Seconds to wait before the answer, or before the connection is closed. The request takes effect before that.
            body: Answer with this: text and bytes as they are, anything else as JSON. Without `status`, the status is 200.
            headers: Headers to add to the answer.
            method: Only requests with this method.
            path: Only requests with this path below the base URL, such as `/invoices/1041`. `{invoiceId}` is any one step of a
                path, and `*` is anything.

        Raises:
            ValueError: A value is out of range, or the call does not say what goes wrong.
            TypeError: The body cannot be JSON.
        """
        self._check_not_stopped()
        fault = make_fault(times, status=status, drop=drop, delay=delay, body=body, headers=headers, method=method, path=path)
        with self._lock:
            self._gate.faults.order(fault)

    def drift(self, *, inserts: int = 0, deletes: int = 0, edits: int = 0) -> None:
        """Let other users change the store between any two requests for a list, from now on.

        They change invoices between two lists of invoices, and payments between two lists of payments or receipts. Balances
        follow the payments.

        Args:
            inserts: How many invoices they make, or payments they record, each time.
            deletes: How many invoices or payments they delete.
            edits: How many they edit: the purchase order number of an invoice or the `externalCustomerId` of a payment, and
                `updatedAt`, change.

        Raises:
            ValueError: A number is negative, or not a whole number.
        """
        self._check_not_stopped()
        for name, number in (("inserts", inserts), ("deletes", deletes), ("edits", edits)):
            check_whole(name, number, 0)
        with self._lock:
            self._drift.inserts, self._drift.deletes, self._drift.edits = inserts, deletes, edits

    def clear(self) -> None:
        """Forget the requests, and end all faults and the drift."""
        self.drift()
        with self._lock:
            self._gate.log.clear()
            self._gate.faults.clear()

    async def __aenter__(self) -> Self:
        """Start the server in this event loop. OSError if the port is taken."""
        serving = self._begin()
        try:
            self._bound_port = await serving.__aenter__()
        except BaseException:
            self._state = "new"
            raise
        self._serving = serving
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server and close every connection to it."""
        serving, self._serving = self._serving, None
        if serving is not None:
            self._state = "stopped"
            await serving.__aexit__(None, None, None)

    def __enter__(self) -> Self:
        """Start the server in a thread of its own. OSError if the port is taken."""
        thread = InThread(self._begin())
        try:
            self._bound_port = thread.enter()
        except BaseException:
            self._state = "new"
            raise
        self._thread = thread
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server, close every connection to it, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._state = "stopped"
            thread.leave()

    def _begin(self) -> AbstractAsyncContextManager[int]:
        with self._lock:
            if self._state == "running":
                raise RuntimeError("The sandbox is already running.")
            self._state = "running"
        if not is_loopback(self._host):
            warn(f"the sandbox listens on {self._host}, beyond this machine. Anyone who can reach it can control it.")
        application = web.Application(middlewares=[self._gate.pass_through])
        application.add_routes([*self._routes.table(), *self._payment_routes.table(), *self._control.table()])
        return served(application, self._host, self._port)

    def _check_not_stopped(self) -> None:
        if self._state == "stopped":
            raise RuntimeError("The sandbox was stopped.")


def _copied(body: Body) -> Body:
    """The same JSON, shared with nobody."""
    return cast("Body", loads(dump(body)))
