"""What a format is, and what writes its file."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import attrs

from bigcommerce_b2b_invoices.files import PartFile

Row = TypeVar("Row")
Row_contra = TypeVar("Row_contra", contravariant=True)


class Sink(Protocol[Row_contra]):
    """Writes one file. Its methods run in a thread, one after another."""

    def write(self, row: Row_contra) -> None:
        """Write one row, or buffer it."""

    def finish(self) -> None:
        """Write the rest of the file, such as buffers and a footer. Called once, after every row was written."""

    def close(self) -> None:
        """Release everything. Called once at the end, after `finish` or after a failure."""


@attrs.frozen(kw_only=True)
class Style:
    """How to write the rows.

    Attributes:
        columns: Names of columns, in the order of the file; None: all of them. JSON Lines has no columns.
        bom: Begin a CSV file with a byte order mark, which makes Excel read it as UTF-8.
        delimiter: What stands between two cells of a CSV file: `,`, `;`, a tab or `|`.
    """

    columns: Sequence[str] | None = None
    bom: bool = False
    delimiter: str = ","


@attrs.frozen
class Format(Generic[Row]):
    """A kind of file.

    Attributes:
        open: Makes the sink for a file. It imports the library that it needs; if that is missing, it raises a ConfigurationError
            that names the extra.
        check: Raises a ConfigurationError if the style does not suit the format. It writes nothing.
        is_resumable: Whether a file that was interrupted can be continued, because a row is some bytes at the end of the file.
    """

    open: Callable[[PartFile, Style], Sink[Row]]
    check: Callable[[Style], None]
    is_resumable: bool = False
