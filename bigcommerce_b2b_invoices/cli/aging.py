"""The command that shows who owes how much, and for how long."""

import csv
import io
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import attrs
from cyclopts import Parameter

from bigcommerce_b2b_invoices import ConfigurationError, Invoice
from bigcommerce_b2b_invoices.cli.arguments import MaybeDay
from bigcommerce_b2b_invoices.cli.doubt import report_code
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.progress import progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.show import print_line, print_table
from bigcommerce_b2b_invoices.cli.table import Column
from bigcommerce_b2b_invoices.cli.text import say
from bigcommerce_b2b_invoices.cli.unreadable import Unreadable
from bigcommerce_b2b_invoices.export import plain_amount
from bigcommerce_b2b_invoices.export.formulas import safe
from bigcommerce_b2b_invoices.files import appearing
from bigcommerce_b2b_invoices.reports import AgingRow, aging, total

AGES = ("current", "days_1_to_30", "days_31_to_60", "days_61_to_90", "over_90")
HEADS = ("current", "1-30", "31-60", "61-90", "over 90")
TABLE = (
    Column("company", is_text=True, rank=0),
    Column("", rank=0),  # the currency
    *(Column(head, is_number=True, rank=6 - index) for index, head in enumerate(HEADS)),
    Column("total", is_number=True, rank=0),
    Column("", rank=9),  # the bar
)
STEP = 50  # invoices between two progress reports
BAR = 12  # cells of the longest bar


async def show_aging(
    *,
    on: MaybeDay = None,
    csv_file: Annotated[Path | None, Parameter(name="--csv")] = None,
    png: Path | None = None,
    overwrite: bool = False,
    output: Output = PLAIN,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Show the open amounts by company, currency and age, the largest first.

    The ages are calendar days past the due date, in the time zone of --tz. An invoice without a due date is current. A balance
    below 0 reduces its column. An invoice without a balance is left out and counted on stderr. All amounts are exact, and no sum
    mixes currencies. The command exits with 3 if invoices may be missing.

    For example:

        b2b-invoices aging

        b2b-invoices aging --on 2026-01-31 --tz Europe/Berlin --csv january.csv

        b2b-invoices aging --png aging.png

    Args:
        on: The day of the report, for --overdue and --overdue-days too; today by default.
        csv_file: Also write the rows to this CSV file.
        png: Also draw the totals to this file. Needs the extra `plot`.
        overwrite: Replace these files if they exist.
        output: What to print; the JSON has one line for each company and currency.
        filters: Which invoices to report on.
        settings: Where to connect.
    """
    if png is not None and csv_file is not None and png == csv_file:
        raise ConfigurationError("--csv and --png need a file each")
    if png is not None:
        _need_matplotlib()
    day = datetime.now(filters.tz).date() if on is None else on
    without = 0
    unreadable = Unreadable()
    invoices: list[Invoice] = []
    async with AsyncExitStack() as stack:
        files = {
            path: await stack.enter_async_context(appearing(path, overwrite=overwrite)) for path in (csv_file, png) if path
        }  # opened first: a file that cannot be written costs no request
        connection = await stack.enter_async_context(connect(settings))
        walk = connection.client.invoices.iterate(filters.as_query(), details=False, on_unreadable=unreadable)
        with progress(as_lines=settings.verbose) as report:
            seen = 0
            async for invoice in walk:
                seen += 1
                if seen % STEP == 0:
                    report(seen, walk.total_count)
                if invoice.open_balance is None:
                    without += 1
                elif invoice.open_balance.value and filters.admits(invoice, on=on):
                    invoices.append(_slim(invoice))
        rows = aging(invoices, on=day, tz=filters.tz)
        if csv_file is not None:
            await files[csv_file].write(bytearray(_csv(rows)))
        if png is not None:
            await files[png].write(bytearray(_picture(rows, day)))
    if without:
        say(f"{without} invoices have no open balance and are left out")
    _print(rows, day, filters.tz, output)
    return max(report_code(walk.report), unreadable.exit_code)


def _slim(invoice: Invoice) -> Invoice:
    """What the report needs of an invoice, so that many of them take little memory."""
    return Invoice(
        id=invoice.id,
        customer_id=invoice.customer_id,
        customer_name=invoice.customer_name,
        open_balance=invoice.open_balance,
        due_date=invoice.due_date,
    )


# ---- on the screen -------------------------------------------------------------------------------------------------------


def _print(rows: Sequence[AgingRow], day: date, tz: ZoneInfo, output: Output) -> None:
    if output.json:
        for row in rows:
            print_record({name: _plain(value) for name, value in attrs.asdict(row).items()})
        return
    if not sys.stdout.isatty():
        for row in rows:
            print_line(_cells(row))
        return
    sys.stdout.write(f"Open today, by days past due on {day} ({tz.key})\n")
    for currency, group in groupby(rows, key=lambda row: row.currency):
        found = list(group)
        sums = [total(getattr(row, age) for row in found) for age in AGES]
        sys.stdout.write("\n")
        last = ("total", currency, *map(_amount, sums), _amount(total(sums)), "")
        print_table(TABLE, [*((*_cells(row), _bar(row.total, found[0].total)) for row in found), last])
    if not rows:
        sys.stdout.write("nothing is open\n")


def _bar(value: Decimal, largest: Decimal) -> str:
    """A bar that is as long as the amount, beside the largest one; none for a credit."""
    if value <= 0 or largest <= 0:
        return ""
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        return "#" * max(1, round(value / largest * BAR))
    eighths = max(1, round(value / largest * BAR * 8))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _cells(row: AgingRow) -> tuple[str, ...]:
    ages = [_amount(getattr(row, age)) for age in AGES]
    return (row.customer_name or row.customer_id or "", row.currency, *ages, _amount(row.total))


def _amount(value: Decimal) -> str:
    """The exact amount, with at least two decimals and no zeros after them."""
    whole, _, decimals = plain_amount(value).partition(".")
    return f"{whole}.{decimals[:2]:0<2}{decimals[2:].rstrip('0')}"


def _plain(value: object) -> object:
    return plain_amount(value) if isinstance(value, Decimal) else value


# ---- files ---------------------------------------------------------------------------------------------------------------


def _csv(rows: Sequence[AgingRow]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    names = [field.name for field in attrs.fields(AgingRow)]
    writer.writerow(names)
    for row in rows:
        values = [getattr(row, name) for name in names]
        writer.writerow([safe(value) if isinstance(value, str) else _plain(value) for value in values])
    return text.getvalue().encode("utf-8", "backslashreplace")


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401, ICN001, PLC0415 - only whoever draws needs it  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise ConfigurationError("--png needs matplotlib: pip install 'bigcommerce-b2b-invoices[plot]'") from None


def _picture(rows: Sequence[AgingRow], day: date) -> bytes:
    """A bar for each age, one chart for each currency."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above  # pyright: ignore[reportMissingImports]

    currencies = list(dict.fromkeys(row.currency for row in rows)) or [""]
    figure = Figure(figsize=(8, 2.6 * len(currencies)), layout="constrained")
    for index, currency in enumerate(currencies):
        axes = figure.add_subplot(len(currencies), 1, index + 1)
        sums = [total(getattr(row, age) for row in rows if row.currency == currency) for age in AGES]
        bars = axes.barh(HEADS, [float(amount) for amount in sums], color="#34558b")
        axes.bar_label(bars, labels=[f"{amount:,.2f}" for amount in sums], padding=4)
        axes.set_title(f"{currency} open today, by days past due on {day}", loc="left")
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.set_xticks([])  # the bars have labels
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()
