"""One line for each thing that a command was asked to do: `create`, `update`, `delete` and `pdf`."""

import sys
from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from bigcommerce_b2b_invoices import B2BError, OutcomeUnknownError
from bigcommerce_b2b_invoices.cli.output import Output, print_record
from bigcommerce_b2b_invoices.cli.streams import let_go_of_stdout
from bigcommerce_b2b_invoices.cli.text import complain, printable
from bigcommerce_b2b_invoices.cli.verdict import FAILED, IN_PART, error_text

Verdict: TypeAlias = Literal["done", "failed", "unknown", "skipped"]


@attrs.define
class Outcomes:
    """Prints one line for each outcome, and knows the exit code of all of them.

    Attributes:
        good: How many were done or skipped.
        bad: How many failed, or are unknown.
    """

    _output: Output
    good: int = 0
    bad: int = 0
    _is_unread: bool = False

    def tell(
        self,
        outcome: Verdict,
        *,
        line: int | None = None,
        invoice_id: int | None = None,
        invoice_number: str | None = None,
        error: Exception | None = None,
    ) -> None:
        """Print one outcome on stdout, and its error on stderr.

        Args:
            outcome: What became of it; "unknown" means that a write may or may not have happened.
            line: The line of the input, counted from 1; None for input that has no lines.
            invoice_id: The invoice, if known.
            invoice_number: Its number, if known.
            error: Why it failed or is unknown.
        """
        if outcome in ("done", "skipped"):
            self.good += 1
        else:
            self.bad += 1
        told = error.to_dict() if isinstance(error, B2BError) else None if error is None else _plain(error)
        record: dict[str, object] = {
            "line": line, "id": invoice_id, "invoice_number": invoice_number, "outcome": outcome, "error": told
        }  # fmt: skip
        if not self._is_unread:
            try:
                self._print(record)
                sys.stdout.flush()
            except BrokenPipeError:  # whoever read has gone: the work goes on, and the exit code tells of it
                self._is_unread = True
                let_go_of_stdout()
        if error is not None:
            complain(f"error: {'' if line is None else f'line {line}: '}{error_text(error)}")

    def _print(self, record: Mapping[str, object]) -> None:
        if self._output.json:
            print_record(record)
            return
        cells = [record[name] for name in ("line", "id", "invoice_number", "outcome")]
        sys.stdout.write("\t".join("" if cell is None else printable(str(cell)) for cell in cells) + "\n")

    @property
    def exit_code(self) -> int:
        """0 if all went well, 1 if nothing did, 3 if a part did."""
        if not self.bad:
            return 0
        return IN_PART if self.good else FAILED


def verdict_of(error: Exception) -> Verdict:
    """The outcome of a failed write: "unknown" if it may have happened, otherwise "failed"."""
    return "unknown" if isinstance(error, OutcomeUnknownError) else "failed"


def _plain(error: Exception) -> dict[str, object]:
    return {"type": type(error).__name__, "message": str(error)}
