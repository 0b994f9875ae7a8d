"""A table that fits: it leaves columns out, and shortens texts, but never cuts or wraps an id, an amount or a date.

If the terminal is too narrow even for the most important column, each row becomes some lines, one for each field.
"""

from collections.abc import Sequence
from typing import TypeAlias

import attrs
from rich.cells import cell_len

Rows: TypeAlias = Sequence[Sequence[str]]

GAP = 2  # spaces between two columns
SHORTEST = 8  # cells that a text keeps


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        name: The header; may be empty.
        is_text: Whether a cell may be shortened. All others are shown whole or not at all.
        is_number: Whether cells stand at the right.
        rank: Columns with a higher rank are left out first; 0 is never left out.
    """

    name: str
    is_text: bool = False
    is_number: bool = False
    rank: int = 9


@attrs.frozen
class Layout:
    """What fits.

    Attributes:
        shown: The index of each column that is shown, with its width in cells.
        left_out: The names of the others.
    """

    shown: tuple[tuple[int, int], ...]
    left_out: tuple[str, ...] = ()


def layout(columns: Sequence[Column], rows: Rows, width: int) -> Layout | None:
    """Which columns fit into a width, and how wide each is; None if not even the most important ones do."""
    natural = [max([cell_len(column.name), *(cell_len(row[index]) for row in rows)]) for index, column in enumerate(columns)]
    least = [
        min(natural[index], max(SHORTEST, cell_len(column.name))) if column.is_text else natural[index]
        for index, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    while _total(least, shown) > width:
        dropped = max(shown, key=lambda index: (columns[index].rank, index))
        if columns[dropped].rank == 0:
            return None
        shown.remove(dropped)
    widths = {index: least[index] for index in shown}
    spare = width - _total(least, shown)
    for index in shown:  # texts get what is left, the first ones first
        more = min(spare, natural[index] - widths[index])
        widths[index] += more
        spare -= more
    out = tuple(column.name for index, column in enumerate(columns) if index not in widths and column.name)
    return Layout(tuple((index, widths[index]) for index in shown), out)


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[index] for index in shown) + GAP * (len(shown) - 1)
