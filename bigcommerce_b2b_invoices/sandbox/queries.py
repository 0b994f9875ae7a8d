"""The query of a list, read from the query string of `GET /invoices`.

Rules: The sandbox ignores unknown parameters, as the API does, and `companyId` is one of them. A wrong value gets a 422 that
names its field. An empty value counts as missing. A limit above the maximum is silently lowered to it. Arrays may come as
repeated keys or with commas, and with or without `[]` after the key, because the API's own encoding is not known for certain.
"""

import re
from collections.abc import Collection

from yarl import URL

from .answers import unprocessable
from .store import Query
from .views import SEARCHES, SORTS, Filter

_DEFAULT_LIMIT = 10
_WHOLE = re.compile(r"[0-9]{1,18}")


class Parameters:
    """The parameters of one request. It collects their errors, and `check` raises all of them together."""

    def __init__(self, url: URL) -> None:
        self._parameters = url.query
        self._errors: dict[str, list[str]] = {}

    def text(self, key: str) -> str | None:
        """Any text."""
        return self._parameters.get(key) or None

    def choice(self, key: str, choices: Collection[str]) -> str | None:
        """One of the choices."""
        value = self.text(key)
        if value is None or value in choices:
            return value
        self._errors[key] = [f"Must be one of: {', '.join(choices)}."]
        return None

    def whole(self, key: str, *, least: int = 0) -> int | None:
        """A whole number."""
        value = self.text(key)
        if value is None:
            return None
        if _WHOLE.fullmatch(value) and int(value) >= least:
            return int(value)
        self._errors[key] = [f"Must be a whole number, not less than {least}."]
        return None

    def array(self, name: str, *, digits_only: bool = False) -> frozenset[str] | None:
        """All values of an array; None if there are none."""
        written = [value for key in (name, f"{name}[]") for value in self._parameters.getall(key, [])]
        values = {part for value in written for part in (value, *value.split(",")) if part}
        if digits_only:
            values = {value for value in values if "," not in value}
            if not all(_WHOLE.fullmatch(value) for value in values):
                self._errors[name] = ["Must be whole numbers."]
        return frozenset(values) or None

    def page(self, max_limit: int) -> tuple[int, int]:
        """Offset and limit."""
        offset = self.whole("offset")
        limit = self.whole("limit", least=1)
        return offset or 0, min(limit or _DEFAULT_LIMIT, max_limit)

    def check(self) -> None:
        """Refuse the request if anything was wrong."""
        if self._errors:
            raise unprocessable(self._errors)


def read_query(url: URL, max_limit: int) -> Query:
    """The page that `GET /invoices` asks for. The default order is by `createdAt`, descending."""
    parameters = Parameters(url)
    status = parameters.choice("status", ("0", "1", "2"))
    offset, limit = parameters.page(max_limit)
    query = Query(
        filter=Filter(
            search_by=parameters.choice("searchBy", SEARCHES),
            q=parameters.text("q"),
            customer_name=parameters.text("customerName"),
            customer_id=parameters.text("customerId"),
            status=None if status is None else int(status),
            external_ids=parameters.array("externalId"),
            channel_ids=parameters.array("channelIds", digits_only=True),
            begin=parameters.whole("beginDateAt"),
            end=parameters.whole("endDateAt"),
        ),
        sort_by=parameters.choice("sortBy", SORTS) or "createdAt",
        descending=parameters.choice("orderBy", ("ASC", "DESC")) != "ASC",
        offset=offset,
        limit=limit,
        with_extra_fields=parameters.choice("isIncludeExtraFields", ("0", "1")) == "1",
    )
    parameters.check()
    return query
