"""The commands that write invoices from a file: `create` and `update`."""

import asyncio
import hashlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Context, Decimal
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, Generic, Literal, TypeVar

import attrs
from cyclopts import Parameter

from bigcommerce_b2b_invoices import (
    B2BClient,
    B2BError,
    ConfigurationError,
    Invoice,
    InvoiceDraft,
    InvoiceNumberTakenError,
    NotFoundError,
    bulk,
    to_json,
)
from bigcommerce_b2b_invoices.cli.asking import read_input
from bigcommerce_b2b_invoices.cli.import_rows import Change, Format, Line, LineError, changes, digest_of, drafts, ignored_columns
from bigcommerce_b2b_invoices.cli.journal import Journal, Noted, open_journal
from bigcommerce_b2b_invoices.cli.outcomes import Outcomes, Verdict, verdict_of
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output
from bigcommerce_b2b_invoices.cli.paths import STANDARD, PathOrStandard
from bigcommerce_b2b_invoices.cli.progress import progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import complain, say

T = TypeVar("T")

TOLD = 20  # bad lines that are named
CONCURRENCY = 8
EXACT = Context(prec=10_000)  # digits: no amount is rounded
_MAYBE_EDITED = (
    "invoice {} has the number {!r}, and an earlier run may have made it from this line, which had other content then; nothing "
    "was sent. Use `update` to change that invoice, or give this line a new invoice number to make another"
)


@Parameter(name="*", group="Input")
@attrs.frozen(kw_only=True)
class InputOptions:
    """How to read the input, and what to do with it.

    Attributes:
        dry_run: Check everything, but write nothing. Only reads are sent.
        format: The format of standard input.
        journal: Where to note what was done, so that a second run can continue. The default is FILE.journal beside the file.
            Standard input has no journal unless you name one.
    """

    dry_run: bool = False
    format: Literal["jsonl", "csv"] | None = None
    journal: Path | None = None


DEFAULT = InputOptions()


@attrs.frozen
class Done:
    """What became of a line."""

    outcome: Verdict
    invoice_id: int | None = None
    error: B2BError | None = None


@attrs.define
class Earlier:
    """What earlier runs did with a line, and the way to go on.

    Attributes:
        is_unknown: Whether an earlier run may have written it.
        is_edited: Whether that run sent something else than the line says now.
        is_begun: Whether this run has begun to write it.
    """

    is_unknown: bool
    is_edited: bool
    _note: Callable[[], Awaitable[None]]
    is_begun: bool = False

    async def begin(self) -> None:
        """Note on the disk that the line is sent. Call this right before the write."""
        await self._note()
        self.is_begun = True


