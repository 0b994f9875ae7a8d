"""What an import has done, on the disk before and after each write: a second run goes on where the first one stopped.

The journal is a file of JSON lines beside the input. Its first line names the command and the store. Before a write is sent,
the line `sent` is on the disk; after it, `done` or `failed`. So a write that was under way when the process was killed is known
to be unknown, and is settled first by the next run. Only the owner may read the file; it holds no token.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from bigcommerce_b2b_invoices import ConfigurationError
from bigcommerce_b2b_invoices.files import in_thread, try_lock

State: TypeAlias = Literal["sent", "done", "failed"]
VERSION = 1


class Journal:
    """The last state of each key, and where its line goes. Without a file, it only remembers."""

    def __init__(self, file: BinaryIO | None, states: dict[str, tuple[State, int | None]]) -> None:
        self._file = file
        self._states = states
        self._lock = asyncio.Lock()

    def state(self, key: str) -> State | None:
        """What became of a key in earlier runs; None: it was never sent."""
        return self._states.get(key, (None, None))[0]

    def invoice_id(self, key: str) -> int | None:
        """The invoice of a key that is done, if known."""
        return self._states.get(key, (None, None))[1]

    async def note(self, key: str, state: State, invoice_id: int | None = None) -> None:
        """Keep a state. When this returns, it is on the disk."""
        if self._file is None:
            return
        line = json.dumps({"key": key, "state": state, **({} if invoice_id is None else {"id": invoice_id})}) + "\n"
        async with self._lock:
            await in_thread(lambda: self._append(line))

    def _append(self, line: str) -> None:
        assert self._file is not None  # noqa: S101 - checked above
        self._file.write(line.encode())
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_journal(path: Path | None, *, command: str, store_hash: str) -> Iterator[Journal]:
    """The journal of an import; a new one if there is no file.

    Raises:
        ConfigurationError: The file is of another command or store, is damaged, or another import is using it.
        OSError: It cannot be written.
    """
    if path is None:
        yield Journal(None, {})
        return
    head = {"version": VERSION, "command": command, "store": store_hash}
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o600), "r+b") as file:  # noqa: PTH123 - a descriptor
        if not try_lock(file):
            raise ConfigurationError(f"another import is using {path}: let it end first")
        states, sound = _read(file, path, head)
        if not sound and not (json.dumps(head) + "\n").encode().startswith(_all(file)):
            raise ConfigurationError(f"{path} is no journal: name another file with --journal")
        file.truncate(sound)  # a line that was cut off when the process was killed
        file.seek(sound)
        journal = Journal(file, states)
        if not sound:
            journal._append(json.dumps(head) + "\n")  # noqa: SLF001 - the same module
        yield journal


def _all(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(2**16)


def _read(file: BinaryIO, path: Path, head: dict[str, object]) -> tuple[dict[str, tuple[State, int | None]], int]:
    """The last state of each key, and the length of the whole lines."""
    states: dict[str, tuple[State, int | None]] = {}
    sound = 0
    for number, raw in enumerate(file):
        if not raw.endswith(b"\n"):
            break
        try:
            fields = json.loads(raw)
            if number == 0:
                _check(fields, path, head)
            else:
                states[fields["key"]] = fields["state"], fields.get("id")
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"{path}: line {number + 1} is damaged, or this is no journal") from None
        sound += len(raw)
    return states, sound


def _check(fields: object, path: Path, head: dict[str, object]) -> None:
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise ConfigurationError(f"{path} is no journal of this version: move it away, or name another with --journal")
    for name in ("command", "store"):
        if fields.get(name) != head[name]:
            raise ConfigurationError(f"{path} is the journal of another {name}: name another one with --journal")
