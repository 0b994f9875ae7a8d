"""A file that is written to becomes the file, whole, or leaves nothing; whoever cancels, kills or fills the disk."""

import asyncio
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bigcommerce_b2b_invoices import B2BClient, DownloadError
from bigcommerce_b2b_invoices.files import LEFTOVER, appearing, in_thread
from bigcommerce_b2b_invoices.sandbox import Sandbox

OLD, NEW = b"what was here before", b"new"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.pdf"


async def write(path: Path, *, overwrite: bool = False, meanwhile: Callable[[], object] = bool) -> None:
    async with appearing(path, overwrite=overwrite) as part:
        part.file.write(NEW)
        meanwhile()


async def test_a_new_file_is_its_owners_and_a_replaced_one_leaves_its_permissions(path: Path) -> None:
    await write(path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (NEW, 0o600)
    path.write_bytes(OLD)
    path.chmod(0o640)
    await write(path, overwrite=True)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (NEW, 0o640)
    assert list(path.parent.iterdir()) == [path]


async def test_the_longest_name_there_can_be_will_do(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".pdf")
    await write(path)
    assert list(tmp_path.iterdir()) == [path]


async def test_all_of_it_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, int | None]] = []  # whether the name was given, and the size of the file

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        synced.append((path.exists(), found.st_size if stat.S_ISREG(found.st_mode) else None))

    monkeypatch.setattr(os, "fsync", fsync)
    await write(path)
    assert synced == [(False, len(NEW)), (True, None)]


async def test_somebody_who_guesses_the_parts_name_gains_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "guessed")
    trap, victim = path.with_name(".b2b-invoices-guessed.part"), path.with_name("victim")
    victim.write_bytes(OLD)
    trap.symlink_to(victim)
    with pytest.raises(FileExistsError, match="File exists"):
        await write(path, overwrite=True)
    assert (victim.read_bytes(), trap.is_symlink(), path.exists()) == (OLD, True, False)


def make_nothing(path: Path) -> None:
    pass


def make_link(path: Path) -> None:
    path.with_name("old").write_bytes(OLD)
    path.symlink_to(path.with_name("old"))


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


PLACES: list[tuple[str, Callable[[Path], object], bool, str]] = [
    ("x.pdf", Path.touch, False, "exists already"),
    ("x.pdf", Path.mkdir, True, "not a plain file"),
    ("x.pdf", os.mkfifo, True, "not a plain file"),
    ("x.pdf", make_link, True, "not a plain file"),
    ("x.pdf", make_link, False, "not a plain file"),
    ("x.pdf", make_dangling_link, False, "not a plain file"),
    ("no/x.pdf", make_nothing, True, "no such folder"),
    ("", make_nothing, True, "not a plain file"),
    ("x" * 300, make_nothing, True, "too long"),
]


@pytest.mark.parametrize(("name", "make", "overwrite", "reason"), PLACES)
async def test_a_place_where_the_file_must_not_be_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, make: Callable[[Path], object], reason: str, *, overwrite: bool
) -> None:
    make(tmp_path / name)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match=reason) as raised:
        async with appearing(tmp_path / name, overwrite=overwrite):
            raise AssertionError
    assert raised.value.__context__ is None
    assert sorted(tmp_path.iterdir()) == before
    assert all(left.read_bytes() == OLD for left in before if left.name == "old")


def no_links(_self: Path, _target: Path) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without"])
async def test_a_file_that_somebody_makes_meanwhile_stays(path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    with pytest.raises(OSError, match="exists"):
        await write(path, meanwhile=lambda: path.write_bytes(OLD))
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("make", [make_link, make_dangling_link, Path.mkdir, os.mkfifo])
@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without"])
@pytest.mark.parametrize("overwrite", [True, False])
async def test_what_somebody_puts_there_meanwhile_is_neither_replaced_nor_followed(
    path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], *, links: bool, overwrite: bool
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    for was_there in (False, True) if overwrite else (False,):
        if was_there:
            path.write_bytes(OLD)

        def meanwhile() -> None:
            path.unlink(missing_ok=True)
            make(path)

        with pytest.raises(FileExistsError, match="not a plain file"):
            await write(path, overwrite=overwrite, meanwhile=meanwhile)
        assert not path.is_file() or path.is_symlink()
        assert {left.name for left in path.parent.iterdir()} <= {path.name, "old"}
        assert all(left.read_bytes() == OLD for left in path.parent.iterdir() if left.name == "old")
        path.rmdir() if path.is_dir() else path.unlink()


async def test_the_temporary_file_is_its_owners_until_the_end(
    path: Path, held_fsync: tuple[threading.Event, threading.Event]
) -> None:
    inside, go = held_fsync
    path.write_bytes(OLD)
    path.chmod(0o644)
    task = asyncio.ensure_future(write(path, overwrite=True))
    await asyncio.to_thread(inside.wait, 10)
    modes = {left.stat().st_mode & 0o777 for left in path.parent.iterdir() if left != path}
    go.set()
    await task

    assert modes == {0o600}
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["a\0b.pdf", "\ud800.pdf", "a\0/x.pdf"])
async def test_a_name_that_no_file_can_have_is_a_clear_error_that_can_be_logged(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="no file can have this name") as raised:
        await write(tmp_path / name)
    str(raised.value).encode()
    assert "\0" not in str(raised.value)
    assert raised.value.filename.startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


