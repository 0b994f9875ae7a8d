"""A file that appears whole or not at all.

The file is written under a temporary name in the same folder, synced to the disk, and given its final name in one step. Opening,
syncing and naming run in a thread. If the task is cancelled, it waits for the current step to end, so no step continues in the
background. A process that is killed can leave a `.b2b-invoices-*.part` file behind, but never half a file under the final name.
Only its owner can read it. The next process that writes to the folder deletes such leftovers once they are a day old.

Only a plain file is ever replaced. The path is checked first and again right before the file gets its name. If somebody puts a
symbolic link there in the instant between that check and the rename, the link is replaced, but never followed.
"""

import asyncio
import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

try:
    import fcntl
except ImportError:  # on Windows, nobody is kept from opening a file twice
    fcntl = None  # type: ignore[assignment]

R = TypeVar("R")
LEFTOVER = 86_400.0  # seconds since its last write after which a temporary file counts as abandoned
PREFIX, SUFFIX = ".b2b-invoices-", ".part"


@asynccontextmanager
async def appearing(
    path: Path, *, overwrite: bool, translate: Callable[[OSError], Exception] | None = None
) -> AsyncGenerator["PartFile"]:
    """Open a file to write to. It gets its name if the block ends normally, and is deleted if the block raises an exception.

    A task that is cancelled leaves no file, with one exception: if it is cancelled while the file gets its name, the whole file
    is there. Only the owner may read a new file. A file that replaces another one takes over its permissions.

    Args:
        path: The final name of the file, in a folder that exists.
        overwrite: Whether an existing file may be replaced. If not, a file that somebody else creates meanwhile stays.
        translate: Turns an OSError into another error.

    Raises:
        OSError: The path is already taken (FileExistsError), no file can have this name, or the file cannot be written. The error
            names `path`, not the temporary file.
    """
    part = PartFile(path, overwrite=overwrite, translate=translate)
    try:
        await part.step(part.open)
        yield part
        await part.step(part.sync)
        await part.step(part.publish)
    finally:
        part.discard()


class PartFile:
    """A temporary file that will get its final name.

    Attributes:
        file: The open file to write to.
        temporary: Its path, for a library that writes the file by itself.
    """

    file: BinaryIO
    temporary: Path

    def __init__(self, path: Path, *, overwrite: bool, translate: Callable[[OSError], Exception] | None) -> None:
        self.path = path
        self._translate = translate
        self._overwrite = overwrite
        self.temporary = path.parent / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        self._is_begun = False

    async def write(self, block: bytearray) -> None:
        """Write a block to the end of the file."""
        await self.step(lambda: self.file.write(block))

    async def step(self, function: Callable[[], object]) -> None:
        """Run one step on the disk in a thread. If it raises an OSError, the error names the final path."""
        try:
            await in_thread(function)
        except OSError as error:
            named = type(error)(error.errno, error.strerror, shown(self.path))
        else:
            return
        raise named if self._translate is None else self._translate(named)

    def open(self) -> None:
        """Create the temporary file, if the final name may be used."""
        self.check()
        sweep(self.path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self.file = open(os.open(self.temporary, flags, 0o600), "wb")  # noqa: PTH123, SIM115 - a descriptor; discard closes it
        self._is_begun = True

    def sync(self) -> None:
        """Make sure that everything is on the disk, and close the file."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()

    def publish(self) -> None:
        """Give the file its final name in one step: nobody ever sees half a file."""
        if self._overwrite or not self._link():
            mode = self.check()  # again: somebody may have made a link or a folder there meanwhile
            if mode is not None:
                self.temporary.chmod(mode)
            self.temporary.replace(self.path)
        sync_folder(self.path.parent)

    def discard(self) -> None:
        """Delete the temporary file. If the file already has its final name, it stays."""
        if self._is_begun:
            with suppress(OSError):  # a full disk, which has already raised its error
                self.file.close()
            with suppress(OSError):
                self.temporary.unlink(missing_ok=True)

    def _link(self) -> bool:
        """Give the file its name unless somebody else created that file; False if the file system does not support hard links."""
        try:
            self.path.hardlink_to(self.temporary)
        except OSError:
            return False
        return True

    def check(self) -> int | None:
        """The permissions of the file to replace; None if there is none.

        Raises:
            OSError: The name must not be used.
        """
        if not is_nameable(self.path):
            raise OSError(errno.EINVAL, "no file can have this name, because of a character in it")
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            if not self.path.parent.is_dir():
                raise FileNotFoundError(errno.ENOENT, "there is no such folder") from None
            return None
        if not stat.S_ISREG(found.st_mode):
            raise FileExistsError(errno.EEXIST, "the path exists and is not a plain file")
        if not self._overwrite:
            raise FileExistsError(errno.EEXIST, "the file exists already")
        return stat.S_IMODE(found.st_mode)


def sync_folder(folder: Path) -> None:
    """Make sure that new names in the folder are on the disk. Not every system can, and the files are whole in any case."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def try_lock(file: BinaryIO) -> bool:
    """Keep every other process from locking the file until it is closed. False if another one has locked it."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def is_nameable(path: Path) -> bool:
    """Whether the operating system can express the path: it has no null character, and no half of a character."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def shown(path: Path) -> str:
    """The path as text, with escapes in place of characters that no path can have and no log can show."""
    text = str(path)
    return text if is_nameable(path) else text.encode(errors="backslashreplace").decode().replace("\0", r"\x00")


def sweep(folder: Path, now: Callable[[], float] = time.time) -> None:
    """Delete the temporary files and folders that killed processes left in a folder, once they are a day old."""
    with suppress(OSError):  # the folder may not be readable
        for entry in os.scandir(folder):
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode) and now() - found.st_mtime > LEFTOVER:
                        Path(entry).unlink()
                    elif stat.S_ISDIR(found.st_mode) and now() - _last_write(Path(entry)) > LEFTOVER:
                        shutil.rmtree(entry)


def _last_write(folder: Path) -> float:
    """When somebody last wrote to the folder or to a file in it: seconds since 1970."""
    return max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))


async def in_thread(function: Callable[[], R], executor: Executor | None = None) -> R:
    """Run the function in a thread, and wait until it ends, even if the task is cancelled meanwhile, once or many times.

    Args:
        function: What to run.
        executor: Whose thread; None: the loop's own.
    """
    running = asyncio.get_running_loop().run_in_executor(executor, function)  # not a task: a closing loop would cancel it
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        running.exception()  # has been looked at
        raise cancelled
    return running.result()
