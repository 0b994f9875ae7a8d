"""HTTP status plus body -> the API's data, or an error.

A good answer is `{"code": 200, "data": ..., "meta": {"message": "SUCCESS", "pagination": {...}}}`. Errors come in many
shapes, and some under HTTP 200; the worse of the HTTP status and the body's `code` counts. An id beside an error message
is not success.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import attrs

from bigcommerce_b2b_invoices import errors
from bigcommerce_b2b_invoices.wire.call import Response
from bigcommerce_b2b_invoices.wire.headers import retry_after
from bigcommerce_b2b_invoices.wire.json_text import read_json

NUMBER_TAKEN = "invoice number already exists"  # documented: "The invoice number already exists."

_CLASSES: Mapping[int, type[errors.APIError]] = {
    401: errors.AuthenticationError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    413: errors.PayloadTooLargeError,
    422: errors.UnprocessableError,
    429: errors.RateLimitError,
}


@attrs.frozen
class Envelope:
    """A good answer, opened.

    Attributes:
        data: Parsed JSON, whatever kind it is.
        total_count: `meta.pagination.totalCount`, where it is a sound number.
        limit: `meta.pagination.limit`, where it is a sound number.
    """

    data: object
    total_count: int | None = None
    limit: int | None = None


def open_envelope(response: Response, parse: Callable[[bytes], object] = read_json) -> Envelope:
    """The data of a good answer. An error answer is raised as an APIError, an answer that makes no sense as a ResponseError.

    Args:
        response: As it came.
        parse: Turns the body into a value, or raises a ValueError that says what is wrong with it.
    """
    if not 200 <= response.status < 600:
        raise errors.ResponseError("an unexpected HTTP status", status=response.status)
    if 300 <= response.status < 400:
        raise errors.ResponseError("a redirect, which is never followed", status=response.status)
    body, problem = _read(response, parse)
    code = _whole(body.get("code")) if isinstance(body, dict) else None
    worse = max(response.status, code or 0)
    if worse >= 400 or _error_message(body):
        raise _api_error(worse, code, body, response)
    if problem or response.status not in (200, 201):
        raise errors.ResponseError(problem or "an unexpected HTTP status", status=response.status)
    if not isinstance(body, dict):
        raise errors.ResponseError("JSON without the API's envelope", status=response.status)
    pagination = _object(_object(body.get("meta")).get("pagination"))
    return Envelope(body.get("data"), _whole(pagination.get("totalCount")), _whole(pagination.get("limit")))


def _read(response: Response, parse: Callable[[bytes], object]) -> tuple[object, str]:
    try:
        return parse(response.body), ""
    except ValueError as error:
        return None, str(error)


def _api_error(worse: int, code: int | None, body: object, response: Response) -> errors.APIError:
    fields = _field_errors(body)
    per_field = "; ".join(f"{name}: {texts[0]}" for name, texts in fields.items() if texts)
    message = _error_message(body) or per_field or _meta_message(body)
    cls = _CLASSES.get(worse, errors.ServerError if worse >= 500 else errors.BadRequestError)
    if cls in (errors.BadRequestError, errors.ConflictError) and NUMBER_TAKEN in message.casefold():
        cls = errors.InvoiceNumberTakenError
    return cls(
        _shown(message),
        status=response.status,
        code=code,
        field_errors=fields,
        request_id=_shown(response.headers.get("x-request-id", "")) or None,
        trace_id=_shown(response.headers.get("trace-id", "")) or None,
        retry_after=retry_after(response.headers) if worse in (429, 503) else None,
    )


def _error_message(body: object) -> str:
    """What only an error answer says: `data.errMsg`, `meta.errors` (one text), or the gateway's `title` and `detail`."""
    envelope = _object(body)
    for text in (_object(envelope.get("data")).get("errMsg"), _object(envelope.get("meta")).get("errors")):
        if isinstance(text, str) and text.strip():
            return text.strip()
    texts = [text for text in (envelope.get("title"), envelope.get("detail")) if isinstance(text, str) and text]
    return ": ".join(texts)


def _meta_message(body: object) -> str:
    text = _object(_object(body).get("meta")).get("message")
    return text if isinstance(text, str) else ""


def _field_errors(body: object) -> dict[str, tuple[str, ...]]:
    """Field -> messages: a 422 has them as `data`, the gateway as `errors`."""
    envelope = _object(body)
    for fields in (envelope.get("errors"), envelope.get("data")):
        found = {
            _shown(name): tuple(_shown(text) for text in ([texts] if isinstance(texts, str) else texts) if isinstance(text, str))
            for name, texts in _object(fields).items()
            if isinstance(texts, list | str) and name != "errMsg"
        }
        if found:
            return found
    return {}


def _shown(text: str) -> str:
    """A server's text without what would forge the lines of a log. The transport cuts it, once no token is in it any more."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    """A number >= 0 however it is written, or None where there is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return int(value) if 0 <= value < 10**18 and value == int(value) else None
