"""Reads what an import is to write: JSON Lines or CSV, one draft or one set of changes a line. Sends nothing.

A line that cannot be read is named by its number, and so is what is wrong with it; nothing of such an input is sent.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import BinaryIO, Generic, Literal, TypeAlias, TypeVar

import attrs

from bigcommerce_b2b_invoices import (
    B2BError,
    ConfigurationError,
    ExtraField,
    InvoiceChanges,
    InvoiceDraft,
    InvoiceSource,
    InvoiceStatus,
    Money,
    from_dict,
)
from bigcommerce_b2b_invoices.export import COLUMNS, bare

T = TypeVar("T")
Format: TypeAlias = Literal["jsonl", "csv"]

DELIMITERS = ",;\t|"
_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
READ_ONLY = ("customer_name", "is_pending_payment", "updated_at", "channel_name", "line_item_count")
NOT_FOR_CREATE = ("id", *READ_ONLY)
NOT_FOR_UPDATE = ("order_number", "channel_id", "terms_conditions", *READ_ONLY)


@attrs.frozen
class Line(Generic[T]):
    """A line of the input.

    Attributes:
        number: Counted from 1, as an editor does.
        digest: A hash of the line as it came, to tell it from others.
        value: The draft, or the id and its changes.
        nth: Which of the equal lines it is, counted from 1; only `changes` counts them.
    """

    number: int
    digest: str
    value: T
    nth: int = 1


@attrs.frozen
class Change:
    """An invoice and what to change."""

    invoice_id: int
    changes: InvoiceChanges

    def __attrs_post_init__(self) -> None:
        if self.invoice_id >= 2**63:
            raise ValueError(f'"id" is too large: {self.invoice_id}')
        if self.changes == InvoiceChanges():  # null leaves a value as it is
            raise ValueError("nothing to change")


class LineError(ConfigurationError):
    """A line cannot be read."""

    def __init__(self, number: int, problem: object) -> None:
        super().__init__(f"line {number}: {problem}")


def digest_of(text: str) -> str:
    """A hash of a text, for the journal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def drafts(file: BinaryIO, form: Format) -> Iterator[Line[InvoiceDraft] | LineError]:
    """The invoices of an input to `create`."""
    if form == "jsonl":
        return _json_lines(file, lambda fields: from_dict(InvoiceDraft, fields))
    return _csv_rows(file, NOT_FOR_CREATE, _draft)


def changes(file: BinaryIO, form: Format) -> Iterator[Line[Change] | LineError]:
    """The changes of an input to `update`."""
    equal: Counter[str] = Counter()
    for line in _json_lines(file, _change) if form == "jsonl" else _csv_rows(file, NOT_FOR_UPDATE, _change_of_row):
        if isinstance(line, Line):
            equal[line.digest] += 1
            yield attrs.evolve(line, nth=equal[line.digest])
        else:
            yield line


def ignored_columns(file: BinaryIO, form: Format, *, update: bool) -> list[str]:
    """The columns of a CSV input that this command does not write."""
    if form == "jsonl":
        return []
    file.seek(0)
    header, _ = _header(file)
    return [name for name in header if name in (NOT_FOR_UPDATE if update else NOT_FOR_CREATE)]


# ---- JSON Lines ----------------------------------------------------------------------------------------------------------


def _json_lines(file: BinaryIO, read: Callable[[Mapping[str, object]], T]) -> Iterator[Line[T] | LineError]:
    file.seek(0)
    for number, raw in enumerate(file, start=1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            if not text:
                continue
            yield Line(number, digest_of(text), read(_object(text)))
        except (B2BError, ValueError, TypeError, RecursionError) as problem:
            yield LineError(number, _told(problem))


def _object(text: str) -> dict[str, object]:
    fields = _json(text)
    if not isinstance(fields, dict):
        raise TypeError("expected an object in braces")
    return fields


def _json(text: str) -> object:
    """The value. Amounts are Decimals. A value that could be read in two ways raises a ValueError."""
    return json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_key_twice)


def _change(fields: Mapping[str, object]) -> Change:
    rest = dict(fields)
    invoice_id = rest.pop("id", None)
    if type(invoice_id) is not int or invoice_id < 1:
        raise ValueError('"id" must be the number of an invoice')
    return Change(invoice_id, from_dict(InvoiceChanges, rest))


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number of JSON")


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("an object holds a key twice")
    return fields


def _told(problem: BaseException) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return f"not JSON: {problem.msg} at character {problem.pos}"
    if isinstance(problem, UnicodeDecodeError):
        return "not UTF-8"
    return "nested too deeply" if isinstance(problem, RecursionError) else str(problem)


