"""Every error that this library raises.

    B2BError
    ├── ConfigurationError            bad settings; nothing was sent (also a ValueError)
    ├── TransportError                no usable answer came
    │   ├── ConnectFailedError        no connection; nothing was sent
    │   ├── RequestTimeoutError       no answer in time
    │   └── ResponseError             an answer that is garbled, cut, too large or a redirect
    ├── APIError                      the API answered with an error
    │   ├── BadRequestError           400
    │   │   └── InvoiceNumberTakenError
    │   ├── AuthenticationError       401
    │   ├── ForbiddenError            403
    │   ├── NotFoundError             404
    │   ├── ConflictError             409
    │   ├── PayloadTooLargeError      413
    │   ├── UnprocessableError        422
    │   ├── RateLimitError            429
    │   └── ServerError               5xx
    ├── DecodeError                   an answer holds a value that cannot be read
    ├── OutcomeUnknownError           a write that may or may not have happened
    ├── EditConflictError             somebody changed the invoice in between
    ├── IncompleteWalkError           a walk could not prove that nothing was lost
    │   ├── OffsetIgnoredError        the server answers every offset with the same rows
    │   └── FilterIgnoredError        the server sent a row that the query excludes
    ├── ForeignInvoiceError           an invoice of another company
    ├── DownloadError                 a PDF was refused or is damaged
    │   └── UnsafeURLError            a link that must not be followed
    ├── RateLimitWaitError            the wait for the quota would be too long; nothing was sent
    └── ClientClosedError             used after close, or from another event loop

An error that came from a request says which (`method`, `path`) and how often it was tried (`attempts`). No error holds a
credential or an aiohttp object, so every error can be logged and pickled.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from bigcommerce_b2b_invoices.walks.page import WalkReport


class B2BError(Exception):
    """Base of all errors of this library.

    Attributes:
        message: What went wrong, without the request.
        method: HTTP method of the request, or None where no request was made.
        path: Path below the base URL, such as `/invoices/9`.
        attempts: How often the request was sent or tried; 0 where no request was made.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.method: str | None = None
        self.path: str | None = None
        self.attempts = 0

    def of_request(self, method: str, path: str, attempts: int) -> Self:
        """Note which request this error came from; for the transport."""
        self.method, self.path, self.attempts = method, path, attempts
        return self

    def with_hint(self, hint: str) -> Self:
        """Say also what may help; for the transport."""
        self.message = f"{self.message or type(self).__name__}; {hint}"
        self.args = (self.message,)
        return self

    def __str__(self) -> str:
        text = self.message or type(self).__name__
        facts = [*self._facts(), *([f"{self.attempts} attempts"] if self.attempts > 1 else [])]
        if facts:
            text = f"{text} ({', '.join(facts)})"
        return f"{self.method} {self.path}: {text}" if self.method else text

    def _facts(self) -> list[str]:
        return []


class ConfigurationError(B2BError, ValueError):
    """A setting of the client cannot be right. Nothing was sent."""


class TransportError(B2BError):
    """No usable answer came."""


class ConnectFailedError(TransportError):
    """No connection could be made (refused, unknown host, TLS). Nothing was sent."""


class RequestTimeoutError(TransportError):
    """One attempt took longer than the client's `Timeout` allows."""


class ResponseError(TransportError):
    """The answer is garbled, cut off, too large, or a redirect (never followed).

    Attributes:
        status: HTTP status where a response was read so far, else None.
    """

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    def _facts(self) -> list[str]:
        return [] if self.status is None else [f"HTTP {self.status}"]


class APIError(B2BError):
    """The API answered, and the answer is an error.

    Attributes:
        status: HTTP status; 0 where it was not an answer but a look that told.
        code: The body's own `code`, or None. The worse of the two decides the class: the API files some errors under HTTP 200.
        field_errors: Field name -> messages, from a 422; empty otherwise.
        request_id: The `X-Request-Id` header: name it to BigCommerce's support.
        trace_id: The `Trace-Id` header.
        retry_after: Seconds that the server asks to wait, or None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: int | None = None,
        field_errors: Mapping[str, tuple[str, ...]] | None = None,
        request_id: str | None = None,
        trace_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field_errors: Mapping[str, tuple[str, ...]] = field_errors or {}
        self.request_id = request_id
        self.trace_id = trace_id
        self.retry_after = retry_after

    def _facts(self) -> list[str]:
        facts = [f"HTTP {self.status}"] if self.status else []
        if self.code is not None and self.code != self.status:
            facts.append(f"code {self.code}")
        if self.request_id:
            facts.append(f"request id {self.request_id}")
        return facts


class BadRequestError(APIError):
    """400, and any other 4xx without a class of its own."""


class InvoiceNumberTakenError(BadRequestError):
    """An invoice with this number exists already; the number is unique in the store.

    This call has not made it; where an answer was lost before, as far as the invoice's content tells.

    Attributes:
        invoice_number: The number, where the call named one.
        invoice_ids: Of the invoices that have it, as far as a create could look them up; several would be the store's own error.
        is_same: Whether that invoice has the draft's company, balance, dates and references, as when an earlier run has made it;
            None where it could not be looked up.
    """

    invoice_number: str | None = None
    invoice_ids: tuple[int, ...] = ()
    is_same: bool | None = None


class AuthenticationError(APIError):
    """401: the token is missing, wrong or expired."""


class ForbiddenError(APIError):
    """403: the token is valid but not for this; a buyer's token answers so."""


