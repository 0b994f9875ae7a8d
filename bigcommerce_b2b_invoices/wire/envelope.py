"""HTTP status plus body -> the API's data, or an error.

A good answer is `{"code": 200, "data": ..., "meta": {"message": "SUCCESS", "pagination": {...}}}`. Errors come in many
shapes, and some come with HTTP 200. The worse of the HTTP status and the body's `code` counts. An answer with an error message
is an error, even if it also holds an id.
"""

from collections.abc import Mapping
from decimal import Decimal

import attrs

from bigcommerce_b2b_invoices import errors
from bigcommerce_b2b_invoices.wire.headers import retry_after, server_time
from bigcommerce_b2b_invoices.wire.json_text import RefusedError, read_answer
from bigcommerce_b2b_invoices.wire.messages import Response

LEVELS = 8  # of fields below a field, in which a 422 is searched for messages
MOST_FIELDS = 100  # with messages; no form has more
NO_MEANINGS: Mapping[str, type[errors.APIError]] = {}
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
    """The contents of a good answer.

    Attributes:
        data: Parsed JSON of any kind.
        total_count: `meta.pagination.totalCount`, or None if it is not a valid number.
        limit: `meta.pagination.limit`, or None if it is not a valid number.
        server_time: The `Date` header in epoch seconds, or None if there is none.
    """

    data: object
    total_count: int | None = None
    limit: int | None = None
    server_time: int | None = None


def open_envelope(response: Response, meanings: Mapping[str, type[errors.APIError]] = NO_MEANINGS) -> Envelope:
    """The data of a good answer. Raises an APIError for an error answer, a ResponseError for an answer that makes no sense.

    Args:
        response: The response as it came.
        meanings: Text in lower case -> the class of the error for a refusal (400 or 409) whose message contains that text.
    """
    if not 200 <= response.status < 600:
        raise errors.ResponseError("an unexpected HTTP status", status=response.status)
    if 300 <= response.status < 400:
        raise errors.ResponseError("a redirect, which is never followed", status=response.status)
    body, problem = _read(response)
    code = _whole(body.get("code")) if isinstance(body, dict) else None
    worse = max(response.status, code or 0)
    if worse >= 400 or _error_message(body):
        raise _api_error(worse, code, body, response, meanings)
    if problem or response.status not in (200, 201):
        error = errors.ResponseError(str(problem or "an unexpected HTTP status"), status=response.status)
        error.is_whole = isinstance(problem, RefusedError)
        raise error
    if not isinstance(body, dict):
        raise errors.ResponseError("JSON without the API's envelope", status=response.status)
    pagination = _object(_object(body.get("meta")).get("pagination"))
    total, limit = _whole(pagination.get("totalCount")), _whole(pagination.get("limit"))
    return Envelope(body.get("data"), total, limit, server_time(response.headers))


def _read(response: Response) -> tuple[object, ValueError | None]:
    try:
        return read_answer(response.body), None
    except ValueError as problem:
        return None, problem.with_traceback(None)


def _api_error(
    worse: int, code: int | None, body: object, response: Response, meanings: Mapping[str, type[errors.APIError]]
) -> errors.APIError:
    fields = _field_errors(body, levels=LEVELS if worse == 422 else 0)
    per_field = "; ".join(f"{name}: {texts[0]}" for name, texts in fields.items() if texts)
    message = _error_message(body) or per_field or _meta_message(body)
    cls = _CLASSES.get(worse, errors.ServerError if worse >= 500 else errors.BadRequestError)
    if cls in (errors.BadRequestError, errors.ConflictError):
        cls = next((meant for text, meant in meanings.items() if text in message.casefold()), cls)
    error = cls(
        _shown(message),
        status=response.status,
        code=code,
        field_errors=fields,
        request_id=_shown(response.headers.get("x-request-id", "")) or None,
        trace_id=_shown(response.headers.get("trace-id", "")) or None,
        retry_after=retry_after(response.headers) if worse in (429, 503) else None,
    )
    error.is_enveloped = isinstance(body, dict) and ("data" in body or "meta" in body)
    return error


def _error_message(body: object) -> str:
    """The text that only an error answer has: `data.errMsg`, `meta.errors` (one text), or the gateway's `title` and `detail`."""
    envelope = _object(body)
    for text in (_object(envelope.get("data")).get("errMsg"), _object(envelope.get("meta")).get("errors")):
        if isinstance(text, str) and text.strip():
            return text.strip()
    texts = [text for text in (envelope.get("title"), envelope.get("detail")) if isinstance(text, str) and text]
    return ": ".join(texts)


def _meta_message(body: object) -> str:
    text = _object(_object(body).get("meta")).get("message")
    return text if isinstance(text, str) else ""


def _field_errors(body: object, *, levels: int) -> dict[str, tuple[str, ...]]:
    """Path of a field -> messages. A 422 has them in `data`, an error of the gateway in `errors`."""
    envelope = _object(body)
    for fields in (envelope.get("errors"), envelope.get("data")):
        found: dict[str, tuple[str, ...]] = {}
        for name, value in _object(fields).items():
            if name != "errMsg":
                before = len(found)
                _gather(value, _shown(name), found, levels)
                if isinstance(value, list) and len(found) == before:
                    found[_shown(name)] = ()  # a field without a message is named all the same
        if found:
            return found
    return {}


def _gather(value: object, path: str, found: dict[str, tuple[str, ...]], levels: int) -> None:
    """Collect the messages below a field. They may stand deep: `{"lineItems": [{"amount": ["..."]}, {}]}`."""
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if messages := tuple(_shown(text) for text in texts if isinstance(text, str)):
        found[path] = messages
    below: list[tuple[str, object]] = []
    if isinstance(value, list):
        below = [(f"{path}[{index}]", each) for index, each in enumerate(value) if isinstance(each, list | dict)]
    elif isinstance(value, dict):
        below = [(f"{path}.{_shown(name)}", each) for name, each in value.items()]
    for place, each in below if levels else ():
        if len(found) < MOST_FIELDS:
            _gather(each, place, found, levels - 1)


def _shown(text: str) -> str:
    """A server's text, escaped so that it cannot forge log lines. The transport cuts it, after it has removed the token."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    """A whole number >= 0, however it is written; None for any other value."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return int(value) if 0 <= value < 10**18 and value == int(value) else None
