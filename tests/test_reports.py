"""Ageing: exact, by calendar day, equal to a query in another language."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from bigcommerce_b2b_invoices import Invoice, InvoiceStatus, Money
from bigcommerce_b2b_invoices.export import write_invoices
from bigcommerce_b2b_invoices.reports import AgingRow, aging

DAY = date(2026, 3, 31)
NAMES = ("current", "days_1_to_30", "days_31_to_60", "days_61_to_90", "over_90")


def due(
    days_ago: int, amount: str | None = "10.00", currency: str = "USD", company: str | None = "1", number: int = 1
) -> Invoice:
    time = datetime(2026, 3, 31, 12, tzinfo=UTC) - timedelta(days=days_ago)
    money = None if amount is None else Money(currency, Decimal(amount))
    return Invoice(id=number, customer_id=company, customer_name=f"Company {company}", due_date=time, open_balance=money)


@pytest.mark.parametrize(
    ("days", "column"),
    [(-5, 0), (0, 0), (1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (90, 3), (91, 4), (4000, 4)],
)
def test_an_amount_is_in_the_column_of_its_age(days: int, column: int) -> None:
    (row,) = aging([due(days)], on=DAY)
    assert [name for name in NAMES if getattr(row, name)] == [NAMES[column]]
    assert row.total == Decimal("10.00")


def test_no_due_date_is_current_and_no_balance_counts_for_nothing() -> None:
    invoices = [Invoice(id=1, open_balance=Money("USD", Decimal(5))), due(5, None), due(5, "0.00")]
    assert [(row.current, row.invoices) for row in aging(invoices, on=DAY)] == [(Decimal(5), 1)]


def test_a_credit_reduces_its_column_and_currencies_are_never_summed() -> None:
    rows = aging([due(5, "10"), due(5, "-4"), due(40, "-1"), due(5, "7", "EUR")], on=DAY)
    assert [(row.currency, row.days_1_to_30, row.days_31_to_60, row.total) for row in rows] == [
        ("EUR", Decimal(7), Decimal(0), Decimal(7)),
        ("USD", Decimal(6), Decimal(-1), Decimal(5)),
    ]


def test_the_largest_come_first_and_a_company_has_its_newest_name() -> None:
    old = due(1, "1", number=1)
    new = Invoice(id=9, customer_id="1", customer_name="Renamed", open_balance=Money("USD", Decimal(1)))
    rows = aging([new, old, due(1, "5", company="2", number=3)], on=DAY)
    assert [(row.customer_id, row.customer_name, row.total) for row in rows] == [
        ("2", "Company 2", Decimal(5)),
        ("1", "Renamed", Decimal(2)),
    ]


def test_days_are_calendar_days_of_the_time_zone() -> None:
    late = Invoice(id=1, due_date=datetime(2026, 3, 30, 23, 30, tzinfo=UTC), open_balance=Money("USD", Decimal(1)))
    assert aging([late], on=DAY)[0].days_1_to_30 == 1
    assert aging([late], on=DAY, tz=ZoneInfo("Europe/Berlin"))[0].current == 1
    assert late.days_overdue(DAY) == 1
    assert late.days_overdue(DAY, ZoneInfo("Europe/Berlin")) == 0


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_the_edges_of_the_calendar_have_an_age(edge: str) -> None:
    invoice = Invoice(id=1, due_date=datetime.fromisoformat(edge), open_balance=Money("USD", Decimal(1)))
    assert aging([invoice], on=DAY, tz=ZoneInfo("Asia/Tokyo"))[0].total == 1
    assert invoice.days_overdue(DAY, ZoneInfo("Asia/Tokyo")) >= 0


def test_days_overdue_is_0_for_what_is_not_owed() -> None:
    assert due(0).days_overdue(DAY) == 0
    assert due(-3).days_overdue(DAY) == 0
    assert due(9, "0").days_overdue(DAY) == 0
    assert Invoice(id=1).days_overdue(DAY) == 0
    paid = Invoice(id=1, due_date=due(9).due_date, status=InvoiceStatus.COMPLETED, open_balance=Money("USD", Decimal(1)))
    assert paid.days_overdue(DAY) == 0
    assert due(9).days_overdue(DAY) == 9


AMOUNTS = st.decimals(min_value=Decimal(-(10**24)), max_value=Decimal(10**24), places=9, allow_nan=False)


@given(amounts=st.lists(AMOUNTS, max_size=30), days=st.data())
def test_no_digit_is_lost(amounts: list[Decimal], days: st.DataObject) -> None:
    invoices = [due(days.draw(st.integers(-5, 200)), str(amount)) for amount in amounts]
    rows = aging(invoices, on=DAY)
    assert sum(Fraction(row.total) for row in rows) == sum(map(Fraction, amounts))
    assert all(Fraction(row.total) == sum(Fraction(getattr(row, name)) for name in NAMES) for row in rows)


SQL = """
select customer_id, open_balance_currency,
    sum(case when age <= 0 then open_balance else 0 end), sum(case when age between 1 and 30 then open_balance else 0 end),
    sum(case when age between 31 and 60 then open_balance else 0 end), sum(case when age between 61 and 90 then open_balance else 0 end),
    sum(case when age > 90 then open_balance else 0 end), sum(open_balance), count(*)
from (select *, coalesce(date_diff('day', (due_date at time zone 'Europe/Berlin')::date, date '2025-06-30'), 0) as age
    from read_parquet('{path}') where open_balance <> 0)
group by all
"""


async def test_it_equals_a_query_over_the_parquet_file(tmp_path: Path, client: object) -> None:
    duckdb = pytest.importorskip("duckdb", reason="needs the extra duckdb")
    from bigcommerce_b2b_invoices import B2BClient

    assert isinstance(client, B2BClient)
    path = tmp_path / "all.parquet"
    await write_invoices(path, client.invoices.iterate())
    invoices = [invoice async for invoice in client.invoices.iterate(details=False)]

    found = {row[:2]: row[2:] for row in duckdb.sql(SQL.format(path=path)).fetchall()}
    rows = aging(invoices, on=date(2025, 6, 30), tz=ZoneInfo("Europe/Berlin"))

    def sums(row: AgingRow) -> tuple[object, ...]:
        return (*(getattr(row, name) for name in NAMES), row.total, row.invoices)

    assert {(row.customer_id, row.currency): sums(row) for row in rows} == found
    assert len(rows) > 5
