"""The gate in front of the API: credentials, the quota, faults, and the headers of every answer."""

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from email.utils import formatdate

from aiohttp import web
from aiohttp.typedefs import Handler

from .answers import Refused, answer, failure, gateway
from .control import CONTROL
from .cut import hang_up, send_half
from .faults import Fault, Faults, below_base
from .log import Log

FILES = "/files/"  # outside the API: these requests carry a signature and no credentials
_NO_FAULT = Fault()


class Quota:
    """A number of requests in a window of time. The window begins with its first request."""

    def __init__(self, requests: int, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = requests
        self._window = window
        self._clock = clock
        self._used = 0
        self._resets_at = clock()

    def take(self) -> bool:
        """Use one request, and return whether one was left."""
        now = self._clock()
        if now >= self._resets_at:
            self._used = 0
            self._resets_at = now + self._window
        if self._used == self._requests:
            return False
        self._used += 1
        return True

    def headers(self) -> dict[str, str]:
        """The quota's state, with units, as the API documents it."""
        left = self._resets_at - self._clock()
        return {
            "X-Requests-Allocated": f"{self._requests} times/{self._window:g} s",
            "X-Requests-Remaining": f"{self._requests - self._used if left > 0 else self._requests} times",
            "X-Request-Window-Resets-After": f"{max(left, 0):.3f} s",
        }


@dataclass(slots=True)
class Gate:
    """The gate in front of every endpoint: `pass_through` is an aiohttp middleware.

    A request acts as a whole: the gate reads its body first, and holds `lock` while the handler runs, which waits for nothing.
    So a thread that holds the lock never sees half of a request.
    """

    store_hash: str
    auth_token: str
    latency: float
    quota: Quota | None
    clock: Callable[[], float]
    lock: AbstractContextManager[object]
    keep_alive: bool
    log: Log = field(default_factory=Log)
    faults: Faults = field(default_factory=Faults)
    request_count: int = 0

    @web.middleware
    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request in, refuse it, or let it meet a fault. Then wait `latency` seconds and answer.

        The wait comes after the work, so the write of a client that gives up may have happened, as with a real server.
        """
        if request.path.startswith(CONTROL):
            return await handler(request)
        refused: web.HTTPException | None = None
        try:
            body = await request.read()
        except web.HTTPException as error:  # the body is too large
            body, refused = b"", error
        is_file, path = request.path.startswith(FILES), below_base(request.path)
        with self.lock:
            self.request_count += not is_file
            number = self.log.add(request, path, body, self.clock())
            fault = self.faults.take(request.method, path) or _NO_FAULT
            true = await self._true_answer(request, handler, refused) if fault.takes_effect else None
            response = None if fault.is_silent else fault.answer() if fault.is_answer or true is None else true
            if fault.drop == "midway" and response is not None and not response.body:
                response = None  # nothing of it could be left out
            self._complete(response, fault, is_file=is_file)
        if wait := fault.delay + (0.0 if is_file else self.latency):
            await asyncio.sleep(wait)
        if response is None:
            return hang_up(request)
        with self.lock:
            self.log.answered(number, response.status)
        return await send_half(request, response) if fault.drop == "midway" else response

    async def _true_answer(self, request: web.Request, handler: Handler, refused: web.HTTPException | None) -> web.Response:
        try:
            if not request.path.startswith(FILES):
                self._admit(request)
            if refused is not None:
                raise refused
            response = await handler(request)
        except Refused as error:
            return answer(error.body, status=error.status)
        except web.HTTPException as error:
            return answer(gateway(error.status, error.reason, f"{request.method} {request.path}").body, status=error.status)
        assert isinstance(response, web.Response)  # noqa: S101 - each of our handlers makes one; this tells the type checker
        return response

    def _admit(self, request: web.Request) -> None:
        if request.headers.get("X-Auth-Token") != self.auth_token:
            raise failure(401, "Unauthorized", "Invalid token")
        if request.headers.get("X-Store-Hash") != self.store_hash:  # the real API also answers with a server error
            raise failure(500, "Internal Server Error", "Server Error")
        if self.quota and not self.quota.take():
            raise failure(429, "Too many requests", "Too Many Requests")

    def _complete(self, response: web.Response | None, fault: Fault, *, is_file: bool) -> None:
        """Give an answer the headers of every answer, and those of its fault."""
        if response is None:
            return
        response.headers["Date"] = formatdate(self.clock(), usegmt=True)
        if not is_file:
            response.headers.update({"X-Request-Id": str(uuid.uuid4()), "Trace-Id": uuid.uuid4().hex})
            response.headers.update(self.quota.headers() if self.quota else {})
        response.headers.update(fault.headers)
        if not self.keep_alive:
            response.force_close()
