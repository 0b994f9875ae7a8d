"""Finds the exceptions that the caller's own code raised inside aiohttp, such as a trace hook of their session.

The class of an exception does not tell who raised it: a hook may raise a TimeoutError as well. Its traceback does. An exception
is the caller's in two cases:

- Its traceback passes through `aiohttp.tracing`, which does nothing but call hooks. aiohttp may have wrapped it since, so the
  exceptions that it names as its causes are checked too.
- Its class is neither aiohttp's nor an OSError, and the innermost frame outside the standard library belongs to none of the
  packages that send a request. This covers resolvers, cookie jars, request and response classes. What they raise as an OSError
  counts as a failure of the network, because that is how aiohttp asks them to report one.
"""

import sys
from types import TracebackType

import aiohttp

HOOKS = "aiohttp.tracing"
SENDERS = frozenset(sys.stdlib_module_names) | {
    "aiohappyeyeballs",
    "aiohttp",
    "aiosignal",
    "bigcommerce_b2b_invoices",
    "frozenlist",
    "idna",
    "multidict",
    "propcache",
    "uvloop",
    "winloop",
    "yarl",
}


class CallersError(Exception):
    """Carries an exception of the caller's code past everything that handles the errors of a request.

    Attributes:
        error: The exception to raise in the end, as it is.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def find_callers(error: Exception) -> Exception | None:
    """The exception of the caller's code behind this exception; None if aiohttp or the network is its origin."""
    link: BaseException | None = error
    while isinstance(link, Exception):
        if HOOKS in _modules(link.__traceback__):
            return link
        link = link.__cause__
    if isinstance(error, aiohttp.ClientError | OSError):
        return None
    modules = [name.partition(".")[0] for name in _modules(error.__traceback__)]
    ours = [name for name in modules if name not in sys.stdlib_module_names]
    return error if ours and ours[-1] not in SENDERS else None


def _modules(traceback: TracebackType | None) -> list[str]:
    """The names of the modules that the exception passed through, the innermost last."""
    names = []
    while traceback is not None:
        names.append(str(traceback.tb_frame.f_globals.get("__name__")))
        traceback = traceback.tb_next
    return names
