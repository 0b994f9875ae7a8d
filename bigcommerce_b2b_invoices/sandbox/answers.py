"""The shapes of the API's answers, including its errors."""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from secrets import token_hex

from aiohttp import web

Body = dict[str, object]

_NUMBER = token_hex(16)  # nobody can guess it, so only the stand-ins of Decimals begin with it
_QUOTED_NUMBER = re.compile(f'"{_NUMBER}([^"]+)"')


class Refused(Exception):  # noqa: N818 - an answer of the API, not a failure of the sandbox
    """The request ends here, with this HTTP status and this JSON body."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def dump(value: object) -> bytes:
    """JSON in UTF-8, with every digit of a Decimal. Raises TypeError or ValueError if the value cannot be JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_mark, allow_nan=False)
    if _NUMBER in text:
        text = _QUOTED_NUMBER.sub(r"\1", text)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 cannot hold but a JSON escape can
        return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text).encode()


def loads(text: bytes) -> object:
    """Parsed JSON. Its numbers keep every digit, because money must never become a binary float. Raises ValueError."""
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _mark(value: object) -> str:
    """A string that stands in for a Decimal, which `json` cannot write. `dump` turns it into a number afterwards."""
    if isinstance(value, Decimal) and value.is_finite():
        return f"{_NUMBER}{value}"
    raise TypeError(type(value).__name__)


def answer(body: Body, *, status: int = 200) -> web.Response:
    """Any JSON answer."""
    return web.Response(body=dump(body), status=status, content_type="application/json")


def success(data: object, message: str = "SUCCESS") -> web.Response:
    """The envelope around one value."""
    return answer({"code": 200, "data": data, "meta": {"message": message}})


def page(rows: Iterable[bytes], *, total_count: int, offset: int, limit: int) -> web.Response:
    """The envelope around a page of rows, which are JSON already."""
    pagination = {"totalCount": total_count, "offset": offset, "limit": limit}
    meta = dump({"message": "SUCCESS", "pagination": pagination})
    body = b'{"code":200,"data":[' + b",".join(rows) + b'],"meta":' + meta + b"}"
    return web.Response(body=body, content_type="application/json")


def unprocessable(errors: dict[str, list[str]]) -> Refused:
    """422: which fields are wrong, and why."""
    return Refused(422, {"code": 422, "data": errors, "meta": {"message": "Unprocessable Entity"}})


def bad_request(message: str, **beside: object) -> Refused:
    """400 in the body, under HTTP 200, as the official specification says."""
    return Refused(200, {"code": 400, "data": {**beside, "errMsg": message}, "meta": {"message": "Bad Requests Error"}})


def invalid_number(**beside: object) -> Refused:
    """The documented answer to a balance of the wrong JSON type. Its `errors` is one string."""
    meta = {"message": "Bad Requests Error", "errors": "Please enter a valid number; "}
    return Refused(200, {"code": 400, "data": beside, "meta": meta})


def not_found(message: str, *, status: int = 404, **beside: object) -> Refused:
    """404 in the body; the HTTP status is 404 for reading and deleting, 200 for writing (official specification)."""
    return Refused(status, {"code": 404, "data": {**beside, "errMsg": message}, "meta": {"message": "Not Found Error"}})


def failure(status: int, message: str, reason: str) -> Refused:
    """An error that concerns the whole request: 401, 429, 500."""
    return Refused(status, {"code": status, "data": {"errMsg": message}, "meta": {"message": reason}})


def gateway(status: int, title: str, detail: str) -> Refused:
    """An answer that the gateway in front of the API gives by itself."""
    return Refused(status, {"status": status, "title": title, "detail": detail, "errors": {}})
