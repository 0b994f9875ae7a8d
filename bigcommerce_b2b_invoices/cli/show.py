"""Rows on stdout: a table for a person at a terminal, tab-separated lines for a program, JSON for either."""

import json
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal

import attrs
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from bigcommerce_b2b_invoices import ExtraFieldConfig, Invoice, Money, to_json
from bigcommerce_b2b_invoices.cli.text import printable
from bigcommerce_b2b_invoices.export import iso_utc, plain_amount, word

INVOICE_COLUMNS = ("number", "id", "company", "status", "open", "original", "", "due", "created")
CONFIG_COLUMNS = ("name", "id", "type", "required", "unique", "visible", "defined", "default", "limits")
_NUMERIC = ("id", "open", "original")
_MAY_WRAP = ("number", "company", "status", "name", "type", "default", "limits")  # if the terminal is narrow
_INDENT = "  "


def invoice_cells(invoice: Invoice) -> tuple[str, ...]:
    """The cells of INVOICE_COLUMNS."""
    opened, original = invoice.open_balance, invoice.original_balance
    return (
        invoice.invoice_number or "",
        str(invoice.id),
        invoice.customer_name or invoice.customer_id or "",
        word(invoice.status).replace("_", "-"),
        _amount(opened),
        _amount(original),
        _currency(opened, original),
        iso_utc(invoice.due_date)[:10],
        iso_utc(invoice.created_at)[:10],
    )


def _amount(money: Money | None) -> str:
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


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table as wide as the terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(
            column, justify="right" if column in _NUMERIC else "left", overflow="fold", no_wrap=column not in _MAY_WRAP
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # a Text, because rich would read [red] in a name as a colour
    Console().print(table)


def print_line(row: Sequence[str]) -> None:
    """The cells of a row, with tabs between them. A tab inside a cell is escaped."""
    sys.stdout.write("\t".join(printable(cell) for cell in row) + "\n")


def print_json(model: attrs.AttrsInstance) -> None:
    """One line of JSON."""
    sys.stdout.write(f"{to_json(model)}\n")


def print_pretty_json(model: attrs.AttrsInstance) -> None:
    """JSON on many lines, in colours if the terminal has them."""
    Console().print(JSONHighlighter()(indented(json.loads(to_json(model), parse_float=Decimal))), soft_wrap=True)


def indented(value: object, margin: str = "\n") -> str:
    """A JSON value on many lines. Unlike `json.dumps` it keeps all digits of a Decimal."""
    deeper = margin + _INDENT
    if isinstance(value, dict) and value:
        inside = ",".join(f"{deeper}{_text(str(key))}: {indented(item, deeper)}" for key, item in value.items())
        return f"{{{inside}{margin}}}"
    if isinstance(value, list) and value:
        return f"[{','.join(deeper + indented(item, deeper) for item in value)}{margin}]"
    if isinstance(value, str):
        return _text(value)
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())
