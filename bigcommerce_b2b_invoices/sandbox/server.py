"""The sandbox: its settings, and the lifetime of its HTTP server."""

import math
from functools import partial
from ipaddress import ip_address
from random import Random
from types import TracebackType
from typing import Self

from aiohttp import web

from .details import make_text
from .gate import Gate, Quota
from .generate import make_order_ids, make_rows
from .routes import BASE, Routes
from .store import Store

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Sandbox:
    """A B2B Edition store on a loopback port, full of made-up invoices.

    `async with` starts and stops its HTTP server. Making the object also makes the invoices, which takes about a second
    for 100,000.

    Args:
        invoices: How many invoices there are at first.
        seed: The same seed and number give the same invoices, store hash and token.
        latency: Seconds to delay every API answer. Concurrent requests wait at the same time.
        quota: Requests allowed in one window of time; more are answered with 429 until the window ends. None means no quota.
        quota_window: Length of that window in seconds, from the first request in it.
        max_limit: The largest number of rows on a page. A higher `limit` is silently lowered to it.
        host: The loopback address to listen on.
        port: The port to listen on; 0 means any free port.

    Raises:
        ValueError: A setting is out of range.
    """

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
    ) -> None:
        _check_whole("invoices", invoices, 0)
        _check_whole("seed", seed)
        _check_whole("max_limit", max_limit, 1)
        _check_whole("port", port, 0, 65_535)
        if quota is not None:
            _check_whole("quota", quota, 1)
        _check_seconds("latency", latency, zero=True)
        _check_seconds("quota_window", quota_window, zero=False)
        self._host = _loopback(host)
        self._port = port
        random = Random(f"{seed}:store")
        self._store_hash = "".join(random.choices(_LETTERS, k=10))
        self._auth_token = "".join(random.choices(_LETTERS, k=40))
        self._store = Store(make_rows(seed, invoices), partial(make_text, seed, self._store_hash))
        self._gate = Gate(
            store_hash=self._store_hash,
            auth_token=self._auth_token,
            latency=latency,
            quota=None if quota is None else Quota(quota, quota_window),
        )
        self._routes = Routes(
            self._store, seed=seed, store_hash=self._store_hash, max_limit=max_limit, order_ids=make_order_ids()
        )
        self._runner: web.AppRunner | None = None

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
        if self._runner is None:
            raise RuntimeError("The sandbox is not running; start it with `async with`.")
        host, port = self._runner.addresses[0][:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{BASE}"

    @property
    def invoice_ids(self) -> tuple[int, ...]:
        """The ids of all invoices there are now, ascending."""
        return tuple(self._store.rows)

    @property
    def order_ids(self) -> tuple[int, ...]:
        """The B2B ids of the orders that have no invoice yet."""
        return self._routes.order_ids()

    @property
    def request_count(self) -> int:
        """API requests received so far, refused ones included; fetches of PDF files are not counted."""
        return self._gate.request_count

    async def __aenter__(self) -> Self:
        """Start the server. OSError if the port is taken."""
        if self._runner is not None:
            raise RuntimeError("The sandbox is already running.")
        application = web.Application(middlewares=[self._gate.pass_through])
        application.add_routes(self._routes.table())
        # After this many seconds aiohttp cuts off answers that still wait for their latency.
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server and close every connection to it."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


def _check_whole(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        span = "" if least == -math.inf else f", {least} or more" if most == math.inf else f" from {least} to {most}"
        raise ValueError(f"{name} must be a whole number{span}; got {value!r}")


def _check_seconds(name: str, value: object, *, zero: bool) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not (0 < value < math.inf or (zero and value == 0)):
        raise ValueError(f"{name} must be a number of seconds, {'zero or more' if zero else 'more than zero'}; got {value!r}")


def _loopback(host: str) -> str:
    """The address to listen on. ValueError if other machines could reach it."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"host must be a loopback address such as 127.0.0.1, not {host!r}")
    return address
