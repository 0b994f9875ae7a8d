"""What a client tells its observers about calls, attempts and waits. Nothing here holds a body or a credential."""

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, Literal, Protocol, TypeVar

import attrs

from bigcommerce_b2b_invoices.transport.session import FRAMING

T = TypeVar("T")
logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")

# Headers that say how the request is read, and so belong to the client, even those that it does not send.
NOT_ADDED: frozenset[str] = frozenset({"connection", "content-type", "host", "upgrade", *map(str.lower, FRAMING)})
HEADER_NAME: re.Pattern[str] = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE: re.Pattern[str] = re.compile(r"[\t -~]*")


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt of a call, for logs and metrics. You also get attempts that failed before anything was sent.

    Attributes:
        operation: The call's name, such as `invoices.get`. Pages of a list have the same name, whichever method asked for them.
        route: The path as a template, such as `/invoices/{invoiceId}`.
        path: The path below the base URL.
        attempt: The number of the attempt; the first is 1.
        status: HTTP status; None if no whole response came.
        waited: Seconds that the attempt waited for the quota, even if it ended in that wait.
        seconds: The time from the end of that wait to the decoded result, with the time that your `auth_token` function takes.
        sent: Bytes of the request's body.
        received: Bytes of the answer's body, after decompression.
        request_id: The `X-Request-Id` of the answer, 300 characters at most; None if there is none.
        error: None if the attempt succeeded. An asyncio.CancelledError if it was cancelled, and your own exception if a part of
            your session raised one.
        retry_in: Seconds until the next attempt; None if this attempt is the last one. The next attempt may also wait for the
            quota. After a 429, `retry_in` is part of that wait.
    """

    operation: str
    method: str
    route: str
    path: str
    attempt: int
    status: int | None
    waited: float
    seconds: float
    sent: int
    received: int
    request_id: str | None
    error: BaseException | None
    retry_in: float | None


@attrs.frozen(kw_only=True)
class Wait:
    """A wait of a call. The client reports it when the wait begins.

    Attributes:
        reason: "quota": all leases are in use, or the server says that nothing remains. "refused": the server has refused a
            request with 429. "retry": the call waits before it tries again.
        seconds: The expected time; the wait for the quota can take longer, because others may be served first.
        waiting: How many calls wait for the quota, with this one; 1 if the reason is "retry".
        operation: The call's name, such as `invoices.get`.
    """

    reason: Literal["quota", "refused", "retry"]
    seconds: float
    waiting: int
    operation: str


@attrs.frozen(kw_only=True)
class Operation:
    """A call, for an `Instrument`.

    Attributes:
        name: Such as `invoices.get`. Pages of a list have the same name, whichever method asked for them.
        route: The path as a template, such as `/invoices/{invoiceId}`.
        bulk: Whether it is part of a walk, a feed or a bulk run.
    """

    name: str
    method: str
    route: str
    store_hash: str
    bulk: bool


@attrs.define(kw_only=True)
class Sending:
    """One attempt, for an `Instrument`. The client sets `status`, `request_id`, `received` and `error` when the attempt has
    ended.

    Attributes:
        attempt: The number of the attempt; the first is 1.
        url: The whole URL. Its query may hold a customer's name.
        waited: Seconds that the attempt waited for the quota.
        headers: Further headers to send, in ASCII. They cannot replace headers of the client, or change how a request is read, as
            `Content-Length` would. The client leaves out such headers, and logs a warning once.
        status: HTTP status; None if no whole response came.
        request_id: The `X-Request-Id` of the answer, 300 characters at most; None if there is none.
        received: Bytes of the answer's body, after decompression.
        error: None if the attempt succeeded; see `Attempt`.
    """

    operation: Operation
    attempt: int
    url: str
    waited: float
    headers: dict[str, str] = attrs.field(factory=dict)
    status: int | None = None
    request_id: str | None = None
    received: int = 0
    error: BaseException | None = None


class Instrument(Protocol):
    """Watches operations and attempts, for example to make spans of them. Its methods must not block.

    If the instrument raises an exception, the client logs the first one and goes on. An instrument cannot swallow the exception
    of a call.
    """

    def operation(self, operation: Operation, /) -> AbstractContextManager[object]:
        """Return a context manager. The client enters it around a call, with all its attempts and the waits between them."""
        ...

    def attempt(self, sending: Sending, /) -> AbstractContextManager[object]:
        """Return a context manager. The client enters it around one attempt, once the attempt has its lease."""
        ...


@attrs.define(eq=False, repr=False)
class Try:
    """What the transport learns in the course of one attempt."""

    attempt: int
    waited: float = 0.0
    seconds: float = 0.0
    status: int | None = None
    request_id: str | None = None
    received: int = 0
    headers: Mapping[str, str] | None = None


class Safely:
    """Calls observers. What an observer raises is logged once for each client, and ignored."""

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def tell(self, name: str, observer: Callable[[T], object], value: T) -> None:
        """Call an observer."""
        try:
            observer(value)
        except Exception:  # noqa: BLE001 - an error of an observer must not make a payment fail
            self.log(name)

    def log(self, name: str) -> None:
        """Log the exception that is being handled, with its traceback, unless the same observer failed before."""
        if name not in self._failed:
            self._failed.add(name)
            logger.exception("%s failed; further failures are not logged", name)  # noqa: LOG004 - called in a handler

    def add(self, added: object, own: dict[str, str]) -> dict[str, str]:
        """The client's own headers and those that an instrument added. Those that must not be sent are left out."""
        taken = NOT_ADDED.union(map(str.lower, own))
        fit, unfit = {}, not isinstance(added, Mapping)
        for name, value in added.items() if isinstance(added, Mapping) else ():
            texts = isinstance(name, str) and isinstance(value, str)
            if texts and HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value) and name.lower() not in taken:
                fit[name] = value
                taken |= {name.lower()}
            else:
                unfit = True
        if unfit and "headers" not in self._failed:
            self._failed.add("headers")
            logger.warning("headers that the instrument added were left out, because they cannot be sent")
        return {**own, **fit}


class Watched(Generic[T]):
    """A context of an instrument around a piece of work. The instrument can neither break the work nor swallow its exception."""

    def __init__(self, safely: Safely, watch: Callable[[T], AbstractContextManager[object]], value: T) -> None:
        self._safely, self._watch, self._value = safely, watch, value
        self._context: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        try:
            context = self._watch(self._value)
            context.__enter__()
        except Exception:  # noqa: BLE001 - the same
            self._safely.log("instrument")
        else:
            self._context = context

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        if self._context is not None:
            try:
                self._context.__exit__(exc_type, exc, traceback)
            except Exception:  # noqa: BLE001 - the same
                self._safely.log("instrument")
