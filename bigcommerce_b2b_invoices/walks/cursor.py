"""The place that a change feed has reached, as a short text for the next feed. The text holds no secret."""

import base64
import binascii
import json

import attrs

VERSION = 4


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Cursor:
    """The point up to which a feed has read changes.

    Attributes:
        time: The time of the newest change seen, in epoch seconds.
        known_from: The first second whose versions are known. A feed that reads an earlier second might deliver one twice.
        versions: The rows that were changed since then, or in the future: id -> checksum.
        untimed: The rows whose time of change cannot be read: id -> checksum.
        must_read_all: Whether one of these rows is an invoice all the same. Then no feed can find changes by time alone.
    """

    time: int
    known_from: int
    versions: dict[int, int]
    untimed: dict[int, int]
    must_read_all: bool


def write_cursor(cursor: Cursor, query: str) -> str:
    """A cursor as a short text. `query` is the fingerprint of the list."""
    maps = [sorted(versions.items()) for versions in (cursor.versions, cursor.untimed)]
    fields = [VERSION, query, cursor.time, cursor.known_from, *maps, cursor.must_read_all]
    text = json.dumps(fields, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(text: str, query: str) -> Cursor:
    """A cursor from its text.

    Raises:
        TypeError: It is not a text.
        ValueError: It is damaged, or belongs to another store.
    """
    if not isinstance(text, str):
        raise TypeError(f"a cursor is a text, not {type(text).__name__}")
    try:
        fields = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        version, owner, second, known_from, versions, untimed, must_read_all = fields
        cursor = Cursor(
            time=int(second),
            known_from=int(known_from),
            versions={int(row_id): int(checksum) for row_id, checksum in versions},
            untimed={int(row_id): int(checksum) for row_id, checksum in untimed},
            must_read_all=bool(must_read_all),
        )
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        version, owner, cursor = None, None, None
    if version != VERSION or cursor is None:
        raise ValueError("this is not a cursor of a change feed, or it is damaged")
    if owner != query:
        raise ValueError("the cursor belongs to another store")
    return cursor
