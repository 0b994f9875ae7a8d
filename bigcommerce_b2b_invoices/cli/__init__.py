"""The command line, `b2b-invoices`: needs `pip install 'bigcommerce-b2b-invoices[cli]'`."""

import sys

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 failed, 2 bad usage or settings, 130 Ctrl-C, 143 SIGTERM.

    Args:
        argv: The arguments without the program's name; None: those of the process.
    """
    try:
        from bigcommerce_b2b_invoices.cli.program import run  # noqa: PLC0415 - so that a missing package is one line
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("cyclopts", "rich"):
            raise
        sys.stderr.write("error: the command line needs more packages: pip install 'bigcommerce-b2b-invoices[cli]'\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return run(sys.argv[1:] if argv is None else argv)
