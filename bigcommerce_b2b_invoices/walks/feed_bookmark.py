"""Converts the progress of a change feed to a short text and back, so that another process can go on. It holds no secret."""

from bigcommerce_b2b_invoices.walks.bookmark import MAX_LENGTH, pack, unpack
from bigcommerce_b2b_invoices.walks.cursor import (
    Cursor,
    cursor_fields,
    cursor_of,
    number_of,
    read_cursor,
    version_fields,
    versions_of,
)
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.progress import Before, Progress

KIND = "feed 1"
KEPT_WORDS = 4_000  # of 64 neighbouring ids each: 4,000 ids at least, and usually 256,000
GROWTH = 30  # a bookmark may unpack to so many times its length, although cursors and so bookmarks have no greatest length


def write_feed_bookmark(progress: Progress, query: str, *, pending: frozenset[int], end: str | None) -> str:
    """The bookmark of a feed.

    Args:
        progress: What the feed has judged.
        query: The fingerprint of the list.
        pending: The rows that are judged, but not delivered.
        end: The cursor of a feed that has ended; None: it goes on.
    """
    since = None if progress.since is None else cursor_fields(progress.since)
    fields: list[object] = [KIND, query, since, progress.overlap]
    if end is not None:
        fields.append(end)
        return pack(fields)
    maps = [
        {row_id: version for row_id, version in versions.items() if row_id not in pending}
        for versions in (progress.versions, progress.future, progress.untimed)
    ]
    words = progress.ids.words
    is_begun = progress.floor is not None or bool(words or maps[2])
    if progress.since is not None and progress.since.is_chosen:
        is_begun = progress.now is not None  # a time that the server had not reached counts as that of the first request
    if not is_begun:
        return pack(fields)  # nothing was delivered: the feed may begin again
    fields += [progress.now, progress.newest, *map(version_fields, maps)]
    fields += [progress.must_read_all, progress.reads_all, progress.floor, progress.place]
    fields.append(sorted(words.items()) if len(words) <= KEPT_WORDS else [])
    return pack(fields)


def read_feed_bookmark(bookmark: str, query: str) -> tuple[Progress, str | None]:
    """The progress in a bookmark, and the cursor of a feed that has ended.

    Raises:
        TypeError: The bookmark is not a text.
        ValueError: It is damaged, or belongs to another store.
    """
    if not isinstance(bookmark, str):
        raise TypeError(f"a bookmark is a text, not {type(bookmark).__name__}")
    fields = unpack(bookmark, MAX_LENGTH + GROWTH * len(bookmark))
    if not isinstance(fields, list) or len(fields) not in (4, 5, 14) or fields[0] != KIND:
        raise ValueError("this is not a bookmark of a change feed, or it is damaged")
    if fields[1] != query:
        raise ValueError("the bookmark belongs to another store")
    try:
        since: Cursor | None = None if fields[2] is None else cursor_of(fields[2])
        overlap = number_of(fields[3])
        if len(fields) == 5:
            read_cursor(fields[4], query)
            return Progress(since=since, overlap=overlap), fields[4]
        progress = Progress(since=since, overlap=overlap)
        if len(fields) == 14:
            _read_state(progress, fields[4:])
    except (ValueError, TypeError, OverflowError):
        raise ValueError("this is not a bookmark of a change feed, or it is damaged") from None
    return progress, None


def _read_state(progress: Progress, fields: list[object]) -> None:
    now, newest, versions, future, untimed, must_read_all, reads_all, floor, place, words = fields
    progress.now = number_of(now)
    progress.newest, progress.floor = (None if each is None else number_of(each) for each in (newest, floor))
    progress.versions, progress.future, progress.untimed = map(versions_of, (versions, future, untimed))
    progress.must_read_all, progress.reads_all = bool(must_read_all), bool(reads_all)
    progress.place, progress.ids = number_of(place), _ids_of(words)
    progress.before = Before(floor=progress.floor, ids=_ids_of(words), held=frozenset(progress.versions))


def _ids_of(words: object) -> IdSet:
    if not isinstance(words, list):
        raise TypeError("expected a list of ids")
    return IdSet({number_of(word): number_of(bits) for word, bits in words})
