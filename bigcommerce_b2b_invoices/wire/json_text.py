"""JSON text <-> values, without losing a digit: numbers with a point are Decimals, never floats."""

import json
from decimal import Decimal, InvalidOperation


def read_json(body: bytes) -> object:
    """The value of a JSON text in UTF-8 (a byte order mark is skipped). A ValueError says what is wrong with it."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        problem = "nested too deeply"
    except UnicodeDecodeError:
        problem = "not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"not JSON: {error.msg} at character {error.pos}"
    except (ValueError, InvalidOperation):  # an int of more digits than Python converts, an exponent beyond what a Decimal holds
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


def _no_constant(text: str) -> object:
    raise ValueError(text)  # NaN and Infinity are not JSON


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
