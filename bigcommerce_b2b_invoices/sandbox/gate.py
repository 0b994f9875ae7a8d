"""The gate in front of the API: credentials, the quota, and the headers of every API answer."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from .answers import Refused, answer, failure, gateway

FILES = "/files/"  # outside the API: these requests carry a signature and no credentials


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
    """The gate in front of every endpoint: `pass_through` is an aiohttp middleware."""

    store_hash: str
    auth_token: str
    latency: float
    quota: Quota | None
    request_count: int = 0

    @web.middleware
    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request in or refuse it. In both cases, wait `latency` seconds and then answer.

        The wait comes after the work, so the write of a client that gives up may have happened, as with a real server.
        """
        if request.path.startswith(FILES):
            return await handler(request)
        self.request_count += 1
        try:
            self._admit(request)
            response = await handler(request)
        except Refused as refused:
            response = answer(refused.body, status=refused.status)
        except web.HTTPException as error:
            response = answer(gateway(error.status, error.reason, f"{request.method} {request.path}").body, status=error.status)
        headers = {"X-Request-Id": str(uuid.uuid4()), "Trace-Id": uuid.uuid4().hex}
        response.headers.update(headers | (self.quota.headers() if self.quota else {}))
        if self.latency:
            await asyncio.sleep(self.latency)
        return response

    def _admit(self, request: web.Request) -> None:
        if request.headers.get("X-Auth-Token") != self.auth_token:
            raise failure(401, "Unauthorized", "Invalid token")
        if request.headers.get("X-Store-Hash") != self.store_hash:  # the real API also answers with a server error
            raise failure(500, "Internal Server Error", "Server Error")
        if self.quota and not self.quota.take():
            raise failure(429, "Too many requests", "Too Many Requests")
