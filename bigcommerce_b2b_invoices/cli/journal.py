"""What an import has done, on the disk before and after each write: a second run goes on where the first one stopped.

The journal is a file of JSON lines beside the input. Its first line names the command and the store. Before a write is sent,
the line `sent` is on the disk; after it, `done` or `failed`. So a write that was under way when the process was killed is known
to be unknown, and is settled first by the next run. A line also holds a hash of what was written, so that the next run sees that
the input was edited; journals of older versions have none. Only the owner may read the file; it holds no token.
"""

import asyncio
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import attrs

from bigcommerce_b2b_invoices import ConfigurationError
from bigcommerce_b2b_invoices.files import in_thread, try_lock

State: TypeAlias = Literal["sent", "done", "failed"]
VERSION = 1
_STATES: Mapping[object, State] = {"sent": "sent", "done": "done", "failed": "failed"}


@attrs.frozen
class Noted:
    """What the journal says of a key.

    Attributes:
        state: What became of it in earlier runs; None: it was never sent.
        invoice_id: Its invoice, if known.
        content: The hash of what was sent; None if the journal does not hold it.
    """

    state: State | None = None
    invoice_id: int | None = None
    content: str | None = None

    def is_other(self, content: str) -> bool:
        """Whether something else is known to have been sent."""
        return self.content is not None and self.content != content


NOTHING = Noted()


class Journal:
    """What the earlier runs noted of each key, and where this run notes it. Without a file, it keeps nothing."""

    def __init__(self, file: BinaryIO | None, found: dict[str, Noted]) -> None:
        self._file = file
        self._found = found
        self._lock = asyncio.Lock()

    def noted(self, key: str) -> Noted:
        """What earlier runs noted of a key."""
        return self._found.get(key, NOTHING)

    def written(self) -> dict[int, list[str]]:
        """The keys that earlier runs wrote, or may have written, by their invoice; of each, the last one written is the last."""
        written: dict[int, list[str]] = {}
        for key, noted in self._found.items():
            if noted.invoice_id is not None and noted.state != "failed":
                written.setdefault(noted.invoice_id, []).append(key)
        return written

    def forget_done(self, keys: Iterable[str]) -> None:
        """Let this run write these keys again, if they are done."""
        for key in keys:
            if self.noted(key).state == "done":
                del self._found[key]

    async def note(self, key: str, noted: Noted) -> None:
        """Keep the state of a key. When this returns, it is on the disk."""
        if self._file is None:
            return
        fields = {"key": key, "state": noted.state, "id": noted.invoice_id, "content": noted.content}
        line = json.dumps({name: value for name, value in fields.items() if value is not None}) + "\n"
        async with self._lock:
            await in_thread(lambda: self._append(line))

    def _append(self, line: str) -> None:
        assert self._file is not None  # noqa: S101 - checked above
        self._file.write(line.encode())
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_journal(path: Path | None, *, command: str, store_hash: str, dry_run: bool = False) -> Iterator[Journal]:
    """The journal of an import; a new one if there is no file.

    Args:
        path: Its file; None: there is none.
        command: The command that writes it.
        store_hash: The store.
        dry_run: Only read it, and keep nothing.

    Raises:
        ConfigurationError: The file is of another command or store, is damaged, or another import is using it.
        OSError: It cannot be written.
    """
    if path is None or (dry_run and not os.path.lexists(path)):
        yield Journal(None, {})
        return
    head = {"version": VERSION, "command": command, "store": store_hash}
    with _open(path) as file:
        if not dry_run and not try_lock(file):
            raise ConfigurationError(f"another import is using {path}: let it end first")
        found, sound = _read(file, path, head)
        if not sound and not (json.dumps(head) + "\n").encode().startswith(_all(file)):
            raise ConfigurationError(f"{path} is not a journal: name another file with --journal")
        if dry_run:
            yield Journal(None, found)
            return
        file.truncate(sound)  # a line that was cut off when the process was killed
        file.seek(sound)
        journal = Journal(file, found)
        if not sound:
            journal._append(json.dumps(head) + "\n")  # noqa: SLF001 - the same module
        yield journal


def _open(path: Path) -> BinaryIO:
    """The file, to read and write. Nothing but a plain file is opened, and no link is followed."""
    with suppress(FileNotFoundError):
        _check_plain(path.lstat().st_mode, path)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags, 0o600), "r+b")  # noqa: PTH123, SIM115 - a descriptor; the caller closes it
    try:
        _check_plain(os.fstat(file.fileno()).st_mode, path)  # again: somebody may have put another there meanwhile
    except BaseException:
        file.close()
        raise
    return file


def _check_plain(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "not a plain file"
        raise ConfigurationError(f"{path} is {kind}: name a plain file, or a new one, with --journal; nothing was sent")


def _all(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(2**16)


def _read(file: BinaryIO, path: Path, head: dict[str, object]) -> tuple[dict[str, Noted], int]:
    """What was noted last of each key, and the length of the whole lines."""
    found: dict[str, Noted] = {}
    sound = 0
    for number, raw in enumerate(file):
        if not raw.endswith(b"\n"):
            break
        try:
            fields = json.loads(raw)
            if number == 0:
                _check(fields, path, head)
            else:
                key, noted = _noted(fields)
                found.pop(key, None)  # so that the keys stand in the order of their last lines
                found[key] = noted
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"{path}: line {number + 1} is damaged, or this is not a journal") from None
        sound += len(raw)
    return found, sound


def _noted(fields: dict[str, object]) -> tuple[str, Noted]:
    """The key and the state of a line. Raises a ValueError, KeyError or TypeError if it is damaged."""
    key, state, invoice_id, content = fields["key"], _STATES[fields["state"]], fields.get("id"), fields.get("content")
    if not isinstance(key, str) or not isinstance(invoice_id, int | None) or not isinstance(content, str | None):
        raise TypeError("a value of another type")
    return key, Noted(state, invoice_id, content)


def _check(fields: object, path: Path, head: dict[str, object]) -> None:
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise ConfigurationError(f"{path} is not a journal of this version: move it away, or name another with --journal")
    for name in ("command", "store"):
        if fields.get(name) != head[name]:
            raise ConfigurationError(f"{path} is the journal of another {name}: name another one with --journal")
