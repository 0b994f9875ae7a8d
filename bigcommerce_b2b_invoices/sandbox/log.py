"""The requests that the sandbox received: the last 10,000, with the token masked."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy, MultiMapping  # a part of aiohttp's own interface

from . import answers
from .answers import Body

KEPT = 10_000
_TOKEN = "X-Auth-Token"
_MASK = "***"


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A request that the sandbox received.

    Attributes:
        method: HTTP method, in capitals.
        path: The path below the base URL, such as `/invoices/1041`; of a PDF file, its whole path.
        query: The parameters. `query.getall(name)` returns every value of a parameter that came several times.
        headers: The headers, by name in any case. The token is masked.
        body: The JSON value, its fractions as Decimal; the text if it is not JSON; None if there is no body.
        at: When the request arrived: epoch seconds by the sandbox's clock.
        status: HTTP status of the answer. None if there is no answer yet, or if the connection was dropped instead.
    """

    method: str
    path: str
    query: MultiMapping[str]
    headers: MultiMapping[str]
    body: object
    at: float
    status: int | None = None

    def as_json(self) -> Body:
        """The request as a JSON object. A name that came several times has a list of texts."""
        return {
            "method": self.method,
            "path": self.path,
            "query": _joined(self.query),
            "headers": _joined(self.headers),
            "body": self.body,
            "status": self.status,
            "at": self.at,
        }


class Log:
    """The requests, in the order in which they arrived."""

    def __init__(self) -> None:
        self._requests: OrderedDict[int, SandboxRequest] = OrderedDict()
        self._received = 0

    def add(self, request: web.Request, path: str, body: bytes, at: float) -> int:
        """Keep a request. Returns its number, for `answered`."""
        headers = CIMultiDict(request.headers)
        if _TOKEN in headers:
            headers[_TOKEN] = _MASK
        kept = SandboxRequest(request.method, path, request.rel_url.query, CIMultiDictProxy(headers), _read(body), at)
        self._received += 1
        self._requests[self._received] = kept
        if len(self._requests) > KEPT:
            self._requests.popitem(last=False)
        return self._received

    def answered(self, number: int, status: int) -> None:
        """Note the status of the answer to a request, if the request is still kept."""
        if number in self._requests:
            self._requests[number] = replace(self._requests[number], status=status)

    def requests(self) -> list[SandboxRequest]:
        """All requests that are kept."""
        return list(self._requests.values())

    def clear(self) -> None:
        """Forget all requests."""
        self._requests.clear()


def _read(body: bytes) -> object:
    if not body:
        return None
    try:
        return answers.loads(body)
    except (ValueError, ArithmeticError, RecursionError):  # Arithmetic: a Decimal with an absurd exponent
        return body.decode(errors="replace")


def _joined(values: MultiMapping[str]) -> Mapping[str, object]:
    return {name: texts if len(texts := values.getall(name)) > 1 else texts[0] for name in values}
