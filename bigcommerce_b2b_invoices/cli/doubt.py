"""What a command says if the API may have more rows than it sent."""

from bigcommerce_b2b_invoices import WalkReport
from bigcommerce_b2b_invoices.cli.text import say
from bigcommerce_b2b_invoices.cli.verdict import IN_PART

TIES = "the API can list several rows in any order, and rows may have moved between its pages"


def file_code(report: WalkReport) -> int:
    """0 if the walk proved that a file holds every row; otherwise 3, and a warning on stderr."""
    return _code("the walk could not prove that the file holds every invoice", report)


def report_code(report: WalkReport) -> int:
    """0 if the walk proved that a report is of every invoice; otherwise 3, and a warning on stderr."""
    return _code("the report may lack invoices", report)


def books_code(payments: WalkReport, invoices: WalkReport) -> int:
    """0 if both walks proved that they read everything; otherwise 3, and a warning on stderr for each that did not."""
    return max(
        _code("disagreements may be missing, because the list of payments may lack rows", payments),
        _code("disagreements may be missing, because the list of invoices may lack rows", invoices),
    )


def list_code(report: WalkReport) -> int:
    """3 and a warning on stderr if a list that was read to its end shows a sign of missing rows, otherwise 0.

    Unlike a file, a list does not claim to hold every row: an order that proves nothing is not a sign by itself.
    """
    if report.guarantee == "complete" or not report.anomalies:
        return 0
    return _code("the list may lack rows", report)


def _code(doubt: str, report: WalkReport) -> int:
    if report.guarantee == "complete":
        return 0
    say(f"warning: {doubt}: {'; '.join(report.anomalies) or TIES}")
    return IN_PART
