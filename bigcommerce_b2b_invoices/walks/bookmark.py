"""Converts a walk's position to a short text and back, so that another process can continue. The text holds no secret."""

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Iterable
from typing import TypeGuard

from bigcommerce_b2b_invoices.walks.order import Mark, Order
from bigcommerce_b2b_invoices.walks.plan import Position

VERSION = 3
MAX_LENGTH = 2**20  # bytes of an unpacked bookmark: a short text must not unpack into something huge


def fingerprint(scope: str, parameters: Iterable[tuple[str, str]]) -> str:
    """A text that differs for each store and query, and reveals neither of them."""
    text = json.dumps([scope, sorted(parameters)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_bookmark(position: Position | None, query: str) -> str:
    """The bookmark of a position (None: nothing was delivered yet). `query` is the fingerprint of the walk's query."""
    fields: list[object] = [VERSION, query]
    if position is not None:
        order = position.order
        marks, floor = ([[mark.id, mark.key] for mark in marks] for marks in (position.marks, position.floor))
        fields += [
            [order.sort_by, order.descending, order.by_time, order.unique],
            position.offset,
            position.started,
            marks,
            floor,
        ]
        fields += [list(position.late), position.whole, position.count, position.greatest, list(position.doubts)]
    return pack(fields)


def read_bookmark(bookmark: str, query: str) -> Position | None:
    """The position in a bookmark; None: the walk starts at the beginning.

    Raises:
        TypeError: The bookmark is not a text.
        ValueError: It is damaged, or belongs to another query or store.
    """
    if not isinstance(bookmark, str):
        raise TypeError(f"a bookmark is a text, not {type(bookmark).__name__}")
    fields = unpack(bookmark)
    if not isinstance(fields, list) or len(fields) not in (2, 12) or fields[0] != VERSION:
        raise ValueError("this is not a bookmark of a walk, or it is damaged")
    if fields[1] != query:
        raise ValueError("the bookmark belongs to a walk of another query or store: resume it with the query it was made with")
    if len(fields) == 2:
        return None
    _, _, order, offset, started, marks, floor, late, whole, count, greatest, doubts = fields
    numbers = [offset, started, count, greatest, *(late if isinstance(late, list) else [None])]
    sound = isinstance(order, list) and len(order) == 4 and isinstance(order[0], str | None)
    sound = sound and all(type(number) is int for number in numbers)
    sound = sound and isinstance(doubts, list) and all(isinstance(doubt, str) for doubt in doubts)
    if not (sound and _are_marks(marks) and marks and _are_marks(floor)):
        raise ValueError("this is not a bookmark of a walk, or it is damaged")
    first, second = (tuple(Mark(row_id, key) for row_id, key in pairs) for pairs in (marks, floor))
    return Position(
        order=Order(*order), offset=offset, marks=first, started=started, floor=second, late=tuple(late), whole=bool(whole),
        count=count, greatest=greatest, doubts=tuple(doubts),
    )  # fmt: skip


def pack(fields: list[object]) -> str:
    """JSON as a short text with a checksum."""
    body = zlib.compress(json.dumps(fields, separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def unpack(bookmark: str, max_length: int = MAX_LENGTH) -> object:
    """The JSON of a text; None if that is damaged, or longer than `max_length` bytes."""
    try:
        packed = base64.urlsafe_b64decode(bookmark.encode("ascii") + b"=" * (-len(bookmark) % 4))
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(packed, max_length)
        return json.loads(unpacked) if unpacker.eof and not unpacker.unused_data else None  # eof: the checksum is right
    except (ValueError, RecursionError, binascii.Error, zlib.error):
        return None


def _are_marks(value: object) -> TypeGuard[list[tuple[int, int | None]]]:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and (pair[1] is None or type(pair[1]) is int)
        for pair in value
    )
