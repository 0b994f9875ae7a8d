"""Faults that a test orders, and which request meets which.

Rules: Faults wait in the order in which they were ordered. A request meets the first one that matches it, and no other. An answer
that is made up (`status` or `body`) comes from a gateway, as it were: the request takes no effect unless `drop` says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web

from .answers import dump, failure
from .settings import check_choice, check_seconds, check_whole

BASE = "/api/v3/io/ip"
DROPS = ("before", "after", "midway")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header (RFC 9110)
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_FRAMING = ("content-length", "transfer-encoding", "connection")  # the server's own business; `drop` spoils the framing


def below_base(path: str) -> str:
    """The path below the base URL. A path elsewhere stays as it is."""
    return path.removeprefix(BASE) or "/"


@dataclass(slots=True)
class Fault:
    """What goes wrong, and for which requests. `times` counts down."""

    times: int = 1
    status: int | None = None
    drop: str | None = None
    delay: float = 0.0
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    method: str | None = None
    path: re.Pattern[str] | None = None

    @property
    def is_answer(self) -> bool:
        """Whether a made-up answer replaces the true one."""
        return self.status is not None or self.body is not None

    @property
    def takes_effect(self) -> bool:
        """Whether the store does what the request asks for."""
        return self.drop in ("after", "midway") or (self.drop is None and not self.is_answer)

    @property
    def is_silent(self) -> bool:
        """Whether the connection is closed without an answer."""
        return self.drop in ("before", "after") and not self.is_answer

    def matches(self, method: str, path: str) -> bool:
        """Whether a request meets this fault."""
        return self.method in (None, method) and (self.path is None or self.path.fullmatch(path) is not None)

    def answer(self) -> web.Response:
        """The made-up answer, without `headers`."""
        status = self.status or 200
        reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
        body = dump(failure(status, reason, reason).body) if self.body is None else self.body
        return web.Response(body=body, status=status, content_type="application/json")


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Add a fault behind those that wait already."""
        self._waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets. It counts down."""
        fault = next((fault for fault in self._waiting if fault.matches(method, path)), None)
        if fault is not None:
            fault.times -= 1
            if not fault.times:
                self._waiting.remove(fault)
        return fault

    def clear(self) -> None:
        """End all faults."""
        self._waiting.clear()


def make_fault(
    times: int,
    *,
    status: int | None,
    drop: str | None,
    delay: float,
    body: object,
    headers: Mapping[str, str] | None,
    method: str | None,
    path: str | None,
) -> Fault:
    """A fault with checked settings; see `Sandbox.fail`. Raises ValueError, and TypeError if the body cannot be JSON."""
    check_whole("times", times, 1)
    check_seconds("delay", delay, zero=True)
    if status is not None:
        check_whole("status", status, 200, 599)
    if drop is not None:
        check_choice("drop", drop, DROPS)
    if method is not None:
        method = str(method).upper()
        check_choice("method", method, _METHODS)
    fault = Fault(times, status, drop, float(delay), _encoded(body), _checked(headers), method, _pattern(path))
    if not any((fault.drop, fault.is_answer, fault.delay, fault.headers)):
        raise ValueError("fail() must be told what goes wrong: status, drop, delay, body or headers")
    if fault.is_silent and fault.headers:
        raise ValueError(f"headers must belong to an answer, and drop={drop!r} sends none")
    return fault


def _encoded(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else dump(body)


def _checked(headers: object) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise ValueError(f"headers must be names and texts; got {headers!r}")  # noqa: TRY004 - every bad value is a ValueError
    checked: dict[str, str] = {}
    for name, text in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(f"headers must not have the name {name!r}")
        if not isinstance(text, str) or not _VALUE.fullmatch(text):
            raise ValueError(f"headers must be texts in one line; {name} is {text!r}")
        checked[name] = text
    return checked


def _pattern(path: object) -> re.Pattern[str] | None:
    """The paths that are meant: `{invoiceId}` is any one step of a path, `*` is anything."""
    if path is None:
        return None
    if not isinstance(path, str) or not path.startswith("/") or "?" in path:
        raise ValueError(f"path must be a path below the base URL, such as '/invoices/{{invoiceId}}'; got {path!r}")
    parts = re.split(r"(\{\w*\}|\*)", below_base(path))
    return re.compile("".join(".*" if part == "*" else "[^/]+" if part[:1] == "{" else re.escape(part) for part in parts))
