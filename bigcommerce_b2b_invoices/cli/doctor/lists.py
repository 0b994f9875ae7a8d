"""Checks of a list without filters: limit, count, sort, order and offset."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeAlias

from bigcommerce_b2b_invoices import MAX_LIMIT, Direction, SortField
from bigcommerce_b2b_invoices.cli.doctor.answers import Answer, Parameters
from bigcommerce_b2b_invoices.cli.doctor.findings import Finding, differs, ok, unknown

Way: TypeAlias = Literal["ascending", "descending", "equal", "mixed"]
PAGE: Parameters = (("offset", "0"), ("limit", str(MAX_LIMIT)))
BY_CREATION: Parameters = (("sortBy", SortField.CREATED_AT.value), ("orderBy", Direction.ASCENDING.value))
OLDEST: Parameters = (*BY_CREATION, *PAGE)  # as a walk asks
LATEST: Parameters = (  # as a feed of changes asks
    ("sortBy", SortField.UPDATED_AT.value),
    ("orderBy", Direction.DESCENDING.value),
    ("isIncludeExtraFields", "1"),
    *PAGE,
)
NEAR = 3  # rows by which an offset may be off if others delete invoices in between


def offset_parameters(oldest: Answer) -> Parameters:
    """The request for the second half of the first page."""
    return (*BY_CREATION, ("offset", str(_middle(oldest))), ("limit", "10"))


def limit(oldest: Answer) -> Finding:
    """Whether a page has as many rows as the library asks for."""
    check, rows = "limit", len(oldest.rows)
    effect = "walks lose nothing, because they advance by the rows that came, but they need more requests"
    if rows == MAX_LIMIT:
        return ok(check, f"a page has up to {MAX_LIMIT} invoices")
    if rows > MAX_LIMIT:
        return differs(check, f"a page has {rows} invoices although the request asks for {MAX_LIMIT}; the library reads them all")
    said = MAX_LIMIT if oldest.limit is None else oldest.limit
    if oldest.total is not None and rows < oldest.total:
        return differs(check, f"a page has at most {rows} invoices, not {MAX_LIMIT}: {effect}; pass page_size={max(rows, 1)}")
    if said < MAX_LIMIT:
        return differs(check, f"the server says that it lowers the limit to {said}: {effect}; pass page_size={max(said, 1)}")
    return unknown(check, f"the store has too few invoices: the page of {MAX_LIMIT} is not full")


def count(answers: Iterable[Answer], *, page: int) -> Finding:
    """Whether `totalCount` is there and counts the invoices that match.

    Args:
        answers: The answers to requests with offset 0.
        page: The most rows that the server puts on a page.
    """
    check, good = "count", [answer for answer in answers if answer.problem is None]
    if not good:
        return unknown(check, "no list came")
    if any(answer.total is None for answer in good):
        return differs(check, "lists have no totalCount: count() fails, and progress cannot be shown")
    if any((answer.total or 0) < len(answer.rows) for answer in good):
        return differs(check, "totalCount is lower than the rows that came: do not rely on count()")
    if any((answer.total or 0) > len(answer.rows) for answer in good if len(answer.rows) < page):
        return differs(check, "totalCount is higher than the invoices that match: do not rely on count()")
    return ok(check, "totalCount counts the invoices that match")


def sort(oldest: Answer, latest: Answer) -> Finding:
    """Whether `sortBy` sorts."""
    check = "sort"
    if problem := oldest.problem or latest.problem:
        return unknown(check, problem)
    if _way(_created(oldest)) == "mixed":
        return differs(check, "a list by createdAt is not in that order: walks cannot prove that they miss nothing")
    way = _way(_updated(latest))
    if way == "mixed":
        return differs(check, "a list by updatedAt is not in that order: changes() may fail or miss changes")
    if way == "equal" or _way(_created(latest)) != "mixed":
        return unknown(check, "the invoices have the same order by createdAt and by updatedAt, so one could pass for the other")
    return ok(check, "lists by createdAt and by updatedAt are in that order")


def order(oldest: Answer, latest: Answer) -> Finding:
    """Whether `orderBy` sets the direction."""
    check = "order"
    if problem := oldest.problem or latest.problem:
        return unknown(check, problem)
    rising, falling = _way(_created(oldest)), _way(_updated(latest))
    if falling == "mixed":  # not sorted as asked: the default order, by creation, shows the direction as well
        falling = _way(_created(latest))
    if rising == "descending":
        return differs(check, "orderBy=ASC brings descending rows: walks cannot prove that they miss nothing")
    if falling == "ascending":
        return differs(check, "orderBy=DESC brings ascending rows: changes() may fail or miss changes")
    if rising == "ascending" and falling == "descending":
        return ok(check, "orderBy sets the direction")
    return unknown(check, "the invoices that came do not show a direction")


def offset(oldest: Answer, later: Answer) -> Finding:
    """Whether `offset` counts rows."""
    check, skipped = "offset", _middle(oldest)
    if problem := oldest.problem or later.problem:
        return unknown(check, problem)
    if skipped == 0:
        return unknown(check, "the store has fewer than two invoices")
    if not later.invoices:
        return differs(check, f"offset={skipped} brings nothing although more invoices exist: walks stop with an error")
    first, ids = later.invoices[0], [invoice.id for invoice in oldest.invoices]
    place = ids.index(first.id) if first.id in ids else None
    if place == 0:
        return differs(check, "the server ignores offset: every page is the first, and walks stop with an OffsetIgnoredError")
    if place is None or abs(place - skipped) > NEAR:
        found = "beyond the first page" if place is None else f"with row {place}"
        if place is None and first.created_at is not None and first.created_at <= max(_created(oldest), default=first.created_at):
            return unknown(check, "the list changed meanwhile: try again")
        return differs(check, f"offset={skipped} begins {found}: the offset does not count rows, and walks stop with an error")
    if place == skipped or first.created_at == oldest.invoices[skipped].created_at:
        return ok(check, "offset counts rows")
    return unknown(check, "the list changed meanwhile: try again")


def _middle(oldest: Answer) -> int:
    return len(oldest.invoices) // 2


def _created(answer: Answer) -> list[datetime]:
    return [invoice.created_at for invoice in answer.invoices if invoice.created_at is not None]


def _updated(answer: Answer) -> list[datetime]:
    return [invoice.updated_at for invoice in answer.invoices if invoice.updated_at is not None]


def _way(times: list[datetime]) -> Way:
    if len(set(times)) < 2:
        return "equal"
    if times == sorted(times):
        return "ascending"
    return "descending" if times == sorted(times, reverse=True) else "mixed"
