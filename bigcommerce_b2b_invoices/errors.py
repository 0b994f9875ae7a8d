"""Every error that this library raises.

    B2BError
    ├── ConfigurationError            bad settings; nothing was sent (also a ValueError)
    ├── TransportError                no usable answer arrived
    │   ├── ConnectFailedError        no connection; nothing was sent
    │   ├── RequestTimeoutError       no answer in time
    │   └── ResponseError             an answer that is garbled, cut off, too large or a redirect
    ├── APIError                      the API answered with an error
    │   ├── BadRequestError           400
    │   │   ├── InvoiceNumberTakenError
    │   │   └── PaymentStateError     the payment does not allow this status or operation now
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
    ├── EditConflictError             somebody else changed the invoice during an edit
    ├── IncompleteWalkError           a walk could not prove that it missed no row
    │   ├── OffsetIgnoredError        the server answers different offsets with the same rows
    │   └── FilterIgnoredError        the server sent a row that the query excludes
    ├── ForeignInvoiceError           an invoice belongs to another company
    │   └── ForeignPaymentError       a payment belongs to another company
    ├── PaymentRefusedError           a payment was refused here; nothing was sent
    │   ├── OverpaymentError          more than the open balance
    │   ├── CurrencyMismatchError     another currency than the invoice's
    │   └── CompanyMismatchError      an invoice of another company
    ├── ReferenceTakenError           another payment has the reference; nothing was sent
    ├── DuplicatePaymentError         several payments have the reference
    ├── DownloadError                 a PDF cannot be fetched, is damaged or cannot be stored
    │   └── UnsafeURLError            a link that is not safe to follow
    ├── RateLimitWaitError            the wait for the quota would be too long; nothing was sent
    └── ClientClosedError             the client was used after close, or from another event loop

An error of a request names the request (`method`, `path`) and the number of attempts (`attempts`). No error holds a credential
or an aiohttp object, so every error can be logged and pickled. The errors that only payments lead to are in `payment_errors`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from bigcommerce_b2b_invoices.models.page import WalkReport


class B2BError(Exception):
    """The base class of all errors of this library.

    Attributes:
        message: What went wrong, without the request.
        method: HTTP method of the request, or None if no request was made.
        path: Path below the base URL, such as `/invoices/9`.
        attempts: How often the request was sent or tried; 0 if no request was made.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message: str = message
        self.method: str | None = None
        self.path: str | None = None
        self.attempts: int = 0

    def to_dict(self) -> dict[str, object]:
        """The error as plain values, for logs and answers: type, message, status, code and request id. No credential."""
        facts = {name: getattr(self, name, None) for name in ("status", "code", "request_id")}
        return {"type": type(self).__name__, "message": str(self), **facts}

    def of_request(self, method: str, path: str, attempts: int) -> Self:
        """Record which request this error came from. For internal use."""
        self.method, self.path, self.attempts = method, path, attempts
        return self

    def with_hint(self, hint: str) -> Self:
        """Add a hint about what may help. For internal use."""
        self.message = f"{self.message or type(self).__name__}; {hint}"
        super().__init__(self.message)
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
    """A setting of the client is missing or invalid. Nothing was sent."""


class TransportError(B2BError):
    """No usable answer arrived."""


class ConnectFailedError(TransportError):
    """The client could not connect (connection refused, unknown host, TLS, refused by a proxy). The API received nothing.

    Attributes:
        is_permanent: Whether another try would fail in the same way, as with a certificate that is not trusted.
    """

    is_permanent = False


class RequestTimeoutError(TransportError):
    """One attempt took longer than the client's `Timeout` allows."""


class ResponseError(TransportError):
    """The answer is garbled, cut off, too large, or a redirect (never followed).

    Attributes:
        status: HTTP status if the response was read that far, else None.
        is_whole: Whether the whole answer arrived, and holds something that the client refuses, such as a key that appears twice
            in an object. Such an answer is not an outage.
    """

    is_whole = False

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    def _facts(self) -> list[str]:
        return [] if self.status is None else [f"HTTP {self.status}"]


class APIError(B2BError):
    """The API answered, and the answer is an error.

    Attributes:
        status: HTTP status; 0 if the error comes from a later check of the store and not from a response.
        code: The `code` in the body, or None. The higher of `status` and `code` decides the class, because the API sends some
            errors with HTTP 200.
        field_errors: Field name -> messages, as in a 422; empty if the answer names no fields.
        request_id: The `X-Request-Id` header, or None. BigCommerce's support needs it.
        trace_id: The `Trace-Id` header, or None.
        is_enveloped: Whether the answer has the API's own envelope; the answer of a gateway in front of the API does not have it.
        retry_after: Seconds that the server asks the client to wait, or None.
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
        self.is_enveloped = False

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
    """Another invoice already has this number. Numbers are unique in the store.

    This call did not make that invoice. If an answer was lost, the library judges this by the content of the invoice. If
    `invoice_ids` holds several ids, this call may have made one of those invoices.

    Attributes:
        invoice_number: The number, if the call named one.
        invoice_ids: Ids of the invoices with this number, if a create could look them up. Several ids are an error of the store.
        is_same: Whether that invoice has the company, original balance, type, due date and references of the draft, for example
            because an earlier run made it. None if the library could not look up that invoice.
    """

    invoice_number: str | None = None
    invoice_ids: tuple[int, ...] = ()
    is_same: bool | None = None


class AuthenticationError(APIError):
    """401: the token is missing, wrong or expired."""


class ForbiddenError(APIError):
    """403: the token is valid but does not allow this call. A buyer's token leads to this error."""