# ---- CSV -----------------------------------------------------------------------------------------------------------------


def _header(file: BinaryIO) -> tuple[list[str], str]:
    """The names of the columns, and the delimiter."""
    try:
        first = file.readline().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError("line 1: not UTF-8") from None
    found = max(DELIMITERS, key=lambda each: sum(name in COLUMNS for name in next(csv.reader([first], delimiter=each), [])))
    header = next(csv.reader([first], delimiter=found), [])
    unknown = [name for name in header if name not in COLUMNS]
    if unknown or not header:
        shown = ", ".join(map(repr, unknown)) or "nothing"
        raise ConfigurationError(f"line 1: expected names of columns, not {shown}: use {', '.join(COLUMNS)}")
    if len(set(header)) < len(header):
        raise ConfigurationError("line 1: a column comes twice")
    return header, found


def _csv_rows(file: BinaryIO, ignored: tuple[str, ...], read: Callable[[Mapping[str, str]], T]) -> Iterator[Line[T] | LineError]:
    file.seek(0)
    header, delimiter = _header(file)
    text = io.TextIOWrapper(io.BufferedReader(_Unclosed(file)), encoding="utf-8", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader)
            if not cells:
                continue
            yield Line(number, digest_of(json.dumps(cells)), read(_row(header, cells, ignored)))
        except StopIteration:
            return
        except csv.Error as problem:
            yield LineError(number, f"not CSV: {problem}")
            return
        except UnicodeEncodeError:
            yield LineError(number, "not UTF-8")
        except (B2BError, ValueError, TypeError, RecursionError) as problem:
            yield LineError(number, _told(problem))


def _row(header: list[str], cells: list[str], ignored: tuple[str, ...]) -> dict[str, str]:
    """The cells that hold something, by the names of their columns."""
    if len(cells) != len(header):
        raise ValueError(f"expected {len(header)} cells, found {len(cells)}")
    for cell in cells:
        cell.encode()  # raises a UnicodeEncodeError for what was not UTF-8
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell and name not in ignored}


class _Unclosed(io.RawIOBase):
    """Lets a text reader end without closing the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def _draft(row: Mapping[str, str]) -> InvoiceDraft:
    fields = _fields(row)
    if "created_at" in fields:
        fields["issued_at"] = fields.pop("created_at")
    missing = [name for name in ("invoice_number", "customer_id", "original_balance", "open_balance") if name not in fields]
    if missing:
        raise ValueError(f"no {', '.join(missing)}")
    return InvoiceDraft(**fields)  # type: ignore[arg-type]


def _change_of_row(row: Mapping[str, str]) -> Change:
    fields = _fields(row)
    invoice_id = fields.pop("id", None)
    if not isinstance(invoice_id, int) or invoice_id < 1:
        raise ValueError("no id")
    return Change(invoice_id, InvoiceChanges(**fields))  # type: ignore[arg-type]


def _fields(row: Mapping[str, str]) -> dict[str, object]:
    """The attributes that a row gives."""
    fields: dict[str, object] = {}
    for name, cell in row.items():
        if name.endswith("_currency"):
            if (money := name.removesuffix("_currency")) not in row:
                raise ValueError(f"{name} without {money}")
            continue
        try:
            fields[name] = _value(name, cell, row)
        except (ValueError, InvalidOperation, B2BError) as problem:
            told = "not a number" if isinstance(problem, InvalidOperation) else problem
            raise ValueError(f"{name} {cell!r}: {told}") from None
    return fields


def _value(name: str, cell: str, row: Mapping[str, str]) -> object:
    if name in ("id", "channel_id"):
        if not (cell.isascii() and cell.removeprefix("-").isdigit()):
            raise ValueError("not a whole number")
        return int(cell)
    if name in ("original_balance", "open_balance"):
        code = row.get(f"{name}_currency")
        if code is None:
            raise ValueError(f"no {name}_currency")
        if not _AMOUNT.fullmatch(cell):
            raise ValueError("not an amount, such as 120.50")
        return Money(bare(code), Decimal(cell))
    if name in ("due_date", "created_at"):
        time = datetime.fromisoformat(cell)
        return time if time.utcoffset() is not None else time.replace(tzinfo=UTC)
    if name in ("status", "source"):
        words = {member.name.lower(): member for member in (InvoiceStatus if name == "status" else InvoiceSource)}
        if cell not in words:
            raise ValueError(f"use {', '.join(words)}")
        return words[cell]
    if name == "extra_fields":
        items = _json(cell)
        if not isinstance(items, list):
            raise ValueError("expected a list of JSON")
        return tuple(from_dict(ExtraField, item) for item in items)
    return bare(cell)
