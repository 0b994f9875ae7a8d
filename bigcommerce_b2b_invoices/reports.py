"""Accounts receivable by age: who owes how much, and for how long it has been due. Sends no request."""

from collections.abc import Iterable
from datetime import UTC, date, tzinfo
from decimal import Context, Decimal

import attrs

from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.export import day_in

EXACT = Context(prec=10_000)  # no sum of amounts is ever rounded
LIMITS = (0, 30, 60, 90)  # days past due that the first four columns reach to


@attrs.frozen(kw_only=True)
class AgingRow:
    """What one company owes in one currency.

    Attributes:
        customer_id: Id of the B2B Edition company; None if its invoices name none.
        customer_name: The name on the newest of its invoices that has one.
        currency: The code of all amounts of the row.
        current: The open amount that is not past due, or has no due date.
        days_1_to_30: The open amount that is 1 to 30 calendar days past the due date.
        days_31_to_60: The same for 31 to 60 days.
        days_61_to_90: The same for 61 to 90 days.
        over_90: The same for more than 90 days.
        total: The sum of the five.
        invoices: How many invoices have an open amount, credits included.
    """

    customer_id: str | None
    customer_name: str | None
    currency: str
    current: Decimal
    days_1_to_30: Decimal
    days_31_to_60: Decimal
    days_61_to_90: Decimal
    over_90: Decimal
    total: Decimal
    invoices: int


def aging(invoices: Iterable[Invoice], *, on: date, tz: tzinfo = UTC) -> tuple[AgingRow, ...]:
    """The open amounts of invoices by company, currency and age, the largest total of each currency first.

    Amounts are exact. An amount below 0, such as a credit, reduces its column. The report leaves out an invoice that has no open
    balance, or whose open balance is 0. Each row is one company and one currency: no sum mixes currencies.

    Args:
        invoices: Such as `[invoice async for invoice in client.invoices.iterate(details=False)]`.
        on: The day on which the report is made. An invoice that is due on that day is not past due.
        tz: The time zone of the calendar days.
    """
    sums: dict[tuple[str, str | None], list[Decimal]] = {}
    counts: dict[tuple[str, str | None], int] = {}
    names: dict[str | None, tuple[int, str]] = {}
    for invoice in invoices:
        balance = invoice.open_balance
        if invoice.customer_name and invoice.id >= names.get(invoice.customer_id, (0, ""))[0]:
            names[invoice.customer_id] = invoice.id, invoice.customer_name
        if balance is None or not balance.value:
            continue
        key = balance.code, invoice.customer_id
        columns = sums.setdefault(key, [Decimal(0)] * (len(LIMITS) + 1))
        column = column_of(invoice, on=on, tz=tz)
        columns[column] = EXACT.add(columns[column], balance.value)
        counts[key] = counts.get(key, 0) + 1
    rows = [
        AgingRow(
            customer_id=customer_id,
            customer_name=names.get(customer_id, (0, None))[1],
            currency=currency,
            current=columns[0],
            days_1_to_30=columns[1],
            days_31_to_60=columns[2],
            days_61_to_90=columns[3],
            over_90=columns[4],
            total=total(columns),
            invoices=counts[currency, customer_id],
        )
        for (currency, customer_id), columns in sums.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.currency, -row.total, row.customer_id or "")))


def column_of(invoice: Invoice, *, on: date, tz: tzinfo = UTC) -> int:
    """0 if the invoice is not past due or has no due date; 1 to 4 for the ages of `AgingRow`."""
    days = 0 if invoice.due_date is None else (on - day_in(tz, invoice.due_date)).days
    return sum(days > limit for limit in LIMITS)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    whole = Decimal(0)
    for amount in amounts:
        whole = EXACT.add(whole, amount)
    return whole