async def test_a_file_system_without_hard_links_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    await write(path)
    assert (path.read_bytes(), list(path.parent.iterdir())) == (NEW, [path])


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
async def test_an_error_passes_and_leaves_the_old_file_and_nothing_else(path: Path, error: BaseException) -> None:
    def fail() -> None:
        raise error

    path.write_bytes(OLD)
    with pytest.raises(type(error)):
        await write(path, overwrite=True, meanwhile=fail)
    assert (path.read_bytes(), list(path.parent.iterdir())) == (OLD, [path])


@pytest.mark.parametrize("cancels", [1, 2, 3])
async def test_who_cancels_while_the_disk_works_waits_for_it_and_finds_nothing(
    path: Path, held_fsync: tuple[threading.Event, threading.Event], cancels: int
) -> None:
    inside, go = held_fsync
    path.write_bytes(OLD)
    task = asyncio.ensure_future(write(path, overwrite=True))
    await asyncio.to_thread(inside.wait, 10)
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert (path.read_bytes(), list(path.parent.iterdir())) == (OLD, [path])


async def test_a_failure_in_the_thread_passes_and_a_cancellation_comes_before_it() -> None:
    go = threading.Event()

    def fail() -> None:
        go.wait(10)
        raise OSError("no")

    for is_cancelled, expected in ((False, OSError), (True, asyncio.CancelledError)):
        go.clear()
        task = asyncio.ensure_future(in_thread(fail))
        await asyncio.sleep(0)
        if is_cancelled:
            task.cancel()
            await asyncio.sleep(0)
        go.set()
        with pytest.raises(expected):
            await task


def test_leftovers_of_killed_processes_are_swept_once_they_are_a_day_old(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".b2b-invoices-1.part", ".b2b-invoices-2.part", ".b2b-invoices-1.rows"))
    for path in (old, young, other):
        path.write_bytes(OLD)
        path.with_name("victim").write_bytes(OLD)
    link, folder = tmp_path / ".b2b-invoices-3.part", tmp_path / ".b2b-invoices-4.part"
    link.symlink_to(tmp_path / "victim")
    folder.mkdir()
    in_use = tmp_path / ".b2b-invoices-5.part"  # an old folder in which somebody writes
    in_use.mkdir()
    (in_use / "rows").write_bytes(OLD)
    for path in (old, other, link, folder, in_use):
        old_time = time.time() - LEFTOVER - 60
        os.utime(path, (old_time, old_time), follow_symlinks=False)

    asyncio.run(write(tmp_path / "x.pdf"))

    assert not old.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [young.name, other.name, link.name, in_use.name, "victim", "x.pdf"]
    )


async def test_what_is_raised_names_the_path_and_can_be_translated(path: Path) -> None:
    path.write_bytes(OLD)
    with pytest.raises(FileExistsError) as raised:
        await write(path)
    with pytest.raises(KeyError, match="exists already") as translated:
        async with appearing(path, overwrite=False, translate=lambda error: KeyError(error.strerror)):
            raise AssertionError

    assert raised.value.filename == str(path)
    assert translated.value.__context__ is None


@pytest.mark.parametrize("name", ["a\0b.pdf", "\ud800.pdf"])
async def test_a_download_to_a_name_that_no_file_can_have_is_a_download_error(
    tmp_path: Path, sandbox: Sandbox, client: B2BClient, name: str
) -> None:
    with pytest.raises(DownloadError, match="no file can have this name") as raised:
        await client.invoices.download_pdf(sandbox.invoice_ids[0], tmp_path / name)
    str(raised.value).encode()
    assert sandbox.request_count == 0
    assert list(tmp_path.iterdir()) == []
