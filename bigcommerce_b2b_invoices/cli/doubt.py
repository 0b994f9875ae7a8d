"""What a command says if the API may have more rows than it sent."""

from bigcommerce_b2b_invoices import WalkReport
from bigcommerce_b2b_invoices.cli.text import say
from bigcommerce_b2b_invoices.cli.verdict import IN_PART

TIES = "the API can list several rows in any order, and rows may have moved between its pages"


def file_code(report: WalkReport) -> int:
    """0 if the walk proved that a file holds every row; otherwise 3, and a warning on stderr."""
    if report.guarantee == "complete":
        return 0
    say(f"warning: the walk could not prove that the file holds every invoice: {'; '.join(report.anomalies) or TIES}")
    return IN_PART


def list_code(report: WalkReport) -> int:
    """3 and a warning on stderr if a list that was read to its end shows a sign of missing rows, otherwise 0.

    Unlike a file, a list does not claim to hold every row: an order that proves nothing is not a sign by itself.
    """
    if report.guarantee == "complete" or not report.anomalies:
        return 0
    say(f"warning: the list may lack rows: {'; '.join(report.anomalies)}")
    return IN_PART
