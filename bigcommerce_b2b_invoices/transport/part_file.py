"""A file that appears whole or not at all.

It is written under another name in the same folder, synced to the disk, and given its own name in one step. Every step runs in a
thread, and a task that is cancelled waits for the step under way, so nothing works on behind its back. A process that is killed
can leave a `.b2b-invoices-*.part` behind, but never half a file under the real name.
"""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bigcommerce_b2b_invoices.errors import DownloadError


@asynccontextmanager
async def part_file(path: Path, *, overwrite: bool) -> AsyncGenerator["PartFile"]:
    """A file to write to, which gets its name when the block ends well, and vanishes when it ends with an exception.

    A task that is cancelled leaves no file; only if that happens while the name is given, the file is there, and whole.

    Args:
        path: A file in a folder that exists.
        overwrite: Whether a file that is there may be replaced; the new one gets its permissions. Without it, a file that
            somebody else makes meanwhile stays as well.

    Raises:
        DownloadError: The file must not be there, or cannot be written.
    """
    part = PartFile(path, overwrite=overwrite)
    try:
        await part.step(part.open)
        yield part
        await part.step(part.sync)
        await part.step(part.publish)
    finally:
        part.discard()


class PartFile:
    """A file on its way to its name."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path = path
        self._overwrite = overwrite
        self._temporary = path.parent / f".b2b-invoices-{secrets.token_hex(8)}.part"
        self._file: BinaryIO
        self._is_begun = False
        self._mode: int | None = None  # permissions of the file that is to be replaced

    async def write(self, block: bytearray) -> None:
        """Write on. DownloadError where the disk refuses."""
        await self.step(lambda: self._file.write(block))

    async def step(self, function: Callable[[], object]) -> None:
        """Do something with the disk in a thread. DownloadError where the disk refuses."""
        try:
            return await in_thread(function)
        except OSError as error:
            problem = error.strerror or type(error).__name__
        raise DownloadError(f"{self.path} cannot be written: {problem}")

    def open(self) -> None:
        """Begin, if a file may be there."""
        self._mode = self._check()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = open(os.open(self._temporary, flags, 0o600), "wb")  # noqa: PTH123, SIM115 - a descriptor; discard closes it
        self._is_begun = True

    def sync(self) -> None:
        """Have everything written on the disk."""
        self._file.flush()
        if self._mode is not None:
            self._temporary.chmod(self._mode)
        os.fsync(self._file.fileno())
        self._file.close()

    def publish(self) -> None:
        """Give the file its name, in one step for everyone who looks."""
        if self._overwrite or not self._link():
            self._temporary.replace(self.path)
        with suppress(OSError):  # not every system can sync a folder; the file is whole in any case
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def discard(self) -> None:
        """Leave nothing but the file under its name, if it has got it."""
        if self._is_begun:
            with suppress(OSError):  # of a full disk, which has said so already
                self._file.close()
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _link(self) -> bool:
        """Give the file its name unless somebody else made one; False where the file system knows no hard links."""
        try:
            self.path.hardlink_to(self._temporary)
        except OSError:
            self._check()
            return False
        return True

    def _check(self) -> int | None:
        """The permissions of the file that is to be replaced; None where there is no file."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            if not self.path.parent.is_dir():
                raise FileNotFoundError(errno.ENOENT, "there is no such folder") from None
            return None
        if not stat.S_ISREG(found.st_mode):
            raise FileExistsError(errno.EEXIST, "something is there that is no plain file")
        if not self._overwrite:
            raise FileExistsError(errno.EEXIST, "it exists; pass overwrite=True to replace it")
        return stat.S_IMODE(found.st_mode)


async def in_thread(function: Callable[[], object]) -> None:
    """Run the function in a thread, and wait for its end however often the task is cancelled meanwhile."""
    running = asyncio.get_running_loop().run_in_executor(None, function)  # no task, which a loop that is closed would cancel
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    failure = running.exception()
    if cancelled is not None:
        raise cancelled
    if failure is not None:
        raise failure
