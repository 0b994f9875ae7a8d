"""All checks in their order. Several share an answer, so that 12 requests are enough."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs

from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.cli.doctor import arrays, filters, lists, rows, server
from bigcommerce_b2b_invoices.cli.doctor.answers import Answer, Parameters
from bigcommerce_b2b_invoices.cli.doctor.filters import Probe
from bigcommerce_b2b_invoices.cli.doctor.findings import Finding, unknown

Ask: TypeAlias = Callable[[Parameters], Awaitable[Answer]]
OF_INVOICES = (
    "limit", "count", "sort", "order", "offset", "status", "customerId", "customerName", "beginDateAt", "endDateAt", "q",
    "searchBy", "externalId[]", "channelIds", "arrays", "isIncludeExtraFields", "keys", "types",
)  # fmt: skip


async def examine(ask: Ask, *, requests: int) -> list[Finding]:
    """What all checks found, in a fixed order. It takes 1 to 12 requests.

    Args:
        ask: Sends a request for a list of invoices; it does not send the same request twice.
        requests: How many requests the client's limiter allows in a minute.
    """
    oldest = await ask(lists.OLDEST)
    found = [
        server.connection(oldest),
        server.credentials(oldest),
        server.clock(oldest),
        server.quota(oldest, requests=requests),
    ]
    if not oldest.rows:
        reason = oldest.problem or "the store has no invoices"
        return found + [unknown(check, reason) for check in OF_INVOICES]
    latest = await ask(lists.LATEST)
    later = await ask(lists.offset_parameters(oldest))
    filtered = await _filters(ask, oldest)
    asked = await _arrays(ask, oldest)
    answers = [oldest, latest, *filtered.answers, *(each.answer for each in asked if each.answer is not None)]
    listed = [row for answer in (*answers, later) for row in answer.rows]
    return [
        *found,
        lists.limit(oldest),
        lists.count(answers, page=len(oldest.rows)),
        lists.sort(oldest, latest),
        lists.order(oldest, latest),
        lists.offset(oldest, later),
        *filtered.findings,
        *map(arrays.array_filter, asked),
        arrays.arrays(*asked),
        rows.extra_fields(oldest, latest),
        rows.keys(listed),
        rows.types(listed),
    ]


@attrs.frozen
class _Filtered:
    findings: list[Finding]
    answers: list[Answer]


async def _filters(ask: Ask, oldest: Answer) -> _Filtered:
    """The filters with one value; both ends of a range share a request."""
    begin, end = filters.range_probes(oldest) or (None, None)
    q, search_by = filters.search_probes(oldest) or (None, None)
    probes: dict[str, Probe | None] = {
        "status": filters.values_probe("status", _status, oldest),
        "customerId": filters.values_probe("customerId", lambda invoice: invoice.customer_id, oldest),
        "customerName": filters.name_probe(oldest),
        "beginDateAt": begin,
        "endDateAt": end,
        "q": q,
        "searchBy": search_by,
    }
    answers = {name: await ask(probe.parameters) for name, probe in probes.items() if probe is not None}
    found = {name: filters.judge(name, probe, answers.get(name)) for name, probe in probes.items()}
    if found["q"].verdict != "ok" and search_by is not None:
        found["searchBy"] = unknown("searchBy", "q does not work, so this cannot show")
    return _Filtered(list(found.values()), list(answers.values()))


async def _arrays(ask: Ask, oldest: Answer) -> list[arrays.Asked]:
    """The filters with several values. The one request that is left goes to the first that repeated keys do not suit."""
    asked = []
    for check, probe in (
        (arrays.EXTERNAL_ID, arrays.external_id_probe(oldest)),
        (arrays.CHANNEL_IDS, arrays.channel_probe(oldest)),
    ):
        asked.append(arrays.Asked(check, probe, None if probe is None else await ask(probe.parameters)))
    for index, each in enumerate(asked):
        joined = arrays.joined_parameters(each)
        if joined is not None:
            asked[index] = attrs.evolve(each, joined=await ask(joined))
            break
    return asked


def _status(invoice: Invoice) -> str | None:
    return None if invoice.status is None else str(int(invoice.status))
