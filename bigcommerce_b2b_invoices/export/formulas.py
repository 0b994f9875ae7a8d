"""Texts that no spreadsheet reads as a formula (CWE-1236).

A spreadsheet may split a row at `,` `;` tab `|` or a line break, whatever the delimiter of the file is. So a text is made safe
after each of these, not only at its start: an apostrophe goes before a character that begins a formula, also if spaces and quotes
stand between. Plain numbers such as -5.00 are left alone. `bare` takes the apostrophes off again.
"""

import re
from collections.abc import Iterator

SEPARATORS = frozenset(",;|\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_STARTS = re.compile(
    "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
)  # the last four are full-width; some spreadsheets take them for the others
_CONTROL = re.compile(r"('*)[\t\r\n\0]")  # a text that begins with one may lose it, and then begin with what follows
_NUMBER = re.compile(r"[+-][0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)? *(?:$|[,;|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029])")
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def safe(text: str) -> str:
    """The text with an apostrophe before each character that would begin a formula."""
    places = [place for place in _places(text) if text[place - 1 : place] == "'" or not _NUMBER.match(text, place)]
    if control := _CONTROL.match(text):
        places.insert(0, control.end(1))
    return "'".join(text[begin:end] for begin, end in zip([0, *places], [*places, None], strict=True)) if places else text


def bare(text: str) -> str:
    """The text without the apostrophes that `safe` put into it."""
    places = [place for place in _places(text) if text[place - 1 : place] == "'"]
    if (control := _CONTROL.match(text)) and control[1]:
        places.insert(0, control.end(1))
    begins = [0, *places]
    ends = [*(place - 1 for place in places), len(text)]
    return "".join(text[begin:end] for begin, end in zip(begins, ends, strict=True))


def safe_json(text: str) -> str:
    r"""The same JSON, with an escape such as `\u003d` for each character that would begin a formula."""
    return _JSON_STRING.sub(lambda found: _escaped(found[0]), text)


def _escaped(text: str) -> str:
    for place in reversed([*_places(text)]):
        text = f"{text[:place]}\\u{ord(text[place]):04x}{text[place + 1 :]}"
    return text


def _places(text: str) -> Iterator[int]:
    """Where a character stands that would begin a formula: after a separator, with nothing but spaces and quotes between."""
    for found in _STARTS.finditer(text):
        place = before = found.start()
        while before and (text[before - 1] in "\"'\0" or text[before - 1].isspace()) and text[before - 1] not in SEPARATORS:
            before -= 1
        if before == 0 or text[before - 1] in SEPARATORS:
            yield place