class NotFoundError(APIError):
    """404: no such invoice or order."""


class ConflictError(APIError):
    """409."""


class PayloadTooLargeError(APIError):
    """413."""


class UnprocessableError(APIError):
    """422: `field_errors` says which fields, and why."""


class RateLimitError(APIError):
    """429, still after the last attempt: the store's quota (150 requests a minute, shared by all its integrations) is used up."""


class ServerError(APIError):
    """5xx. A wrong store hash is answered so as well."""


class DecodeError(B2BError):
    """An answer holds a value that cannot be read.

    Attributes:
        model: The class that was being read, such as `Invoice`.
        path: Where in the answer, such as `data[3].openBalance.value`. The request's path is in `request_path`.
        invoice_id: Id of the invoice that holds the value, where it is known.
    """

    def __init__(self, message: str = "", *, model: str = "", path: str = "", invoice_id: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.model = model
        self.invoice_id = invoice_id
        self.request_path: str | None = None

    def of_request(self, method: str, path: str, attempts: int) -> Self:
        """Note which request this error came from; `path` stays the place in the answer."""
        self.method, self.request_path, self.attempts = method, path, attempts
        return self

    def __str__(self) -> str:
        where = f"{self.model} at {self.path}" if self.path else self.model
        whose = "" if self.invoice_id is None else f" of invoice {self.invoice_id}"
        request = f"{self.method} {self.request_path}: " if self.method else ""
        return f"{request}cannot read {where}{whose}: {self.message}"


class OutcomeUnknownError(B2BError):
    """A write that may or may not have happened: it was sent, no trustworthy answer came, and looking for it has not told either.

    Attributes:
        reason: What befell the last attempt, or the last look.
        invoice_number: The number by which the invoice can be looked up, where the call named one.
        look: How `resolve` looks; None where it cannot. Lost when the error is pickled.
    """

    def __init__(self, message: str = "", *, reason: B2BError | None = None, invoice_number: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.invoice_number = invoice_number
        self.look: Callable[[], Awaitable[int | None]] | None = None

    async def resolve(self) -> int | None:
        """Look once more: the invoice's id where the write has happened, None where it has not, so far.

        One request as a rule, which writes nothing.
        Where it has not happened and the same create is called again, at most one invoice comes of both.

        Raises:
            InvoiceNumberTakenError: After a create: another invoice has the number.
            OutcomeUnknownError: This error again, where looking cannot tell: after `create_from_order`, or after pickling.
            B2BError: It could not be looked for.
        """
        if self.look is None:
            raise self
        return await self.look()

    def because(self, reason: B2BError) -> Self:
        """The same error with a later reason."""
        self.reason = reason
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, {**self.__dict__, "look": None}

    def _facts(self) -> list[str]:
        return [] if self.reason is None else [f"{type(self.reason).__name__}: {self.reason}"]


class EditConflictError(B2BError):
    """`update_details`: somebody changed the invoice before it was written, so that nothing was, or right afterwards."""


class IncompleteWalkError(B2BError):
    """A walk could not prove that nothing was lost, and stopped.

    Attributes:
        report: What the walk had done, where there was a walk.
    """

    report: "WalkReport | None" = None


class OffsetIgnoredError(IncompleteWalkError):
    """The server answers different offsets with the same rows."""


class FilterIgnoredError(IncompleteWalkError):
    """The server sent a row that the query excludes. No row of that page was delivered."""


class ForeignInvoiceError(B2BError):
    """A company view met an invoice of another company. It was not handed out."""


class DownloadError(B2BError):
    """A PDF was refused, is damaged, or cannot be stored. No file was left behind.

    Attributes:
        status: HTTP status of the file's host, where it is the reason; 403 of a link means that it has expired.
    """

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UnsafeURLError(DownloadError):
    """A link that must not be followed. Nothing was sent to it."""


class RateLimitWaitError(B2BError):
    """The wait for a free lease would outlast the limiter's `max_wait`. Nothing was sent."""


class ClientClosedError(B2BError):
    """Used after `aclose`, with a closed session, or from another event loop than at first; a read that was under way, too."""
