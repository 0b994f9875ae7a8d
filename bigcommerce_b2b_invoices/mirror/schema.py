"""The tables of a mirror in SQLite and PostgreSQL, so that every amount and time comes back as it was.

SQLite has no exact number. An amount is text in plain digits there, and a generated column `<name>_e4` beside it holds the amount
in units of 1/10,000, for sums and for sorting; it is NULL if the amount has more decimals or does not fit into 64 bits.
PostgreSQL has `numeric`, which is exact for every amount. It cannot hold the character NUL, so the columns have U+2400 instead;
in `raw` the character is the escape of JSON.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
from sqlalchemy import BigInteger, Boolean, Column, Computed, DateTime, Integer, MetaData, Numeric, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from bigcommerce_b2b_invoices.mirror.columns import CHILDREN, INVOICE, Kind

SCHEMA_VERSION = 2
NUL, SYMBOL_FOR_NUL = "\0", "\u2400"


class ExactAmount(TypeDecorator[Decimal]):
    """A Decimal: `numeric` in PostgreSQL, text in plain digits elsewhere."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in this database."""
        return dialect.type_descriptor(Numeric() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> object:
        """What is written."""
        return value if value is None or dialect.name == "postgresql" else format(value, "f")

    def process_result_value(self, value: object, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - the signature of SQLAlchemy
        """What is read."""
        return None if value is None else Decimal(str(value))


class UTCTime(TypeDecorator[datetime]):
    """An aware time: `timestamp with time zone` in PostgreSQL, the time in UTC as ISO 8601 text elsewhere."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in this database."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """What is written."""
        if value is None:
            return None
        try:
            in_utc = value.astimezone(UTC)
        except OverflowError:  # at the edge of year 1 or 9999 only; `raw` has what came
            in_utc = value.replace(tzinfo=UTC)
        return in_utc if dialect.name == "postgresql" else in_utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """What is read."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SafeText(TypeDecorator[str]):
    """Text without what a database cannot hold: half a character is written as an escape, NUL (in PostgreSQL) as U+2400."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is written."""
        if value is None:
            return None
        if dialect.name == "postgresql" and NUL in value:
            value = value.replace(NUL, SYMBOL_FOR_NUL)
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.INTEGER: BigInteger(),
    Kind.AMOUNT: ExactAmount(),
    Kind.TEXT: SafeText(),
    Kind.TRUTH: Boolean(),
    Kind.TIME: UTCTime(),
}


def in_e4(name: str) -> str:
    """SQL for SQLite: a text of plain digits in units of 1/10,000; NULL if it has more decimals or does not fit."""
    point = f"instr(\"{name}\", '.')"
    whole = f'case {point} when 0 then "{name}" else substr("{name}", 1, {point} - 1) end'
    decimals = f"case {point} when 0 then '' else rtrim(substr(\"{name}\", {point} + 1), '0') end"
    digits = f"({whole}) || substr(({decimals}) || '0000', 1, 4)"
    bare = f"ltrim({digits}, '-0')"
    fits = f"length({bare}) < 19 or (length({bare}) = 19 and {bare} <= '9223372036854775807')"
    return f"case when length({decimals}) <= 4 and ({fits}) then cast({digits} as integer) end"


def _columns(kinds: Mapping[str, Kind], *, exact: bool) -> Iterator[Column[Any]]:
    for name, kind in kinds.items():
        if name == "id":
            continue
        yield Column(name, TYPES[kind])
        if kind is Kind.AMOUNT and not exact:
            yield Column(f"{name}_e4", Integer, Computed(in_e4(name), persisted=False))


def _key(name: str) -> "Column[Any]":
    return Column(name, Text if name == "store_hash" else BigInteger, primary_key=True, autoincrement=False)


@attrs.frozen
class Tables:
    """The tables of one kind of database."""

    metadata: MetaData
    state: Table
    invoices: Table
    children: Mapping[str, Table]


def tables(dialect: str, schema: str | None = None) -> Tables:
    """The tables for `postgresql`, or for `sqlite`."""
    metadata, exact = MetaData(schema=schema), dialect == "postgresql"
    state = Table(
        "sync_state",
        metadata,
        _key("store_hash"),
        Column("schema_version", Integer, nullable=False),
        Column("sweep", BigInteger, nullable=False),
        Column("proven", BigInteger, nullable=False),
        Column("doubted", BigInteger, nullable=False),
        Column("bookmark", Text),
        Column("cursor", Text),
        Column("synced_at", UTCTime),
        Column("swept_at", UTCTime),
    )
    invoices = Table(
        "invoices",
        metadata,
        _key("store_hash"),
        _key("id"),
        *_columns(INVOICE, exact=exact),
        Column("sweep", BigInteger, nullable=False),
        Column("checksum", Text, nullable=False),
    )
    children = {
        name: Table(
            name,
            metadata,
            _key("store_hash"),
            _key("invoice_id"),
            _key("position"),
            *_columns(child.columns, exact=exact),
        )
        for name, child in CHILDREN.items()
    }
    return Tables(metadata, state, invoices, children)
