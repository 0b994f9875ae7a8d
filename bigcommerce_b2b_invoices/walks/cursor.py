"""The place that a change feed has reached, as a short text for the next feed. The text holds no secret."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

import attrs

from bigcommerce_b2b_invoices.models.checks import plain_time
from bigcommerce_b2b_invoices.walks.order import row_version
from bigcommerce_b2b_invoices.wire.values import whole_seconds

VERSION = 5


class Version(NamedTuple):
    """The version of a row.

    Attributes:
        row: A checksum of the row, without the part that comes only if asked for.
        extras: A checksum of that part; None: no feed has delivered it.
    """

    row: int
    extras: int | None = None

    def is_told_by(self, known: "Version | None") -> bool:
        """Whether a feed that delivered `known` has also delivered this version."""
        return known is not None and known.row == self.row and self.extras in (None, known.extras)


def version_by(extras: str, *, included: bool) -> Callable[[object], Version]:
    """What makes the version of a row that has the field `extras` only if asked for, as `included` says."""

    def version_of(row: object) -> Version:
        if not isinstance(row, dict):
            return Version(row_version(row))
        rest = {key: value for key, value in row.items() if key != extras} if extras in row else row
        return Version(row_version(rest), row_version(row.get(extras)) if included else None)

    return version_of


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Cursor:
    """The point up to which a feed has read changes, or the time that a caller chose.

    Attributes:
        time: The time of the newest change seen, in epoch seconds, or the chosen time.
        known_from: The first second whose versions are known. A feed that reads an earlier second might deliver one twice.
        versions: The rows that were changed since then, or in the future: id -> version.
        untimed: The rows whose time of change cannot be read: id -> version.
        must_read_all: Whether one of these rows is an invoice all the same. Then no feed can find changes by time alone.
        is_chosen: Whether a caller chose the time. Then no version is known, and the server's clock may not have reached it.
    """

    time: int
    known_from: int
    versions: dict[int, Version]
    untimed: dict[int, Version]
    must_read_all: bool
    is_chosen: bool = False


def cursor_at(time: datetime) -> Cursor:
    """The cursor of a feed that begins with the changes of a second.

    Raises:
        ValueError: The time is naive.
    """
    time = plain_time(time)
    if time.utcoffset() is None:
        raise ValueError("since is naive: give it a time zone, such as tzinfo=datetime.UTC")
    second = whole_seconds(time)
    return Cursor(time=second, known_from=second, versions={}, untimed={}, must_read_all=False, is_chosen=True)


def write_cursor(cursor: Cursor, query: str) -> str:
    """A cursor as a short text. `query` is the fingerprint of the list."""
    text = json.dumps([VERSION, query, *cursor_fields(cursor)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(text: str, query: str) -> Cursor:
    """A cursor from its text.

    Raises:
        TypeError: It is not a text.
        ValueError: It is damaged, or belongs to another store.
    """
    if not isinstance(text, str):
        raise TypeError(f"since must be a cursor, which is a text, or an aware datetime, not {type(text).__name__}")
    try:
        fields = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        version, owner, *rest = fields
        cursor = cursor_of(rest)
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        version, owner, cursor = None, None, None
    if version != VERSION or cursor is None:
        raise ValueError("this is not a cursor of a change feed, or it is damaged")
    if owner != query:
        raise ValueError("the cursor belongs to another store")
    return cursor


def cursor_fields(cursor: Cursor) -> list[object]:
    """A cursor as JSON."""
    maps = [version_fields(versions) for versions in (cursor.versions, cursor.untimed)]
    return [cursor.time, cursor.known_from, *maps, cursor.must_read_all, cursor.is_chosen]


def cursor_of(fields: Iterable[object]) -> Cursor:
    """A cursor from its JSON. Raises ValueError, TypeError or OverflowError if it is damaged."""
    second, known_from, versions, untimed, must_read_all, is_chosen = fields
    return Cursor(
        time=number_of(second),
        known_from=number_of(known_from),
        versions=versions_of(versions),
        untimed=versions_of(untimed),
        must_read_all=bool(must_read_all),
        is_chosen=bool(is_chosen),
    )


def version_fields(versions: dict[int, Version]) -> list[list[int]]:
    """Versions as JSON, without what is None."""
    return [[row_id, *(each for each in version if each is not None)] for row_id, version in sorted(versions.items())]


def versions_of(fields: object) -> dict[int, Version]:
    """Versions from their JSON. Raises ValueError or TypeError if they are damaged."""
    if not isinstance(fields, list):
        raise TypeError("expected a list of versions")
    versions = {}
    for row_id, *numbers in fields:
        versions[number_of(row_id)] = Version(*map(number_of, numbers))
    return versions


def number_of(value: object) -> int:
    """Return the value if it is an int; raise a TypeError otherwise."""
    if type(value) is not int:
        raise TypeError(f"expected an int, not {type(value).__name__}")
    return value
