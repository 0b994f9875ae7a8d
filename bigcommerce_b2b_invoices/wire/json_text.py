"""JSON text <-> values, without losing a digit: numbers with a point are Decimals, never floats.

Reading is strict: an object with a key twice is refused, for nobody can say which of the two was meant, and so is what is nested
more than 64 levels deep. Only a long list is not looked through, which would take a third longer: there each balance must stand
once in its row, and depth is the business of those who keep what they do not know.
"""

import json
from decimal import Decimal, InvalidOperation

from bigcommerce_b2b_invoices.wire.leaves import MAX_DEPTH, Unreadable, read_opaque

SHORT = 65_536  # bytes; single invoices and errors are shorter, full pages are longer


def read_json(body: bytes) -> object:
    """The value of a JSON text in UTF-8 (a byte order mark is skipped). A ValueError says what is wrong with it."""
    try:
        text = body.decode().removeprefix("\ufeff")
        if len(body) > SHORT:
            value = _decoder.decode(text)
            if body.count(b'Balance"') == _balances_of_rows(value):
                return value
        value = _strict_decoder.decode(text)
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
    except (ValueError, InvalidOperation):  # an int of more digits than Python converts, an exponent beyond any Decimal
        problem = "a number that is out of range"
    raise ValueError(problem)


def write_json(value: object) -> str:
    """The value as compact JSON in ASCII. Decimals become numbers with all their digits; a float is a TypeError."""
    parts: list[str] = []
    try:
        _write(value, parts)
    except RecursionError:
        parts.clear()
    if not parts:
        raise ValueError("nested too deeply to be written as JSON")
    return "".join(parts)


class _RefusedError(ValueError):
    """JSON that the standard library takes, and we do not."""


def _no_constant(_text: str) -> object:
    raise _RefusedError("a number that is out of range")  # NaN and Infinity are not JSON


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _RefusedError("an object with a key twice")
    return made


_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
_strict_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)


def _balances_of_rows(value: object) -> int:
    """How many balances the rows of a list have. In a sound answer the text names no others."""
    rows = value.get("data") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        return 0
    return sum(("openBalance" in row) + ("originalBalance" in row) for row in rows if isinstance(row, dict))


def _write(value: object, parts: list[str]) -> None:
    if value is None or isinstance(value, str | bool):
        parts.append(json.dumps(value))
    elif isinstance(value, int):
        parts.append(int.__repr__(value))  # an enum's member as its number
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