class NotFoundError(APIError):
    """404: the API has no such invoice, order, payment, receipt or receipt line."""


class ConflictError(APIError):
    """409."""


class PayloadTooLargeError(APIError):
    """413."""


class UnprocessableError(APIError):
    """422: `field_errors` says which fields, and why."""


class RateLimitError(APIError):
    """429, even on the last attempt: the store's quota (150 requests a minute, shared by all its integrations) is used up."""


class ServerError(APIError):
    """5xx. The API also answers a wrong store hash with 5xx."""


class DecodeError(B2BError):
    """An answer holds a value that cannot be read.

    Attributes:
        model: The class that was being read, such as `Invoice`.
        path: The place in the answer, such as `data[3].openBalance.value`. The path of the request is in `request_path`.
        invoice_id: Id of the invoice that holds the value; None if it is not known.
        row: The object that cannot be read, such as a row of a list, as the API sent it; None if the value was not in such an
            object. It is never part of the error text.
    """

    def __init__(self, message: str = "", *, model: str = "", path: str = "", invoice_id: int | None = None) -> None:
        super().__init__(message)
        self.path: str | None = path
        self.model: str = model
        self.invoice_id: int | None = invoice_id
        self.row: object = None
        self.request_path: str | None = None

    def of_request(self, method: str, path: str, attempts: int) -> Self:
        """Record which request this error came from. `path` stays the place in the answer."""
        place, self.request_path = self.path, path
        super().of_request(method, path, attempts)
        self.path = place
        return self

    def __str__(self) -> str:
        where = f"{self.model} at {self.path}" if self.path else self.model
        whose = "" if self.invoice_id is None else f" of invoice {self.invoice_id}"
        request = f"{self.method} {self.request_path}: " if self.method else ""
        return f"{request}cannot read {where}{whose}: {self.message}"


class OutcomeUnknownError(B2BError):
    """A write may or may not have happened: it was sent, no trustworthy answer arrived, and no later check could tell.

    Attributes:
        reason: The error of the last attempt, or of the last check.
        invoice_number: The number to look up the invoice by, if the call named one.
        reference: The reference to look up the payment by, if the call recorded one.
        look: The check that `resolve` makes; None if no check is possible. Pickling the error drops it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        reason: B2BError | None = None,
        invoice_number: str | None = None,
        reference: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.invoice_number = invoice_number
        self.reference = reference
        self.look: Callable[[], Awaitable[int | None]] | None = None

    async def resolve(self) -> int | None:
        """Check once more. Returns the id of what was written if the write has happened, and None if it has not so far.

        The check usually takes one request, and it writes nothing. If `create` has made no invoice so far, you can call it again
        with the same draft: the two calls together never make more than one invoice. For a payment, see `Payments.record`.

        Raises:
            InvoiceNumberTakenError: After a create: another invoice has the number.
            DuplicatePaymentError: After recording a payment: several payments have the reference.
            OutcomeUnknownError: This error again, if no check is possible: after `create_from_order`, after an operation on a
                payment other than APPLY and REVERT, or after pickling.
            B2BError: The check failed.
        """
        if self.look is None:
            raise self
        return await self.look()

    def because(self, reason: B2BError) -> Self:
        """Replace the reason with a later one, and return this error."""
        self.reason = reason
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, {**self.__dict__, "look": None}

    def _facts(self) -> list[str]:
        return [] if self.reason is None else [f"{type(self.reason).__name__}: {self.reason}"]


class EditConflictError(B2BError):
    """Somebody else changed the invoice during `update_details`.

    If the change came before the write, nothing was written. Otherwise the change came right after the write.
    """


class IncompleteWalkError(B2BError):
    """A walk stopped because it could not prove that it missed no row.

    Attributes:
        report: The report of the walk when it stopped; None if no walk raised the error.
    """

    report: WalkReport | None = None


class OffsetIgnoredError(IncompleteWalkError):
    """The server answers different offsets with the same rows."""


class FilterIgnoredError(IncompleteWalkError):
    """The server sent a row that the query excludes. No row of that page was delivered."""


class ForeignInvoiceError(B2BError):
    """A company view received an invoice of another company, and did not return it."""


class DownloadError(B2BError):
    """A PDF cannot be fetched, is damaged, or cannot be stored. No file was left behind.

    Attributes:
        status: HTTP status from the file's host, if that is the reason; else None. 403 usually means that the link has expired.
    """

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class UnsafeURLError(DownloadError):
    """A link is not safe to follow. Nothing was sent to it."""


class RateLimitWaitError(B2BError):
    """The wait for a free lease would be, or was, longer than `max_wait`. Nothing was sent.

    Attributes:
        retry_after: The wait that the limiter knew of at that moment, in seconds, rounded up; at least 1.
    """

    def __init__(self, message: str = "", *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ClientClosedError(B2BError):
    """The client was used after `aclose`, from a second event loop or a forked process, or with a session that is closed.

    This error also comes if the session belongs to another event loop or was made before a fork. The message names the reason. A
    read that was in progress when the client was closed also ends with this error.
    """
