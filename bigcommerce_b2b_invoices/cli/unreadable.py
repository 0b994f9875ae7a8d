"""Invoices that cannot be read: a command names each on stderr, leaves it out and goes on with the others."""

from bigcommerce_b2b_invoices import DecodeError
from bigcommerce_b2b_invoices.cli.text import complain
from bigcommerce_b2b_invoices.cli.verdict import IN_PART


class Unreadable:
    """Receives the errors of a walk; see `on_unreadable` of `iterate`.

    Attributes:
        count: How many invoices were left out so far.
    """

    def __init__(self) -> None:
        self.count: int = 0

    def __call__(self, error: DecodeError) -> None:
        """Name one invoice on stderr, and count it."""
        self.count += 1
        complain(f"error: {error}; this invoice was left out")

    @property
    def exit_code(self) -> int:
        """0 if every invoice could be read; otherwise 3, because the command did only part of its job."""
        return IN_PART if self.count else 0
