"""Rows on stdout: tables and cards for a person at a terminal, tab-separated lines for a program, JSON for either."""

import shutil
import sys
from collections.abc import Iterable, Sequence

import attrs
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from bigcommerce_b2b_invoices import ExtraFieldConfig, Invoice, LineItem, Money, to_json
from bigcommerce_b2b_invoices.cli.table import GAP, Column, layout
from bigcommerce_b2b_invoices.cli.text import printable, say
from bigcommerce_b2b_invoices.export import iso_utc, plain_amount, word

INVOICE_COLUMNS = (
    Column("number", rank=4),
    Column("id", is_number=True, rank=0),
    Column("company", is_text=True, rank=3),
    Column("status", rank=6),
    Column("open", is_number=True, rank=0),
    Column("original", is_number=True, rank=7),
    Column("", rank=0),  # the currency
    Column("due", rank=2),
    Column("created", rank=8),
)
CONFIG_COLUMNS = (
    Column("name", is_text=True, rank=0),
    Column("id", is_number=True, rank=0),
    Column("type", rank=1),
    Column("required", rank=2),
    Column("unique", rank=3),
    Column("visible", rank=4),
    Column("defined", rank=6),
    Column("default", is_text=True, rank=7),
    Column("limits", is_text=True, rank=5),
)
LINES = 25  # of a console; nothing that is printed depends on it
ITEM_COLUMNS = (
    Column("sku", is_text=True, rank=2),
    Column("description", is_text=True, rank=1),
    Column("quantity", is_number=True, rank=0),
    Column("unit price", is_number=True, rank=0),
)


def invoice_cells(invoice: Invoice) -> tuple[str, ...]:
    """The cells of INVOICE_COLUMNS."""
    opened, original = invoice.open_balance, invoice.original_balance
    return (
        invoice.invoice_number or "",
        str(invoice.id),
        invoice.customer_name or invoice.customer_id or "",
        word(invoice.status).replace("_", "-"),
        amount(opened),
        amount(original),
        _currency(opened, original),
        iso_utc(invoice.due_date)[:10],
        iso_utc(invoice.created_at)[:10],
    )


def amount(money: Money | None) -> str:
    """The exact amount, without trailing zeros after the second decimal: the API writes 40.2800."""
    whole, point, decimals = plain_amount(money.value if money else None).partition(".")
    return f"{whole}{point}{decimals[:2]}{decimals[2:].rstrip('0')}"


def _currency(opened: Money | None, original: Money | None) -> str:
    """One code if both balances have the same; otherwise both codes, in the order of the columns."""
    return "/".join(dict.fromkeys(money.code for money in (opened, original) if money))


def config_cells(config: ExtraFieldConfig) -> tuple[str, ...]:
    """The cells of CONFIG_COLUMNS."""
    limits = {"length": config.maximum_length, "rows": config.number_of_rows, "maximum": config.maximum_value}
    texts = [f"{name} {value}" for name, value in limits.items() if value] + [", ".join(config.list_of_value)]
    return (
        config.field_name or "",
        str(config.id),
        word(config.field_type).replace("_", "-"),
        *("" if flag is None else "yes" if flag else "no" for flag in _flags(config)),
        word(config.config_type).replace("_", "-"),
        config.default_value or "",
        "; ".join(text for text in texts if text),
    )


def _flags(config: ExtraFieldConfig) -> tuple[bool | None, ...]:
    return config.is_required, config.is_unique, config.visible_to_enduser


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """A table as wide as the terminal. What does not fit is left out, and named on stderr."""
    cells = [[printable(cell) for cell in row] for row in rows]
    found = layout(columns, cells, terminal_width())
    if found is None:
        for row in cells:
            print_fields((column.name, cell) for column, cell in zip(columns, row, strict=True))
            sys.stdout.write("\n")
        return
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for index, width in found.shown:
        justify: JustifyMethod = "right" if columns[index].is_number else "left"
        table.add_column(columns[index].name, justify=justify, overflow="ellipsis", no_wrap=True, width=width)
    for row in cells:
        table.add_row(*(Text(row[index]) for index, _ in found.shown))  # a Text: rich would read [red] in a name as a colour
    console().print(table)
    if found.left_out:
        say(f"the terminal is too narrow for: {', '.join(found.left_out)}")


def print_rows(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """A table at a terminal, otherwise a line for each row; nothing if there are none."""
    if rows and sys.stdout.isatty():
        print_table(columns, rows)
    else:
        for row in rows:
            print_line(row)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """A line for each field that has a value. A value is never cut; the terminal wraps it if it must."""
    given = [(name, printable(value)) for name, value in fields if value]
    names = max((cell_len(name) for name, _ in given), default=0)
    for name, value in given:
        sys.stdout.write(
            f"{name:<{names}}  {value}\n" if names + 2 + cell_len(value) <= terminal_width() else f"{name}\n{value}\n"
        )


def print_card(invoice: Invoice) -> None:
    """An invoice for a person: its fields, then its line items."""
    opened, original = invoice.open_balance, invoice.original_balance
    print_fields(
        [
            ("number", invoice.invoice_number or ""),
            ("id", str(invoice.id)),
            ("company", invoice.customer_name or ""),
            ("company id", invoice.customer_id or ""),
            ("status", word(invoice.status).replace("_", "-")),
            ("open", f"{amount(opened)} {opened.code}" if opened else ""),
            ("original", f"{amount(original)} {original.code}" if original else ""),
            ("due", iso_utc(invoice.due_date)[:10]),
            ("created", iso_utc(invoice.created_at)),
            ("updated", iso_utc(invoice.updated_at)),
            ("order", invoice.order_number or ""),
            ("purchase order", invoice.purchase_order_number or ""),
            ("external id", invoice.external_id or ""),
            ("channel", invoice.channel_name or ""),
            ("terms", invoice.terms_conditions or ""),
            *((f"field {field.field_name or ''}", field.field_value or "") for field in invoice.extra_fields),
        ]
    )
    if invoice.line_items:
        sys.stdout.write("\n")
        print_table(ITEM_COLUMNS, [_item_cells(item) for item in invoice.line_items])


def _item_cells(item: LineItem) -> tuple[str, ...]:
    price = item.unit_price
    shown = f"{amount(price)} {price.code}" if price else ""
    return (item.sku or "", item.description or "", plain_amount(item.quantity), shown)


def terminal_width() -> int:
    """How many cells a line has. Also true for a terminal that can do nothing else."""
    return shutil.get_terminal_size().columns


def console() -> Console:
    """For standard output. NO_COLOR and TERM=dumb switch colours off."""
    return Console(width=terminal_width(), height=LINES)  # without a height, rich takes a dumb terminal for 80 wide


def print_line(row: Sequence[str]) -> None:
    """The cells of a row, with tabs between them. A tab inside a cell is escaped."""
    sys.stdout.write("\t".join(printable(cell) for cell in row) + "\n")


def print_json(model: attrs.AttrsInstance) -> None:
    """One line of JSON."""
    sys.stdout.write(f"{to_json(model)}\n")
