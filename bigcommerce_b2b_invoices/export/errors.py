"""What can go wrong with an export itself. Errors of the store are raised as they are."""

from bigcommerce_b2b_invoices import B2BError


class UnfitError(B2BError):
    """A value that the format of the file cannot hold. It is never rounded, cut or left out instead, and no file appears.

    Attributes:
        invoice_id: The invoice that holds the value.
        column: Where it stands, such as `open_balance` or `line_items[0].quantity`.
        problem: Why the format cannot hold it.
    """

    def __init__(self, invoice_id: int, column: str, problem: str) -> None:
        super().__init__(f"invoice {invoice_id}: {column} {problem}; a .jsonl or .csv file can hold it")
        self.invoice_id: int = invoice_id
        self.column: str = column
        self.problem: str = problem

    def __reduce__(self) -> tuple[type["UnfitError"], tuple[int, str, str]]:
        return type(self), (self.invoice_id, self.column, self.problem)


class Unfit(ValueError):  # noqa: N818 - a signal inside `export`, which becomes an UnfitError
    """A value does not fit.

    Attributes:
        problem: Why.
        column: Where, if that is known.
    """

    def __init__(self, problem: str, column: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.column = column
