"""The command line, `b2b-invoices`: needs `pip install 'bigcommerce-b2b-invoices[cli]'`."""

import sys

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 means success, 1 failure, 2 bad usage or settings, and 3 that a command did part of its job: it left out invoices that
    cannot be read, some of its lines failed, or its file or list may lack rows. 4 means that it did its job and found something
    bad. 128 + n means that signal n stopped it, such as 130 for Ctrl-C.

    Args:
        argv: The arguments, without the program's name. None means the arguments of the process.
    """
    try:
        from bigcommerce_b2b_invoices.cli.program import run  # noqa: PLC0415 - a missing package then costs one line
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("cyclopts", "rich"):
            raise
        sys.stderr.write("error: the command line needs more packages: pip install 'bigcommerce-b2b-invoices[cli]'\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return run(sys.argv[1:] if argv is None else argv)
