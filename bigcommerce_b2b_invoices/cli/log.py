"""The library's log on stderr, for --verbose."""

import logging

from bigcommerce_b2b_invoices.cli.text import masked

logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")
_NAME = "b2b-invoices"


class _Masking(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def show_log() -> None:
    """Show every line from now on."""
    handler = logging.StreamHandler()
    handler.name = _NAME
    handler.setFormatter(_Masking("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def hide_log() -> None:
    """Put the logger back as it was."""
    for handler in [handler for handler in logger.handlers if handler.name == _NAME]:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
