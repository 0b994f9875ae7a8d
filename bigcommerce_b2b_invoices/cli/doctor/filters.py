"""Checks of the filters: whether each lets through what matches, and nothing else.

A probe asks for a value that some of the oldest invoices have and others lack. It asks in the order and with the limit of the
list of the oldest. So if the server ignored the filter, that list would come again, with an invoice that does not match.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, TypeGuard

import attrs

from bigcommerce_b2b_invoices import Invoice, SearchField
from bigcommerce_b2b_invoices.cli.doctor.answers import Answer, Parameters
from bigcommerce_b2b_invoices.cli.doctor.findings import Finding, differs, ok, unknown
from bigcommerce_b2b_invoices.cli.doctor.lists import OLDEST

Test: TypeAlias = Callable[[Invoice], bool]
Read: TypeAlias = Callable[[Invoice], str | None]
Outcome: TypeAlias = Literal["all", "some", "none", "foreign", "refused"]
SLACK = 1  # seconds: whether a range includes its ends is not documented
LONGEST = 200  # characters of a value that fits into a URL
LET_THROUGH = "the server lets other invoices through"
EFFECTS = {  # what follows from that; for all other filters, the library compares each invoice
    "customerName": "compare the name of each invoice",
    "q": "find() gives the right invoice, because it compares the numbers, but reads the whole store",
    "searchBy": "find() gives the right invoice, because it compares the numbers, but can take more requests",
}


@attrs.frozen
class Probe:
    """A request that shows what a filter does.

    Attributes:
        parameters: What to send.
        matches: Whether an invoice may come.
        wanted: For each value that is asked for: whether an invoice has it. At least one invoice must come for each.
    """

    parameters: Parameters
    matches: Test
    wanted: tuple[Test, ...] = ()

    def outcome(self, answer: Answer) -> Outcome | None:
        """What the answer shows; None if it shows nothing."""
        if answer.problem is not None:
            return "refused" if answer.is_refused else None
        if not all(map(self.matches, answer.invoices)):
            return "foreign"
        found = [any(map(wanted, answer.invoices)) for wanted in self.wanted]
        return "all" if all(found) else "some" if any(found) else "none"


def judge(check: str, probe: Probe | None, answer: Answer | None) -> Finding:
    """What an answer says about a filter.

    Args:
        check: The parameter.
        probe: None if the invoices of the store cannot show anything.
        answer: The answer to the probe.
    """
    if probe is None or answer is None:
        return unknown(check, "the oldest invoices do not have two different values to tell apart")
    match probe.outcome(answer):
        case None:
            return unknown(check, answer.problem or "no answer")
        case "refused":
            return differs(check, f"the server refuses it (status {answer.status}): calls with this filter fail")
        case "foreign":
            effect = EFFECTS.get(check, "reads with this filter raise a FilterIgnoredError instead of showing them")
            return differs(check, f"{LET_THROUGH}: {effect}")
        case "none":
            return differs(check, "it finds nothing although an invoice matches: calls with this filter miss invoices")
        case _:
            return ok(check, "only invoices that match come")


def values_probe(name: str, read: Read, oldest: Answer, *, most: int = 1, none_may_come: bool = False) -> Probe | None:
    """Asks for the rarest values of a field: those that are least in the way of the others.

    Args:
        name: The parameter; it is repeated for each value.
        read: The field.
        oldest: The list of the oldest invoices.
        most: How many values to ask for.
        none_may_come: Whether an invoice without a value may come as well.
    """
    counted = Counter(value for invoice in oldest.invoices if _fits(value := read(invoice)))
    rarest = [value for value in sorted(counted, key=counted.__getitem__) if "," not in value]
    for number in range(min(most, len(rarest)), 0, -1):
        chosen = rarest[:number]
        probe = Probe(
            parameters=(*((name, value) for value in chosen), *OLDEST),
            matches=_has(read, *chosen, *([None] if none_may_come else [])),
            wanted=tuple(_has(read, value) for value in chosen),
        )
        if not all(map(probe.matches, oldest.invoices)):
            return probe
    return None


def name_probe(oldest: Answer) -> Probe | None:
    """Asks for the name of a company; the server may match a part of it."""
    counted = Counter(invoice.customer_name for invoice in oldest.invoices if _fits(invoice.customer_name))
    for name in sorted(counted, key=counted.__getitem__):
        holds = _holds(name, lambda invoice: [invoice.customer_name])
        if not all(map(holds, oldest.invoices)):
            return Probe((("customerName", name), *OLDEST), holds, (holds,))
    return None


def range_probes(oldest: Answer) -> tuple[Probe, Probe] | None:
    """Ask for the middle of the list by two bounds: one request, and a probe for each bound."""
    times = sorted({int(invoice.created_at.timestamp()) for invoice in oldest.invoices if invoice.created_at is not None})
    if len(times) < 3:
        return None
    begin, end = times[len(times) // 3], times[(2 * len(times) - 1) // 3]
    if times[0] >= begin - SLACK or times[-1] <= end + SLACK:
        return None
    parameters = (("beginDateAt", str(begin)), ("endDateAt", str(end)), *OLDEST)

    def inside(invoice: Invoice) -> bool:
        return begin - SLACK <= _created(invoice, begin) <= end + SLACK

    return (
        Probe(parameters, lambda invoice: _created(invoice, begin) >= begin - SLACK, (inside,)),
        Probe(parameters, lambda invoice: _created(invoice, end) <= end + SLACK, (inside,)),
    )


def search_probes(oldest: Answer) -> tuple[Probe, Probe] | None:
    """Ask for a number as an invoice number, and as a company's id, which it is not."""
    numbers = [invoice.invoice_number for invoice in oldest.invoices if _fits(invoice.invoice_number)]
    numbers.sort(key=len, reverse=True)
    for number in numbers:
        anywhere = _holds(number, _searchable)
        as_number = _holds(number, lambda invoice: [invoice.invoice_number])
        as_company = _holds(number, lambda invoice: [invoice.customer_id])
        if any(map(as_company, oldest.invoices)) or all(map(anywhere, oldest.invoices)):
            continue
        return (
            Probe((("searchBy", SearchField.INVOICE_NUMBER.value), ("q", number), *OLDEST), anywhere, (as_number,)),
            Probe((("searchBy", SearchField.CUSTOMER_ID.value), ("q", number), *OLDEST), as_company),
        )
    return None


def _created(invoice: Invoice, default: int) -> float:
    return default if invoice.created_at is None else invoice.created_at.timestamp()


def _searchable(invoice: Invoice) -> Sequence[str | None]:
    return (
        invoice.invoice_number,
        invoice.type,
        invoice.order_number,
        invoice.purchase_order_number,
        invoice.customer_id,
        invoice.external_customer_id,
    )


def _fits(value: str | None) -> TypeGuard[str]:
    """Whether a server can be asked for the value: it is there, and neither long nor full of odd characters."""
    return value is not None and 0 < len(value) <= LONGEST and value.isprintable()


def _has(read: Read, *values: str | None) -> Test:
    return lambda invoice: read(invoice) in values


def _holds(text: str, read: Callable[[Invoice], Sequence[str | None]]) -> Test:
    sought = text.casefold()
    return lambda invoice: any(sought in value.casefold() for value in read(invoice) if value)
