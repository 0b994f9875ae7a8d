"""A client, the store that it talks to, and witnesses of all that it says and leaves behind."""

import asyncio
import contextlib
import io
import logging
import pickle
import tempfile
import traceback
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import attrs
from faults.answers import CAP
from faults.network import Place, Unreachable
from faults.store import StoreServer
from scripted_server import ScriptedServer, raw

from bigcommerce_b2b_invoices import Attempt, B2BClient, RateLimiter, RetryPolicy, Timeout
from bigcommerce_b2b_invoices.transport import download, retry, transport

CANARY = "canary-4f1d9c7e2b"
IMPATIENT = Timeout(connect=0.15, read=0.15, total=0.25)  # for faults that are over only when the client gives up
PATIENT = Timeout(connect=5.0, read=5.0, total=10.0)  # for the others, so that a busy machine is no fault
RETRY = RetryPolicy(attempts=2, base_delay=0.0)


@attrs.define
class Witness:
    """All that the process said while the operation ran."""

    said: io.StringIO = attrs.field(factory=io.StringIO)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Write down logs of every level, warnings, and what is printed."""
        handler = logging.StreamHandler(self.said)
        handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)r"))
        root, ours = logging.getLogger(), logging.getLogger("bigcommerce_b2b_invoices")
        levels = root.level, ours.level
        root.addHandler(handler)
        for logger in (root, ours):
            logger.setLevel(logging.DEBUG)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with contextlib.redirect_stdout(self.said), contextlib.redirect_stderr(self.said):
                yield
        root.removeHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        self.said.write("".join(f"{warning.category} {warning.message}" for warning in caught))

    def hear(self, error: BaseException) -> None:
        """Everything that a log, a debugger or another process can show of an error."""
        shown = traceback.TracebackException.from_exception(error, capture_locals=True, compact=False)
        self.said.write("".join(shown.format()) + repr(error) + str(error) + repr(vars(error)))
        self.said.write(pickle.dumps(error).decode("latin-1") + repr(pickle.loads(pickle.dumps(error))))  # noqa: S301 - our own


@attrs.define
class Stage:
    """A client of a store, with everything that is watched."""

    store: StoreServer
    elsewhere: ScriptedServer
    client: B2BClient
    attempts: list[Attempt]
    folder: Path
    witness: Witness = attrs.field(factory=Witness)

    def leased(self) -> int:
        """Connections of the client's session that are in use."""
        session = self.client._transport.session or self.client._transport.state.own_session
        return len(session.connector._acquired) if session and session.connector else 0


@asynccontextmanager
async def staged(timeout: Timeout = PATIENT, place: Unreachable | None = None) -> AsyncIterator[Stage]:  # noqa: ASYNC109 - a setting
    """A client of a store, or of a place where the store cannot be reached."""
    attempts: list[Attempt] = []
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(StoreServer())
        elsewhere = await stack.enter_async_context(ScriptedServer([raw(b"")]))
        found = await place.enter(stack, store) if place else Place(store.base_url)
        client = await stack.enter_async_context(B2BClient(
            store_hash="abc123", auth_token=CANARY, base_url=found.base_url, session=found.session, timeout=timeout,
            retry=RETRY, rate_limiter=RateLimiter(10_000, 60.0, max_wait=5.0), on_attempt=attempts.append,
        ))  # fmt: skip
        client._transport.sleep = _at_once
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        yield Stage(store, elsewhere, client, attempts, Path(folder))


async def _at_once(_seconds: float) -> None:
    """Back-off and settling that take no time."""
    await asyncio.sleep(0)


@contextmanager
def in_small() -> Iterator[None]:
    """The largest answer and the largest file taken are CAP bytes; a lost write is looked for once more, and not six times."""
    before = transport.MAX_BODY, download.MAX_FILE, retry.LOOKS
    transport.MAX_BODY = download.MAX_FILE = CAP
    retry.LOOKS = 1
    try:
        yield
    finally:
        transport.MAX_BODY, download.MAX_FILE, retry.LOOKS = before
