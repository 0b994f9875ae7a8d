"""JSON text <-> values, without losing a digit: numbers with a point are Decimals, never floats.

Reading is strict. It refuses an object that holds a key twice, because nobody can say which of the two was meant. It also refuses
anything nested more than 64 levels deep. A long list is not searched for these faults, because that would take a third longer:
there, each balance must appear once in its row, and the code that keeps an unknown value checks its depth.

With the extra `speed`, msgspec parses long texts. It accepts fewer texts than the standard library and no others, so the values
are the same. If msgspec refuses a text, the standard library parses it and says what is wrong.
"""

import json
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import TYPE_CHECKING

from bigcommerce_b2b_invoices.wire.values import EXACT, MAX_DEPTH, Unreadable, read_opaque

if TYPE_CHECKING:
    import msgspec
else:
    try:
        import msgspec
    except ImportError:
        msgspec = None

SHORT = 65_536  # bytes; single invoices and errors are shorter, full pages are longer


def read_json(body: bytes) -> object:
    """The value of a JSON text in UTF-8 (a byte order mark is skipped). Raises a ValueError that says what is wrong with it."""
    try:
        if len(body) > SHORT:
            value = _parse_long(body)
            if body.count(b'Balance"') == _balances_of_rows(value):
                return value
        value = _strict_decoder.decode(_text(body))
        return value if body.count(b"{") + body.count(b"[") <= MAX_DEPTH else read_opaque(value)
    except _RefusedError as refused:
        problem = str(refused)
    except Unreadable as deep:
        problem = deep.problem
    except RecursionError:
        problem = "nested too deeply"
    except UnicodeDecodeError:
        problem = "not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"not JSON: {error.msg} at character {error.pos}"
    except (ValueError, InvalidOperation):  # more digits than Python converts to an int, or an exponent too large for a Decimal
        problem = "a number that is out of range"
    raise ValueError(problem)


def write_json(value: object) -> str:
    """The value as compact JSON in ASCII. Decimals become numbers with all their digits. A float raises a TypeError."""
    parts: list[str] = []
    try:
        _write(value, parts)
    except RecursionError:
        parts.clear()
    if not parts:
        raise ValueError("nested too deeply to be written as JSON")
    return "".join(parts)


def _text(body: bytes) -> str:
    return body.decode().removeprefix("\ufeff")


def _parse_long(body: bytes) -> object:
    if msgspec is not None:
        with suppress(msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
            return _fast_decoder().decode(body)
    return _decoder.decode(_text(body))


@cache
def _fast_decoder() -> "msgspec.json.Decoder[object]":
    return msgspec.json.Decoder(float_hook=_exact)


class _RefusedError(ValueError):
    """JSON that the standard library accepts but we refuse."""


def _no_constant(_text: str) -> object:
    raise _RefusedError("a number that is out of range")  # NaN and Infinity are not JSON


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _RefusedError("an object that holds a key twice")
    return made


_exact = partial(Decimal, context=EXACT)
_decoder = json.JSONDecoder(parse_float=_exact, parse_constant=_no_constant)
_strict_decoder = json.JSONDecoder(parse_float=_exact, parse_constant=_no_constant, object_pairs_hook=_object)


def _balances_of_rows(value: object) -> int:
    """How many balances the rows of a list have. The text of a valid answer contains no others."""
    rows = value.get("data") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        return 0
    return sum(("openBalance" in row) + ("originalBalance" in row) for row in rows if isinstance(row, dict))


def _write(value: object, parts: list[str]) -> None:
    if value is None or isinstance(value, str | bool):
        parts.append(json.dumps(value))
    elif isinstance(value, int):
        parts.append(int.__repr__(value))  # an enum member becomes its number
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} cannot be written as a JSON number")
        parts.append(str(value))
    elif isinstance(value, dict):
        separator = "{"
        for key, item in value.items():
            parts.append(f"{separator}{json.dumps(str(key))}:")
            _write(item, parts)
            separator = ","
        parts.append("}" if value else "{}")
    elif isinstance(value, list | tuple):
        separator = "["
        for item in value:
            parts.append(separator)
            _write(item, parts)
            separator = ","
        parts.append("]" if value else "[]")
    else:
        hint = ": use a Decimal" if isinstance(value, float) else ""
        raise TypeError(f"cannot write {type(value).__name__} as JSON{hint}")
