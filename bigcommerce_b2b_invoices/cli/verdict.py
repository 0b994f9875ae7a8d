"""What the shell gets for an exception: one line, and an exit code."""

import errno

from cyclopts import CycloptsError

from bigcommerce_b2b_invoices import APIError, B2BError, ConfigurationError

FAILED, BAD_USAGE, IN_PART, BAD_FINDING, INTERRUPTED = 1, 2, 3, 4, 130
_BAD_PATHS = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
_BAD_NAMES = (errno.EINVAL, errno.ENAMETOOLONG)


def exit_code(error: BaseException) -> int:
    """2 if the user must change something, 130 for Ctrl-C, 1 for everything else."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, OSError) and error.filename and error.errno in _BAD_NAMES:
        return BAD_USAGE
    return BAD_USAGE if isinstance(error, (CycloptsError, ConfigurationError, *_BAD_PATHS)) else FAILED


def is_foreseen(error: BaseException) -> bool:
    """Whether the line says enough. If not, the exception is a bug in this program."""
    return isinstance(error, KeyboardInterrupt | B2BError | CycloptsError | OSError)


def error_text(error: BaseException) -> str:
    """What happened, in words for a person. No error of the library holds a credential."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, APIError):
        fields = {field: " ".join(texts) for field, texts in error.field_errors.items()}
        hints = [f"{field}: {text}" for field, text in fields.items() if text not in error.message]
        if error.status == 500:
            hints.append("a wrong BIGCOMMERCE_STORE_HASH gets the same answer")
        return "; ".join([str(error), *hints])
    if isinstance(error, B2BError | CycloptsError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    return f"unexpected {type(error).__name__}: {error} (--verbose shows where)"
