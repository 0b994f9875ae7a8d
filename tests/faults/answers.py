"""The faults that are answers: what a server can send in place of the true answer, and what must become of it.

Each has the number of its row in the list of faults: C framing, D time, E status, F body, G envelope, I redirects, J connections.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from faults.operations import Operation
from faults.store import Spoil
from scripted_server import CLOSE, RESET, Bytes, Drip, Flood, Reply, Stall, raw

from bigcommerce_b2b_invoices import (
    APIError,
    AuthenticationError,
    B2BError,
    BadRequestError,
    ConflictError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    UnprocessableError,
)

CAP = 2**20  # bytes; the largest answer that the clients of the matrix take
VALUE, UNKNOWN, REFUSED = "value", "unknown", "refused"
ELSEWHERE = b"http://127.0.0.1:1/"  # a listening server is put in its place
SAYS_YES: dict[str, str] = {"delete": VALUE}  # its answer holds nothing that could be unsound
NO_LINK: dict[str, str] = {**SAYS_YES, "download_pdf": "DownloadError", "open_pdf": "DownloadError", "pdf_links": VALUE}
NO_BALANCE: dict[str, str] = dict.fromkeys(
    (
        "create", "create_from_order", "update", "update_details", "delete", "download_pdf", "open_pdf", "pdf_links", "count",
        "extra_fields.page", "extra_fields.iterate", "extra_fields.check", "payments.iterate",
    ),
    VALUE,
) | {"get_many": "DecodeError"}  # fmt: skip
DEEP: dict[str, str] = {  # the answers to the first need only an id or a count
    **dict.fromkeys(("create", "update", "delete", "count", "update_details"), VALUE),
    "get_many": "DecodeError",
}
ROWS = ("page", "walk", "find_by_external_id", "changes", "payments.iterate")  # these read the last row of a list
NO_META: dict[str, str] = {"count": "DecodeError"}


@attrs.frozen
class Fault:
    """One way in which an answer can be bad.

    Attributes:
        row: Letter and number.
        spoil: Makes the reply from the body of the true answer.
        reads: What a read ends with when every answer is so: an error, or None for the value.
        writes: What a write ends with then: VALUE, UNKNOWN (OutcomeUnknownError), REFUSED (the same error as a read).
        again: Whether a read is tried again.
        file: Whether a file can be spoilt so, too.
        heavy: Whether the memory that it takes is measured.
        waits: Whether the client must wait for its time-out.
        late: Whether the server does what it is asked for only after the client has given up.
        but: Operations that end otherwise; the name of an error, or VALUE.
    """

    row: str
    title: str
    spoil: Spoil
    reads: type[B2BError] | None = ResponseError
    writes: str = UNKNOWN
    again: bool = True
    file: bool = False
    heavy: bool = False
    waits: bool = False
    late: bool = False
    but: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        """For people and for test ids."""
        return f"{self.row} {self.title}"

    def expected(self, operation: Operation) -> str:
        """What the operation ends with when every answer is so: the name of an error, or VALUE."""
        as_a_read = VALUE if self.reads is None else self.reads.__name__
        as_a_write = {VALUE: VALUE, UNKNOWN: "OutcomeUnknownError", REFUSED: as_a_read}[self.writes]
        return self.but.get(operation.name, as_a_write if operation.effects else as_a_read)

    def acts(self, operation: Operation) -> tuple[str, ...]:
        """What the server may have done before it gave this answer, without lying."""
        if operation.effects is None or self.expected(operation) == VALUE:
            return ("yes",)
        if self.writes == REFUSED:
            return ("no",)
        return ("late",) if self.late else ("yes", "no")


def fixed(reply: Reply) -> Spoil:
    """Always this reply."""
    return lambda _body: reply


def edited(edit: Callable[[dict[str, Any]], Any]) -> Spoil:
    """The true envelope with a change in it."""
    return lambda body: raw(json.dumps(edit(json.loads(body))).encode())


def text(found: str, code: int = 200) -> Spoil:
    """An envelope with this data, as text, because Python would not write it."""
    return fixed(raw(f'{{"code": {code}, "data": {found}, "meta": {{"message": "SUCCESS"}}}}'.encode()))


def encoded(encode: Callable[[bytes], bytes], name: str) -> Spoil:
    """The true body in an encoding, or what is said to be one."""
    return lambda body: raw(encode(body), Content_Encoding=name)


def with_charset(name: str) -> Spoil:
    """The true body, which is said to be in another charset."""
    return lambda body: raw(body, Content_Type=f"application/json; charset={name}")


def with_status(status: int) -> Spoil:
    """The true body under this status; none where there cannot be any."""
    return lambda body: raw(b"" if status in (204, 304) else body, status)


def head(*lines: str, first: str = "HTTP/1.1 200 OK") -> bytes:
    """The head of an answer."""
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


def drip(text: bytes) -> Drip:
    """A byte now and then: no single wait is long."""
    return Drip([bytes([byte]) for byte in text], 0.02)


def half(body: bytes) -> bytes:
    """As much as comes before the fault."""
    return body[: len(body) // 2]


GZIP_BOMB = gzip.compress(b" " * (16 * CAP))
CHUNKED = "Transfer-Encoding: chunked"
CONTINUE = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" * 100


def _amount_twice(body: bytes) -> Reply:
    """The true body, with another amount in the last invoice, too."""
    before, value, after = body.rpartition(b'"value": ')
    return raw(before + (value and b'"value": "9", "value": ') + after)


def _with_levels(found: Any) -> Any:
    """The object, or each of the list, with a value of 100 levels."""
    if isinstance(found, list):
        return [_with_levels(row) for row in found]
    return {**found, "mystery": json.loads("[" * 100 + "]" * 100)}


FRAMING = [
    Fault("C1", "closed before the answer", fixed(CLOSE), file=True),
    Fault("C2", "reset before the answer", fixed(RESET), file=True),
    Fault("C3", "closed within the headers", fixed(Bytes(b"HTTP/1.1 200 OK\r\nContent-Le", then="close")), file=True),
    Fault("C4", "shorter than its length", lambda body: raw(half(body), length=len(body), then="close"), file=True),
    Fault("C5", "chunks without an end", lambda body: Bytes(head(CHUNKED) + b"5\r\n" + body[:5] + b"\r\n", then="close"), file=True),
    Fault("C6", "reset within the body", lambda body: raw(half(body), length=len(body), then="reset"), file=True),
    Fault("C7", "longer than its length", lambda body: raw(body, length=len(body) // 2), file=True),
    Fault("C8", "no length, cut", lambda body: Bytes(head("Connection: close") + half(body), then="close"), file=True),
    Fault("C9", "length and chunks", lambda body: Bytes(head(CHUNKED, f"Content-Length: {len(body)}") + body, then="close")),
    Fault("C10", "two lengths", lambda body: Bytes(head("Content-Length: 2", f"Content-Length: {len(body)}") + body)),
    Fault("C11", "negative length", lambda body: Bytes(head("Content-Length: -1") + body)),
    Fault("C12", "bad chunk size", lambda body: Bytes(head(CHUNKED) + b"zz\r\n" + body), file=True),
    Fault("C13", "not HTTP", fixed(Bytes(b"SMTP ready\r\n\r\n"))),
    Fault("C14", "HTTP/0.9", lambda body: Bytes(body, then="close")),
    Fault("C15", "NUL in a header", lambda body: Bytes(head(f"Content-Length: {len(body)}", "X-Odd: a\0b") + body)),
    Fault("C16", "9 kB header", lambda body: Bytes(head(f"Content-Length: {len(body)}", "X-Long: " + "a" * 9000) + body)),
    Fault("C17", "200 headers", lambda body: Bytes(head(f"Content-Length: {len(body)}", *["X-Many: 1"] * 200) + body)),
    Fault("C18", "flood of 1xx answers", fixed(Flood(CONTINUE, CONTINUE, 60))),
    Fault("C19", "a second answer glued on", lambda body: Bytes(raw(body).text + raw(b'{"data": {"id": 666}}').text), None, VALUE),
    *(
        Fault("C20", f"HTTP {status}", with_status(status), again=again)
        for status, again in ((999, True), (204, True), (205, True), (206, True), (304, False))
    ),
]  # fmt: skip

TIME = [
    Fault("D1", "silence", fixed(Stall()), RequestTimeoutError, file=True, waits=True),
    Fault(
        "D2",
        "silence within the body",
        lambda body: Stall(raw(half(body), length=len(body)).text),
        RequestTimeoutError,
        file=True,
        waits=True,
    ),
    Fault("D3", "a byte now and then", lambda body: drip(raw(body).text), RequestTimeoutError, file=True, waits=True),
    Fault("D4", "headers without an end", fixed(drip(head(*["X-Slow: 1"] * 20))), RequestTimeoutError, waits=True),
    Fault("D6", "silence, and acts late", fixed(Stall()), RequestTimeoutError, waits=True, late=True),
]

GONE = json.dumps({"code": 404, "data": {"errMsg": "no"}, "meta": {"message": "Not Found Error"}}).encode()
RETRY_HINTS: list[tuple[str, dict[str, str]]] = [
    ("429", {}),
    ("429, Retry-After 0", {"Retry_After": "0"}),
    ("429, Retry-After -5", {"Retry_After": "-5"}),
    ("429, Retry-After abc", {"Retry_After": "abc"}),
    ("429, Retry-After past date", {"Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT", "Date": "Wed, 21 Oct 2015 07:29:00 GMT"}),
    ("429, window resets after 0.01 s", {"X_Request_Window_Resets_After": "0.01 s"}),
]
SHAPES: list[tuple[str, bytes]] = [
    ("errMsg", b'{"code": 400, "data": {"errMsg": "no"}, "meta": {"message": "Bad Requests Error"}}'),
    ("meta.errors", b'{"code": 400, "data": {"id": 33}, "meta": {"message": "Bad Requests Error", "errors": "no"}}'),
    ("fields", b'{"code": 400, "data": {"dueDate": ["must be a number"]}}'),
    ("gateway", b'{"status": 400, "title": "no", "errors": {}}'),
    ("HTML", b"<html>no</html>"),
    ("empty", b""),
]
CLASSES: list[tuple[int, type[APIError]]] = [
    (401, AuthenticationError), (403, ForbiddenError), (404, NotFoundError), (405, BadRequestError), (409, ConflictError),
    (413, PayloadTooLargeError), (415, BadRequestError), (422, UnprocessableError),
]  # fmt: skip

STATUS = [
    *(
        Fault("E1" if not hints else "E2", title, fixed(raw(b"", 429, length=None, **hints)), RateLimitError, REFUSED)
        for title, hints in RETRY_HINTS
    ),
    Fault("E2", "429, Retry-After 1e9", fixed(raw(b"", 429, Retry_After=str(10**9))), RateLimitError, REFUSED, again=False),
    Fault("E4", "500 with JSON", fixed(raw(b'{"code": 500, "data": {"errMsg": "no"}}', 500)), ServerError, file=True),
    Fault("E5", "502 with HTML", fixed(raw(b"<html>Bad Gateway</html>", 502)), ServerError, file=True),
    Fault("E6", "503, Retry-After 0", fixed(raw(b"", 503, Retry_After="0")), ServerError),
    Fault("E7", "504, empty", fixed(raw(b"", 504)), ServerError),
    *(Fault("E8", str(status), fixed(raw(b"", status)), ServerError) for status in range(520, 528)),
    *(Fault("E9", f"400 {shape}", fixed(raw(body, 400)), BadRequestError, REFUSED, again=False) for shape, body in SHAPES),
    *(Fault("E9", str(status), fixed(raw(b"", status)), error, REFUSED, again=False) for status, error in CLASSES),
]

BODY = [
    Fault("F1", "empty", fixed(raw(b"")), file=True),
    Fault("F2", "no JSON", fixed(raw(b"OK")), file=True),
    Fault("F3", "HTML", fixed(raw(b"<html>Login</html>", Content_Type="text/html")), file=True),
    Fault("F4", "JSON cut", lambda body: raw(half(body)), file=True),
    Fault("F5", "garbage behind the JSON", lambda body: raw(body + b"}")),
    Fault("F6", "wrong content type", lambda body: raw(body, Content_Type="text/plain"), None, VALUE),
    Fault("F7", "byte order mark", lambda body: raw(b"\xef\xbb\xbf" + body), None, VALUE),
    *(
        Fault("F8", f"charset {name}", with_charset(name), None, VALUE)
        for name in ("utf-16", "latin1", "utf-7", "rot13", "zip", "bogus")
    ),
    Fault("F8", "not UTF-8", fixed(raw(b'{"code": 200, "data": {"id": 1, "type": "\xff"}}'))),
    *(Fault("F9", number, text(f'{{"id": {number}}}')) for number in ("NaN", "Infinity", "-Infinity", "1e99999999999999999999")),
    Fault("F9", "1e999", text('{"id": 1e999}'), DecodeError, again=False, but=NO_LINK),
    Fault("F10", "a balance twice", text('{"id": 1, "openBalance": {"value": "1"}, "openBalance": {"value": "2"}}')),
    Fault("F10", "an amount twice", _amount_twice, but={**NO_BALANCE, "find": VALUE, "get_many": VALUE, **dict.fromkeys(ROWS, "DecodeError")}),
    Fault("F11", "number of 5,000 digits", text(f'{{"id": {"9" * 5000}}}')),
    Fault("F12", "100,000 levels", fixed(raw(b"[" * 100_000))),
    Fault("F12", "100,000 levels, closed", text('{"id": 1, "details": ' + "[" * 100_000 + "]" * 100_000 + "}")),
    Fault("F13", "100 levels", edited(lambda answer: {**answer, "data": _with_levels(answer["data"])}), DecodeError, again=False, but=DEEP),
    Fault("F14", "a body beyond the cap", fixed(Flood(head("Connection: close"), b" " * 65_536, 1000)), heavy=True, file=True),
    Fault("F14", "chunks without end", fixed(Flood(head(CHUNKED), b"10000\r\n" + b" " * 65_536 + b"\r\n", 1000)), heavy=True, file=True),
    Fault("F15", "100 MB claimed", fixed(raw(b" ", length=100 * 2**20)), heavy=True),
    Fault("F16", "gzip bomb", fixed(raw(GZIP_BOMB, Content_Encoding="gzip")), heavy=True, file=True),
    Fault("F16", "deflate bomb", fixed(raw(zlib.compress(b" " * (16 * CAP)), Content_Encoding="deflate")), heavy=True, file=True),
    Fault("F17", "gzip cut", encoded(lambda body: half(gzip.compress(body)), "gzip"), file=True),
    Fault("F18", "gzip with a bad checksum", encoded(lambda body: gzip.compress(body)[:-8] + bytes(8), "gzip"), file=True),
    Fault("F19", "gzip that is none", encoded(lambda body: body, "gzip"), file=True),
    Fault("F20", "br unasked", encoded(lambda _: b"\x0b\x02\x80{}\x03", "br")),
    Fault("F20", "zstd unasked", encoded(lambda _: b"\x28\xb5\x2f\xfd\0\0\0", "zstd")),
    Fault("F21", "unknown encoding", encoded(lambda body: bytes(255 - byte for byte in body), "xor")),
    Fault("F22", "gzip twice", encoded(lambda body: gzip.compress(gzip.compress(body)), "gzip, gzip")),
    Fault("F23", "lone surrogate and NUL in texts", edited(lambda answer: {**answer, "meta": {"message": "\ud800\0"}}), None, VALUE, but=NO_META),
]  # fmt: skip

ENVELOPE = [
    *(
        Fault("G1", f"200 with code {code}", text("{}", code), error, writes, again=again)
        for code, error, writes, again in (
            (400, BadRequestError, REFUSED, False), (404, NotFoundError, REFUSED, False), (422, UnprocessableError, REFUSED, False),
            (429, RateLimitError, REFUSED, True), (500, ServerError, UNKNOWN, True),
        )
    ),
    Fault("G2", "400 with code 200", lambda body: raw(body, 400), BadRequestError, REFUSED, again=False),
    Fault("G3", "no code", edited(lambda answer: {name: answer[name] for name in ("data", "meta")}), None, VALUE),
    Fault("G3", "code as a text", edited(lambda answer: {**answer, "code": "200"}), None, VALUE),
    Fault("G3", "code with a point", edited(lambda answer: {**answer, "code": 200.0}), None, VALUE),
    Fault("G4", "data null", edited(lambda answer: {**answer, "data": None}), DecodeError, again=False, but=SAYS_YES),
    Fault("G5", "a list in place of an object", edited(lambda answer: {**answer, "data": "list"}), DecodeError, again=False, but=SAYS_YES),
    Fault("G6", "bare JSON without an envelope", fixed(raw(b"[]"))),
    Fault("G7", "data within data", edited(lambda answer: {**answer, "data": {"list": answer["data"]}}), DecodeError, again=False, but=NO_LINK),
    Fault("G8", "no meta", edited(lambda answer: {name: answer[name] for name in ("code", "data")}), None, VALUE, but=NO_META),
    Fault("G10", "id missing", text('[{"invoiceNumber": "N-1", "createdAt": 1}]'), DecodeError, again=False, but={**SAYS_YES, "find_by_external_id": "FilterIgnoredError"}),
    *(Fault("G10", f"id {number}", text(f'{{"id": {number}}}'), DecodeError, again=False, but=NO_LINK) for number in ('"7"', "-1", "true", "1" * 60)),
    Fault("G12", "amount 1,000.00", edited(lambda answer: {**answer, "data": _with_value(answer["data"], "1,000.00")}), DecodeError, again=False, but=NO_BALANCE),
    Fault("G12", "amount NaN", edited(lambda answer: {**answer, "data": _with_value(answer["data"], "NaN")}), DecodeError, again=False, but=NO_BALANCE),
]  # fmt: skip

REDIRECTS = [
    *(
        Fault("I1", f"{status} to another host", fixed(raw(b"", status, Location=ELSEWHERE.decode())), again=False, file=True)
        for status in (301, 302, 303, 307, 308)
    ),
    Fault("I1", "302 to itself", fixed(raw(b"", 302, Location="/api/v3/io/ip/invoices/1")), again=False),
    Fault("I1", "302 to a file", fixed(raw(b"", 302, Location="file:///etc/passwd")), again=False),
    Fault("I1", "302 without a place", fixed(raw(b"", 302)), again=False),
]

CONNECTIONS = [
    Fault("J11", "Connection: close", lambda body: raw(body, Connection="close", then="close"), None, VALUE, file=True),
    Fault("J12", "a cookie", lambda body: raw(body, Set_Cookie="csrftoken=1"), None, VALUE, file=True),
]


def _with_value(found: Any, value: str) -> Any:
    """The invoice, or each of the list, with this amount."""
    if isinstance(found, list):
        return [_with_value(row, value) for row in found]
    return {**found, "openBalance": {"code": "USD", "value": value}}


FAULTS = (*FRAMING, *TIME, *STATUS, *BODY, *ENVELOPE, *REDIRECTS, *CONNECTIONS)
