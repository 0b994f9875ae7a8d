"""A copy of the invoices in SQLite or PostgreSQL: needs `pip install 'bigcommerce-b2b-invoices[mirror]'`, or `[postgres]`."""

from bigcommerce_b2b_invoices.mirror.errors import DatabaseUnavailableError, MassDeletionError, MirrorError, MirrorInUseError
from bigcommerce_b2b_invoices.mirror.mirror import Mirror
from bigcommerce_b2b_invoices.mirror.report import MirrorReport

__all__ = [
    "DatabaseUnavailableError",
    "MassDeletionError",
    "Mirror",
    "MirrorError",
    "MirrorInUseError",
    "MirrorReport",
]
