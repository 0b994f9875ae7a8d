"""The request that goes down to the transport, and the answers that come up from it."""

from collections.abc import Callable, Mapping

import attrs

MAX_LIMIT = 250  # rows a page; the API's documented maximum


@attrs.frozen
class Request:
    """A request, without host and credentials.

    Attributes:
        path: The path below the base URL, starting with a slash. It consists only of fixed words and checked ids.
        query: Names and values, not yet percent-encoded; a name may appear several times.
        body: JSON as UTF-8, or None.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@attrs.frozen(eq=False, repr=False)
class Response:
    """A response, with header names in lower case and the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen(eq=False, repr=False)
class Slice:
    """The rows of one list answer, still as JSON.

    Attributes:
        rows: The rows as the server sent them.
        limit: The limit that the server says it applied; None if it does not say.
        total_count: How many rows match, as the server says; None if it does not say.
        server_time: The `Date` of the answer in epoch seconds; None if the server does not say.
        note: Called with the model and key of a value in a row that cannot be read and is kept. None means nobody listens.
    """

    rows: list[object]
    limit: int | None
    total_count: int | None
    server_time: int | None
    note: Callable[[str, str], None] | None = None
