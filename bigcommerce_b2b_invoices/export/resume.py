"""An export that can be continued after any stop: Ctrl-C, `kill -9`, a full disk, a lost network.

The rows lie in `.TARGET.resume` beside the target, and the checkpoint in `.TARGET.resume.json`: the walk's bookmark, and how many
bytes of the rows file it vouches for. Both are on the disk before the checkpoint counts, so a process that is killed at any
moment leaves a pair that fits. What was written after the checkpoint is cut off when the export goes on. The target appears whole
or not at all, as without resuming. Neither file holds a token; only their owner can read them.
"""

import errno
import json
import os
import stat
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeGuard

import attrs

from bigcommerce_b2b_invoices import ConfigurationError, Invoice
from bigcommerce_b2b_invoices.export.formats import FORMATS, Export, format_of
from bigcommerce_b2b_invoices.export.sinks import Format, Style
from bigcommerce_b2b_invoices.files import PartFile, in_thread, sync_folder, try_lock

VERSION = 1


@attrs.frozen(kw_only=True)
class Checkpoint:
    """Where an export goes on.

    Attributes:
        bookmark: The place of the walk; None: at its beginning.
        length: Bytes of the rows file that are sure.
        count: Invoices in them.
        unreadable: Invoices that could not be read, and are not in them.
    """

    bookmark: str | None = None
    length: int = 0
    count: int = 0
    unreadable: int = 0


class RowsFile(PartFile):
    """The rows of an export that can be continued: a part file with a name that the next process finds."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        super().__init__(path, overwrite=overwrite, translate=None)
        self.temporary: Path = path.with_name(f".{path.name}.resume")

    def open(self) -> None:
        """Open or create the file, and keep every other process from it."""
        self.check()
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(self.temporary.lstat().st_mode):
                raise FileExistsError(errno.EEXIST, f"{self.temporary.name} beside it is not a plain file")
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        while True:
            file: BinaryIO = open(os.open(self.temporary, flags, 0o600), "r+b")  # noqa: PTH123, SIM115 - release closes it
            if not try_lock(file):
                file.close()
                raise FileExistsError(errno.EEXIST, "another export with --resume is writing this file: let it end first")
            found = os.fstat(file.fileno())
            with suppress(FileNotFoundError):
                if os.path.samestat(found, self.temporary.lstat()):
                    if found.st_nlink == 1:
                        self.file: BinaryIO = file
                        return
                    self.temporary.unlink()  # the second name of a file that has its own: that export had ended
            file.close()

    def sync(self) -> None:
        """Make sure that everything is on the disk. The file stays open, and so closed to every other process."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def release(self) -> None:
        """Close the file, and leave it where it is."""
        if hasattr(self, "file"):
            with suppress(OSError):  # a full disk, which has already raised its error
                self.file.close()


@attrs.define(kw_only=True)
class ResumableExport(Export):
    """An export with checkpoints.

    Attributes:
        bookmark: The bookmark from which the walk must continue; None: the walk starts from the beginning.
        unreadable: Invoices that earlier runs could not read.
    """

    _part: RowsFile = attrs.field(alias="part")
    _scope: Mapping[str, str] = attrs.field(alias="scope")
    bookmark: str | None
    unreadable: int = 0
    _is_sound: bool = True

    async def checkpoint(self, bookmark: str, *, unreadable: int = 0) -> None:
        """Put all rows so far safely on the disk. If the process is killed afterwards, none of them is lost.

        Args:
            bookmark: The walk's bookmark after the last invoice that was given to `write`.
            unreadable: Invoices that could not be read so far, earlier runs included.
        """
        await self._part.step(lambda: self._checkpoint(bookmark, unreadable))

    def _checkpoint(self, bookmark: str, unreadable: int) -> None:
        self._write_block()
        self._part.file.flush()
        os.fsync(self._part.file.fileno())
        point = Checkpoint(bookmark=bookmark, length=self._part.file.tell(), count=self.count, unreadable=unreadable)
        _write(_checkpoint_path(self._part.path), {"version": VERSION, "scope": dict(self._scope), **attrs.asdict(point)})
        self.bookmark, self.unreadable = bookmark, unreadable

    def _write_block(self) -> None:
        if not self._is_sound:
            raise OSError(errno.EIO, "some rows could not be written")
        try:
            super()._write_block()
        except BaseException:
            self._is_sound = False  # the block is lost: no later checkpoint may vouch for it
            raise

    @property
    def is_sound(self) -> bool:
        """Whether every row that was given to `write` is, or can be, written."""
        return self._is_sound


