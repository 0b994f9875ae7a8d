"""Lists of invoices parsed by msgspec, where the extra `speed` is installed: all of a row but its `details`, which stay bytes.

Parsing details is most of parsing a list, and a walk reads them only when somebody looks. The parser takes what it has seen
before and nothing else: the keys of the rows come from an answer that the standard library parsed, and an answer with any other
key, in any other shape, or with something that is wrong, is left to the standard library, which knows what to say of it.
"""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import cache
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from bigcommerce_b2b_invoices.wire.json_text import read_json
from bigcommerce_b2b_invoices.wire.leaves import Unreadable

if TYPE_CHECKING:
    import msgspec
else:
    try:
        import msgspec
    except ImportError:  # without the extra everything is parsed by the standard library
        msgspec = None

MOST_NAMES = 64  # keys of a row that are learned; documented are 23
BALANCES = ("originalBalance", "openBalance")


class ListParser:
    """Parses list answers, and learns from each that it cannot parse."""

    def __init__(self) -> None:
        self._names: dict[str, bool] = {}  # key -> whether every row had it so far; in the order in which they came
        self._sometimes: list[str] = []
        self._decode: Callable[[bytes], Any] | None = None

    def read(self, body: bytes) -> object:
        """As `read_json`; details may be left as `bytes`. A ValueError says what is wrong with it."""
        if msgspec is None:
            return read_json(body)
        try:
            parsed = self._decode(body) if self._decode is not None else None
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
            parsed = None
        if parsed is not None:
            rows = [self._row(record) for record in parsed.data]
            if body.count(b'Balance"') == sum(name in row for row in rows for name in BALANCES):  # as in `read_json`
                return {"code": parsed.code, "data": rows, "meta": parsed.meta}
        value = read_json(body)
        self._learn(value)
        return value

    def _row(self, record: Any) -> dict[str, object]:  # noqa: ANN401 - a struct made at run time
        row: dict[str, Any] = msgspec.structs.asdict(record)
        for name in self._sometimes:
            if row[name] is msgspec.UNSET:
                del row[name]
        if (details := row.get("details")) is not None:
            copied = bytes(details)  # not a view, which would keep the whole answer alive
            row["details"] = None if copied == b"null" else copied
        return row

    def _learn(self, value: object) -> None:
        rows = value.get("data") if isinstance(value, dict) else None
        keys = [row.keys() for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        if not keys:
            return
        common = set(keys[0]).intersection(*keys)
        names = dict(self._names)
        for name in [*names, *(name for row in keys for name in row)]:
            names[name] = name in common and names.get(name, not self._names)
        if len(names) <= MOST_NAMES and all(_is_plain(name) for name in names):
            self._names = names
            self._sometimes = [name for name, always in names.items() if not always]
            self._decode = _make_decoder(names)


def parse_details(details: bytes) -> object:
    """The value of details that were left as bytes. Unreadable where they are no sound JSON."""
    try:
        return _exact_decoder().decode(details)
    except (msgspec.MsgspecError, ArithmeticError):
        problem = "not JSON, or a number that is out of range"
    except RecursionError:
        problem = "nested too deeply"
    raise Unreadable(problem)


@cache
def _exact_decoder() -> "msgspec.json.Decoder[object]":
    return msgspec.json.Decoder(float_hook=Decimal)


def whole(row: object) -> object:
    """The row with its details parsed, as far as they can be."""
    if isinstance(row, dict) and isinstance(details := row.get("details"), bytes):
        with suppress(Unreadable):
            return {**row, "details": parse_details(details)}
    return row


def _is_plain(name: str) -> bool:
    """Whether a key can be the name of a field."""
    return name.isidentifier() and not iskeyword(name) and not name.startswith("_")


def _make_decoder(names: dict[str, bool]) -> Callable[[bytes], Any]:
    fields: list[Any] = []
    for name, always in names.items():
        kind = msgspec.Raw if name == "details" else object
        fields.append((name, kind) if always else (name, kind, msgspec.UNSET))
    row = msgspec.defstruct("Row", fields, forbid_unknown_fields=True, kw_only=True, gc=False)
    members: list[Any] = [("data", list[row]), ("code", object, None), ("meta", object, None)]  # type: ignore[valid-type] # made at run time
    answer = msgspec.defstruct("ListAnswer", members, forbid_unknown_fields=True)
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(answer, float_hook=Decimal).decode
    return decode
