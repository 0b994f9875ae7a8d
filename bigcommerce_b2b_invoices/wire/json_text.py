"""JSON text <-> values, without losing a digit: numbers with a point are Decimals, never floats.

Reading is strict. It refuses an object that holds a key twice, because nobody can say which of the two was meant. It also refuses
a number that Python cannot hold, and a text that is not UTF-8. If these are in a row of an answer, only that row is refused. A
long list is not searched for keys that appear twice, because that would take a third longer: there, only each balance and the id
of the company must appear once in its row. A list of payments or receipts is searched like a short text.

With the extra `speed`, msgspec parses long texts. It accepts fewer texts than the standard library and no others, so the values
are the same. If msgspec refuses a text, the standard library parses it and says what is wrong.
"""

import json
import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import TYPE_CHECKING

from bigcommerce_b2b_invoices.wire.values import EXACT, OddObject

if TYPE_CHECKING:
    import msgspec
else:
    try:
        import msgspec
    except ImportError:
        msgspec = None

SHORT = 65_536  # bytes; single invoices and errors are shorter, full pages are longer
TWICE = "an object that holds a key twice"
OUT_OF_RANGE = "a number that is out of range"
NOT_UTF_8 = "not UTF-8"


class RefusedError(ValueError):
    """A text that we refuse for something that it holds."""


def read_json(body: bytes) -> object:
    """The value of a JSON text in UTF-8; a byte order mark is skipped.

    Raises:
        RefusedError: The text holds something that we refuse, such as a key that appears twice in an object.
        ValueError: It is not JSON.
    """
    try:
        if len(body) > SHORT:
            value = _parse_long(body)
            is_plain = body.count(b'Balance"') + body.count(b'"customerId"') == _keys_of_rows(value)
            if is_plain and not _is_of_payments(value):
                return value
        return _strict_decoder.decode(_text(body))
    except RefusedError as refused:
        problem = str(refused)
    except RecursionError:
        problem = "nested too deeply"
    except UnicodeDecodeError:
        problem = NOT_UTF_8
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, InvalidOperation):  # more digits than Python converts to an int, or an exponent too large for a Decimal
        problem = OUT_OF_RANGE
    raise RefusedError(problem)


def read_answer(body: bytes) -> object:
    """Like `read_json`, but what we refuse in a row of the list `data` makes only that row unreadable: an `OddObject`."""
    try:
        return read_json(body)
    except RefusedError as refused:
        problem = refused
    with suppress(ValueError, RecursionError):
        value = _lenient_decoder.decode(body.decode("utf-8", "surrogateescape").removeprefix("\ufeff"))
        if isinstance(value, dict) and not _fault({**value, "data": None}):
            rows = value.get("data")
            if isinstance(rows, list):
                return {**value, "data": [_judged(row) for row in rows]}
    raise problem


def write_json(value: object) -> str:
    """The value as compact JSON in ASCII. Decimals become numbers with all their digits. A float raises a TypeError."""
    parts: list[str] = []
    try:
        if _is_simple(value):
            return _encode(value)
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


def _no_constant(_text: str) -> object:
    raise RefusedError(OUT_OF_RANGE)  # NaN and Infinity are not JSON


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise RefusedError(TWICE)
    return made


_exact = partial(Decimal, context=EXACT)
_decoder = json.JSONDecoder(parse_float=_exact, parse_constant=_no_constant)
_strict_decoder = json.JSONDecoder(parse_float=_exact, parse_constant=_no_constant, object_pairs_hook=_object)


# ---- answers with something that we refuse ---------------------------------------------------------------------------


_ESCAPED = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of bytes that are not UTF-8


class _OddNumber(str):
    """The text of a number that Python cannot hold."""

    __slots__ = ()


def _lenient_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else OddObject(made, TWICE)


def _lenient_float(text: str) -> object:
    try:
        return _exact(text)
    except ArithmeticError:
        return _OddNumber(text)


def _lenient_int(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return _OddNumber(text)


_lenient_decoder = json.JSONDecoder(
    parse_float=_lenient_float, parse_int=_lenient_int, parse_constant=_OddNumber, object_pairs_hook=_lenient_object
)


def _judged(row: object) -> object:
    """The row; if it holds something that we refuse, as an OddObject."""
    problem = _fault(row)
    return OddObject(row, problem) if problem and isinstance(row, dict) else row


def _fault(value: object) -> str:
    """What we refuse in the value; empty: nothing."""
    level = [value]
    while level:
        below: list[object] = []
        for each in level:
            if isinstance(each, _OddNumber):
                return OUT_OF_RANGE
            if isinstance(each, OddObject):
                return each.problem
            if isinstance(each, str) and _ESCAPED.search(each):
                return NOT_UTF_8
            if isinstance(each, dict):
                below += [*each, *each.values()]
            elif isinstance(each, list):
                below += each
        level = below
    return ""


def _is_of_payments(value: object) -> bool:
    """Whether the first row of a list is a payment, a receipt or a line of one. In these, any doubled key may move money."""
    rows = value.get("data") if isinstance(value, dict) else None
    first = rows[0] if isinstance(rows, list) and rows else None
    return isinstance(first, dict) and ("lineItems" in first or "paymentId" in first)


def _keys_of_rows(value: object) -> int:
    """How many balances and company ids the rows of a list have. In most stores the text of an answer contains no others."""
    rows = value.get("data") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        return 0
    return sum(
        ("openBalance" in row) + ("originalBalance" in row) + ("customerId" in row) for row in rows if isinstance(row, dict)
    )


_SIMPLE = frozenset([str, int, bool, type(None)])
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _is_simple(value: object) -> bool:
    """Whether the standard library writes the value as `_write` does, but faster: it would also write floats."""
    kind = type(value)
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]  # mypy does not narrow by `kind`
            if type(key) is not str or (type(item) not in _SIMPLE and not _is_simple(item)):
                return False
        return True
    if kind is list:
        return all(type(item) in _SIMPLE or _is_simple(item) for item in value)  # type: ignore[attr-defined]
    return kind in _SIMPLE


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