@asynccontextmanager
async def open_resumable(
    path: Path, *, scope: Mapping[str, str], overwrite: bool = False, style: Style
) -> AsyncGenerator[ResumableExport]:
    """An export that continues where the last one with the same path stopped. If there is none, it begins a new one.

    If the block ends without an exception, the file appears, complete and on the disk, and the files beside it are gone. After an
    exception they stay for the next run.

    Args:
        path: Where to write; the ending must be `.jsonl` or `.csv`.
        scope: The source of the rows, such as store and filters. The function never continues an export of another scope.
        overwrite: Whether to replace a file that exists.
        style: How to write the rows; part of the scope.

    Raises:
        ConfigurationError: The format cannot be continued, the files beside the target belong to another export, or they are
            damaged. They stay as they are.
        OSError: As for `open_export`; also, another process is writing this export.
    """
    found = check_resumable(path, style)
    scope = {**scope, "format": path.suffix.lower(), "columns": ",".join(style.columns or ()), "bom": str(style.bom)}
    scope["delimiter"] = style.delimiter
    part = RowsFile(path, overwrite=overwrite)
    try:
        await part.step(part.open)
        point = Checkpoint()
        if os.fstat(part.file.fileno()).st_size:
            point = _read(_checkpoint_path(path), scope, part)
        else:  # a checkpoint of an export whose file has its name already must not vouch for the rows of this one
            await part.step(lambda: _forget(_checkpoint_path(path)))
        await part.step(lambda: _go_back(part, point.length))
        sink = found.open(part, style)  # writes the header at the beginning of a file
        if point.length:
            await part.step(lambda: _go_back(part, point.length))
        export = ResumableExport(
            sink=sink, part=part, scope=scope, bookmark=point.bookmark, count=point.count, unreadable=point.unreadable
        )
        try:
            yield export
            await export.finish()
        finally:
            await in_thread(sink.close)
        await part.step(part.sync)
        await part.step(lambda: _publish(part))
    finally:
        part.release()


def check_resumable(path: Path, style: Style) -> Format[Invoice]:
    """The format of a file that can be continued after a stop.

    Raises:
        ConfigurationError: The file has another format, or the style does not suit it.
    """
    found = format_of(path)
    if not found.is_resumable:
        names = " or ".join(ending for ending, each in FORMATS.items() if each.is_resumable)
        raise ConfigurationError(f"only {names} can be resumed, not {path.name!r}")
    found.check(style)
    return found


def _go_back(part: RowsFile, length: int) -> None:
    part.file.truncate(length)
    part.file.seek(length)


def _publish(part: RowsFile) -> None:
    """Give the file its name, and delete what lies beside it."""
    part.publish()
    part.temporary.unlink(missing_ok=True)
    _checkpoint_path(part.path).unlink(missing_ok=True)


def _checkpoint_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.resume.json")


def _forget(path: Path) -> None:
    """Delete the checkpoint, for good."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def _write(path: Path, checkpoint: Mapping[str, object]) -> None:
    """Put the checkpoint in place of the last one, in one step."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)  # of a process that was killed, or a link to a file of somebody else
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        json.dump(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def _read(path: Path, scope: Mapping[str, str], part: RowsFile) -> Checkpoint:
    """The checkpoint beside a rows file; the beginning if there is none yet."""
    again = f"or delete {path.name} and {part.temporary.name} to begin again"
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ConfigurationError(f"{path} is not a plain file: restore it, {again}")
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Checkpoint()  # stopped before the first checkpoint
    except (ValueError, RecursionError):
        fields = {}
    point = _checkpoint_in(fields)
    if point is None:
        raise ConfigurationError(f"{path} is damaged, or of another version: restore it, {again}")
    if fields["scope"] != scope:
        other = [name for name in scope if fields["scope"].get(name) != scope[name]] or ["scope"]
        raise ConfigurationError(
            f"{path} belongs to an export with another {' and '.join(other)}: give the same options, {again}"
        )
    if os.fstat(part.file.fileno()).st_size < point.length:
        raise ConfigurationError(f"{part.temporary} is shorter than its checkpoint says: restore it, {again}")
    return point


def _checkpoint_in(fields: object) -> Checkpoint | None:
    """The checkpoint in the JSON of a file, beside a scope; None if it is not one that `_write` wrote."""
    if not isinstance(fields, dict) or fields.get("version") != VERSION or not isinstance(fields.get("scope"), dict):
        return None
    bookmark, length, count, unreadable = (fields.get(field.name) for field in attrs.fields(Checkpoint))
    if not isinstance(bookmark, str) or not bookmark:  # without it, rows would be written twice
        return None
    if not (_is_count(length) and _is_count(count) and _is_count(unreadable)):
        return None
    return Checkpoint(bookmark=bookmark, length=length, count=count, unreadable=unreadable)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0