async def create_invoices(
    file: PathOrStandard,
    /,
    *,
    options: InputOptions = DEFAULT,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Create the invoices of a file, each at most once, however often the command is run.

    The file is JSON Lines (.jsonl, the keys of the API) or CSV (.csv, the columns of an export; an empty cell means that nothing
    is given). Everything is checked first: if a line cannot be read, nothing is sent. The command prints one line for each
    invoice, with tabs between four fields: line number, id, invoice number and outcome. It notes in FILE.journal what it did.
    After any stop, run the same command again: it first settles the lines whose outcome is unknown, and skips those that are
    done. If you edit a line after its invoice was created, that line fails: the error names the invoice, and the command sends
    nothing for the line.

    For example:

        b2b-invoices create new.jsonl --dry-run

        b2b-invoices create new.csv --json

        generate | b2b-invoices create - --format jsonl --journal new.journal

    Args:
        file: The file to read. A single - means standard input.
        options: How to read it.
        output: What to print.
        settings: Where to connect.
    """
    return await _Import(
        command="create",
        read=drafts,
        key=_number_of,
        content=_content_of,
        number=_number_of,
        invoice_id=lambda _line: None,
        write=_create,
        check=_can_create,
    ).run(file, options, output, settings)


async def update_invoices(
    file: PathOrStandard,
    /,
    *,
    options: InputOptions = DEFAULT,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Change the invoices of a file.

    A line of JSON has the id of an invoice and what to change: `{"id": 1041, "openBalance": {"code": "USD", "value": "0"}}`. A
    row of CSV has the columns of an export; an empty cell leaves a field as it is. The command ignores columns that it cannot
    write. Like `create`, it checks everything first, and notes in FILE.journal what it did. Lines about one invoice are sent in
    their order.

    For example:

        b2b-invoices export paid.csv --columns id,open_balance,open_balance_currency

        b2b-invoices update paid.csv --dry-run

    Args:
        file: The file to read. A single - means standard input.
        options: How to read it.
        output: What to print.
        settings: Where to connect.
    """
    return await _Import(
        command="update",
        read=changes,
        key=lambda line: f"{line.digest}:{line.nth}",  # not its number: that changes if a line above it is deleted
        content=lambda line: line.digest,
        number=lambda _line: None,
        invoice_id=lambda line: line.value.invoice_id,
        write=_InOrder().update,
        check=_can_update,
    ).run(file, options, output, settings)


# ---- one run -------------------------------------------------------------------------------------------------------------


@attrs.define
class _Import(Generic[T]):
    """Reads the input twice: to check it, and to send it."""

    command: Literal["create", "update"]
    read: Callable[[BinaryIO, Format], Iterator[Line[T] | LineError]]
    key: Callable[[Line[T]], str]
    content: Callable[[Line[T]], str]
    number: Callable[[Line[T]], str | None]
    invoice_id: Callable[[Line[T]], int | None]
    write: Callable[[B2BClient, Line[T], Earlier], Awaitable[Done]]
    check: Callable[[B2BClient, Line[T]], Awaitable[Done]]

    async def run(self, path: Path, options: InputOptions, output: Output, settings: Settings) -> int:
        form = _format(path, options.format)
        with _opened(path) as file:
            if path == STANDARD:
                await _spool(file)
            count = self._check_all(file, form)
            ignored = ignored_columns(file, form, update=self.command == "update")
            if ignored:
                say(f"columns that {self.command} does not write: {', '.join(ignored)}")
            async with connect(settings) as connection:
                client = connection.client
                journal_path, dry_run = self._journal_path(path, options), options.dry_run
                with open_journal(journal_path, command=self.command, store_hash=client.store_hash, dry_run=dry_run) as journal:
                    journal.forget_done(self._outdated(journal, file, form))
                    try:
                        act = self._checker(client, journal) if dry_run else self._writer(client, journal)
                        return await self._send(act, self._lines(file, form), count, Outcomes(output))
                    except BaseException:
                        if journal_path is not None and not dry_run:
                            complain(f"{journal_path} knows which lines were sent: run the same command again to go on")
                        raise

    def _check_all(self, file: BinaryIO, form: Format) -> int:
        """How many lines there are. Raises a ConfigurationError if any is wrong."""
        seen: dict[bytes, int] = {}
        wrong: list[str] = []
        count = 0
        for line in self.read(file, form):
            if isinstance(line, LineError):
                wrong.append(str(line))
                continue
            count += 1
            number = self.number(line)
            if number is not None:
                first = seen.setdefault(hashlib.blake2b(number.encode(), digest_size=16).digest(), line.number)
                if first != line.number:
                    wrong.append(f"line {line.number}: invoice number {number!r} is on line {first} as well")
        for text in wrong[: TOLD if len(wrong) > 1 else 0]:
            complain(f"error: {text}")
        if len(wrong) == 1:
            raise ConfigurationError(f"{wrong[0]}; nothing was sent")
        if wrong:
            raise ConfigurationError(f"{len(wrong)} lines are wrong; nothing was sent")
        return count

    def _journal_path(self, path: Path, options: InputOptions) -> Path | None:
        if options.journal is not None and options.journal.exists() and path.exists() and options.journal.samefile(path):
            raise ConfigurationError("--journal names the input: the journal needs a file of its own")
        if options.journal is not None or path == STANDARD:
            return options.journal
        return path.with_name(f"{path.name}.journal")

    async def _send(
        self, act: Callable[[Line[T]], Awaitable[Done]], lines: AsyncIterator[Line[T]], count: int, outcomes: Outcomes
    ) -> int:
        with progress(as_lines=True) as report:
            async for outcome in bulk.run(act, lines, concurrency=CONCURRENCY, ordered=True):
                line, done = outcome.item, outcome.result
                if done is None:
                    raise outcome.error or AssertionError
                number = self.number(line)
                outcomes.tell(done.outcome, line=line.number, invoice_id=done.invoice_id, invoice_number=number, error=done.error)
                report(outcomes.good + outcomes.bad, count)
        return outcomes.exit_code

    async def _lines(self, file: BinaryIO, form: Format) -> AsyncIterator[Line[T]]:
        for line in self.read(file, form):
            if isinstance(line, LineError):
                raise ConfigurationError(f"the input was changed meanwhile: {line}")
            yield line

    def _outdated(self, journal: Journal, file: BinaryIO, form: Format) -> Iterator[str]:
        """The keys of lines that were written, but do not stand any more: something else of their invoice was written after them.

        So of an invoice, the last keys that the journal holds must be the first ones of the input.
        """
        written = journal.written() if self.command == "update" else {}
        wanted: dict[int, list[str]] = {}
        for line in self.read(file, form) if written else ():
            if not isinstance(line, LineError) and (invoice_id := self.invoice_id(line)) in written:
                wanted.setdefault(invoice_id, []).append(self.key(line))
        for invoice_id, keys in wanted.items():
            known = set(keys)
            last = list(takewhile(known.__contains__, reversed(written[invoice_id])))[::-1]
            yield from keys[len(last) :] if last == keys[: len(last)] else keys

    def _checker(self, client: B2BClient, journal: Journal) -> Callable[[Line[T]], Awaitable[Done]]:
        """Sends only reads."""

        async def check(line: Line[T]) -> Done:
            noted = journal.noted(self.key(line))
            if noted.state == "done" and noted.is_other(self.content(line)):
                return _edited(noted.invoice_id)
            try:
                return await self.check(client, line)
            except B2BError as error:
                return Done("failed", self.invoice_id(line), error)

        return check

    def _writer(self, client: B2BClient, journal: Journal) -> Callable[[Line[T]], Awaitable[Done]]:
        """Writes a line, unless the journal says that it is done, and notes it."""

        async def write(line: Line[T]) -> Done:
            key, content, invoice_id = self.key(line), self.content(line), self.invoice_id(line)
            noted = journal.noted(key)
            is_edited = noted.is_other(content)
            if noted.state == "done":
                return _edited(noted.invoice_id) if is_edited else Done("skipped", noted.invoice_id)
            earlier = Earlier(noted.state == "sent", is_edited, lambda: journal.note(key, Noted("sent", invoice_id, content)))
            try:
                done = await self.write(client, line, earlier)
            except B2BError as error:
                done = Done(verdict_of(error), invoice_id, error)
            if done.error is None:
                await journal.note(key, Noted("done", done.invoice_id, content))
            elif done.outcome == "failed" and earlier.is_begun:
                await journal.note(key, Noted("failed", invoice_id, content))
            return done

        return write


def _edited(invoice_id: int | None) -> Done:
    where = "an invoice" if invoice_id is None else f"invoice {invoice_id}"
    return Done(
        "failed",
        invoice_id,
        B2BError(
            f"an earlier run already made {where} from this line, which had other content then; nothing was sent. "
            "Use `update` to change that invoice, or give this line a new invoice number to make another"
        ),
    )


def _format(path: Path, given: Format | None) -> Format:
    if path == STANDARD:
        if given is None:
            raise ConfigurationError("standard input needs --format jsonl or --format csv")
        return given
    if given is not None:
        raise ConfigurationError("--format is for standard input (-): the ending of the path sets the format of a file")
    endings: dict[str, Format] = {".jsonl": "jsonl", ".csv": "csv"}
    if path.suffix.lower() not in endings:
        raise ConfigurationError(f"no input has the ending of {path.name!r}: use {' or '.join(endings)}")
    return endings[path.suffix.lower()]


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The input, which can be read twice."""
    if path != STANDARD:
        if path.exists() and not path.is_file():
            raise ConfigurationError(f"{path} is not a plain file: use - to read standard input")
        with path.open("rb") as file:
            yield file
        return
    if sys.stdin is None:
        raise ConfigurationError("there is no standard input to read")
    with tempfile.TemporaryFile() as spooled:
        yield spooled


async def _spool(file: BinaryIO) -> None:
    """Copy standard input to a file. A signal ends the command even if nobody writes to it."""
    while block := await read_input():
        file.write(block)
    file.flush()


# ---- create --------------------------------------------------------------------------------------------------------------


def _number_of(line: Line[InvoiceDraft]) -> str:
    return line.value.invoice_number


def _content_of(line: Line[InvoiceDraft]) -> str:
    """A hash of what the line says, however it is written: 120.50 is 120.5, and the order of keys or columns does not count."""
    fields = json.loads(to_json(line.value), parse_float=_amount, parse_int=_amount)
    return digest_of(json.dumps(fields, sort_keys=True))


def _amount(text: str) -> str:
    return str(EXACT.normalize(Decimal(text)))


async def _create(client: B2BClient, line: Line[InvoiceDraft], earlier: Earlier) -> Done:
    draft = line.value
    if earlier.is_unknown:  # an earlier run may have made it: look before sending
        try:
            found = await client.invoices.find(draft.invoice_number)
        except B2BError as error:
            return Done("unknown", error=error)
        if found is not None and earlier.is_edited:
            return Done("failed", found.id, B2BError(_MAYBE_EDITED.format(found.id, draft.invoice_number)))
        if found is not None:
            if _is_of(found, draft):
                return Done("done", found.id)
            return Done("failed", error=B2BError(f"another invoice has the number {draft.invoice_number!r}: {found.id}"))
    await earlier.begin()
    try:
        return Done("done", await client.invoices.create(draft))
    except InvoiceNumberTakenError as taken:
        if taken.is_same and len(taken.invoice_ids) == 1:
            return Done("skipped", taken.invoice_ids[0])  # an earlier run made it
        raise


async def _can_create(client: B2BClient, line: Line[InvoiceDraft]) -> Done:
    draft = line.value
    found = await client.invoices.find(draft.invoice_number)
    if found is not None and not _is_of(found, draft):
        return Done("failed", found.id, B2BError(f"another invoice has the number {draft.invoice_number!r}: {found.id}"))
    return Done("skipped", None if found is None else found.id)


def _is_of(invoice: Invoice, draft: InvoiceDraft) -> bool:
    """Whether the invoice is what the draft asked for: what others may change later is not compared."""
    original = invoice.original_balance
    is_same_amount = original is not None and (original.code, original.value) == (
        draft.original_balance.code,
        draft.original_balance.value,
    )
    return invoice.customer_id == draft.customer_id and is_same_amount


# ---- update --------------------------------------------------------------------------------------------------------------


class _InOrder:
    """Sends the changes of one invoice one after another, in the order of their lines."""

    def __init__(self) -> None:
        self._locks: dict[int, asyncio.Lock] = {}
        self._held_back: set[int] = set()  # invoices with a line that was not written

    async def update(self, client: B2BClient, line: Line[Change], earlier: Earlier) -> Done:
        """Send the changes, unless an earlier run may have sent them and the invoice shows it."""
        change = line.value
        async with self._locks.setdefault(change.invoice_id, asyncio.Lock()):
            if change.invoice_id in self._held_back:
                held = B2BError("an earlier line of this invoice was not written, and this one must not come before it")
                return Done("failed", change.invoice_id, held)
            self._held_back.add(change.invoice_id)
            try:
                is_there = earlier.is_unknown and _shows(await client.invoices.get(change.invoice_id), change)
            except B2BError as error:
                if isinstance(error, NotFoundError) and error.is_enveloped:  # not a gateway's
                    raise
                return Done("unknown", change.invoice_id, error)
            if not is_there:
                await earlier.begin()
                await client.invoices.update(change.invoice_id, change.changes)
            self._held_back.discard(change.invoice_id)
            return Done("done", change.invoice_id)


async def _can_update(client: B2BClient, line: Line[Change]) -> Done:
    invoice = await client.invoices.get(line.value.invoice_id)
    return Done("skipped", invoice.id)


def _shows(invoice: Invoice, change: Change) -> bool:
    wanted = {field.name: getattr(change.changes, field.name) for field in attrs.fields(type(change.changes))}
    return all(value is None or getattr(invoice, name) == value for name, value in wanted.items())
