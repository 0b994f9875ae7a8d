"""Strict readers of arguments: a mistyped id must never turn into another id."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import Parameter, Token, validators

_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")


def read_whole(_type: type, tokens: Sequence[Token]) -> int:
    """A whole number in decimal digits: cyclopts by itself would read 1.5 as 2."""
    text = tokens[0].value
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def read_time(_type: type, tokens: Sequence[Token]) -> datetime:
    """An ISO 8601 date or time. If it has no time zone, it is in UTC. A date means its first moment."""
    text = tokens[0].value
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an ISO 8601 date or time, such as 2026-01-31 or 2026-01-31T12:00:00+01:00") from None
    return time if time.utcoffset() is not None else time.replace(tzinfo=UTC)


def read_day(_type: type, tokens: Sequence[Token]) -> date:
    """A calendar day, such as 2026-01-31."""
    text = tokens[0].value
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a day, such as 2026-01-31") from None


def read_zone(_type: type, tokens: Sequence[Token]) -> ZoneInfo:
    """A time zone by its name."""
    text = tokens[0].value
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name is that of a folder
        raise ValueError(f"no time zone is called {text!r}: use a name such as UTC or Europe/Berlin") from None


_ONE_UP = Parameter(converter=read_whole, validator=validators.Number(gte=1))

Whole: TypeAlias = Annotated[int, Parameter(converter=read_whole)]
ZeroOrMore: TypeAlias = Annotated[int, Parameter(converter=read_whole, validator=validators.Number(gte=0))]
OneOrMore: TypeAlias = Annotated[int, _ONE_UP]
MaybeOneOrMore: TypeAlias = Annotated[int | None, _ONE_UP]
InvoiceId: TypeAlias = Annotated[int, Parameter(converter=read_whole, validator=validators.Number(gte=1, lt=2**63))]
MaybeInvoiceId: TypeAlias = Annotated[int | None, Parameter(converter=read_whole, validator=validators.Number(gte=1, lt=2**63))]
Port: TypeAlias = Annotated[int, Parameter(converter=read_whole, validator=validators.Number(gte=0, lte=65535))]
Seconds: TypeAlias = Annotated[float, Parameter(validator=validators.Number(gte=0))]
MaybeTime: TypeAlias = Annotated[datetime | None, Parameter(converter=read_time)]
MaybeDay: TypeAlias = Annotated[date | None, Parameter(converter=read_day)]
Zone: TypeAlias = Annotated[ZoneInfo, Parameter(converter=read_zone)]
