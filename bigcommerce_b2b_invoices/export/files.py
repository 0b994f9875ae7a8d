"""A file that appears whole or not at all."""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TextIO


@asynccontextmanager
async def appearing(target: Path, *, overwrite: bool) -> AsyncGenerator[Path]:
    """A free path beside the target: create a file there, and it becomes the target when the block ends well.

    When the block ends with an exception, a cancellation included, the file is deleted and the target is as it was. A file that
    is overwritten leaves its permissions to the new one.

    Raises:
        FileExistsError: There is a file and `overwrite` is not set, or there is something else, such as a symbolic link.
        FileNotFoundError: The directory does not exist.
    """
    mode = _check(target, overwrite=overwrite)
    temporary = target.with_name(f".b2b-invoices-{secrets.token_hex(8)}.part")
    try:
        yield temporary
        if mode is not None:
            temporary.chmod(mode)
        await _in_thread(lambda: _sync(temporary, os.O_RDWR))
        _publish(temporary, target, overwrite=overwrite)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):  # not every system can sync a directory; the file is whole in any case
        await _in_thread(lambda: _sync(target.parent, os.O_RDONLY))


def create_text(path: Path, *, newline: str) -> TextIO:
    """A new text file in UTF-8 that only its owner may read; FileExistsError where anything is there, a link included."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline=newline)


def _check(target: Path, *, overwrite: bool) -> int | None:
    """The permissions of the file that is to be overwritten; None where there is no file."""
    try:
        found = target.lstat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "there is no such directory", str(target.parent)) from None
        return None
    if not stat.S_ISREG(found.st_mode):
        raise FileExistsError(errno.EEXIST, "something is there that is no plain file", str(target))
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "the file exists already", str(target))
    return stat.S_IMODE(found.st_mode)


def _publish(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Give the file its name, in one step for everyone who looks."""
    if not overwrite:
        try:
            target.hardlink_to(temporary)  # unlike a replace it never overwrites what somebody else made meanwhile
        except FileExistsError:
            raise FileExistsError(errno.EEXIST, "the file was made by somebody else meanwhile", str(target)) from None
        except OSError:  # a file system without hard links
            _check(target, overwrite=False)
        else:
            return
    temporary.replace(target)


def _sync(path: Path, flags: int) -> None:
    """Have everything written to the disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _in_thread(function: Callable[[], None]) -> None:
    """Run the function in a thread, and wait for its end even when cancelled: nothing works on in the background."""
    running = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
