"""A file appears whole or not at all, whatever happens in between."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bigcommerce_b2b_invoices import B2BClient, ConfigurationError, Invoice, from_json
from bigcommerce_b2b_invoices.export import open_export, write_invoices
from bigcommerce_b2b_invoices.sandbox import Sandbox

OLD = "what was here before\n"


async def some(number: int, error: BaseException | None = None) -> AsyncIterator[Invoice]:
    for invoice_id in range(1, number + 1):
        yield Invoice(id=invoice_id)
    if error is not None:
        raise error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "invoices.jsonl"


@pytest.fixture
def old(path: Path) -> Path:
    path.write_text(OLD)
    return path


async def test_json_lines_are_read_back_to_equal_invoices(path: Path, sandbox: Sandbox, client: B2BClient) -> None:
    assert await write_invoices(path, client.invoices.iterate()) == len(sandbox.invoice_ids)
    listed = [invoice async for invoice in client.invoices.iterate()]
    text = path.read_bytes()
    assert [from_json(Invoice, line) for line in text.decode().splitlines()] == listed
    assert text.endswith(b"}\n")
    assert b"\r" not in text


async def test_every_row_is_reported(path: Path) -> None:
    counts: list[int] = []
    assert await write_invoices(path, some(205), on_row=counts.append) == 205
    assert counts == list(range(1, 206))


async def test_rows_reach_the_disk_before_the_end_and_the_name_comes_last(path: Path) -> None:
    async with open_export(path) as export:
        for invoice_id in range(1, 50_001):  # a few times what Python keeps in memory of a file, also 3.14
            await export.write(Invoice(id=invoice_id))
        (temporary,) = path.parent.iterdir()
        assert temporary != path
        assert temporary.stat().st_size > 10_000
    assert list(path.parent.iterdir()) == [path]
    assert len(path.read_text().splitlines()) == export.count == 50_000


async def test_other_tasks_have_their_turn_while_it_is_written(path: Path) -> None:
    turns: list[int] = []

    async def count() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    async with open_export(path) as export:
        for invoice_id in range(1, 1001):
            await export.write(Invoice(id=invoice_id))
        assert len(turns) >= 9
    counting.cancel()


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyboardInterrupt(), asyncio.CancelledError(), OSError(28, "full")], ids=repr
)
async def test_an_error_leaves_the_old_file_and_nothing_else(old: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        await write_invoices(old, some(300, error), overwrite=True)
    assert old.read_text() == OLD
    assert list(old.parent.iterdir()) == [old]


async def test_a_cancelled_task_leaves_nothing_at_every_step(path: Path) -> None:
    """Cancelled after 0, 1, 2, ... turns of the loop: either there is no file, or it is complete."""
    outcomes: set[bool] = set()
    for steps in range(60):
        task = asyncio.ensure_future(write_invoices(path, some(250), overwrite=True))
        for _ in range(steps):
            await asyncio.sleep(0)
        cancelled = task.cancel()
        await asyncio.wait([task])
        assert cancelled == task.cancelled()
        left = list(path.parent.iterdir())
        assert left in ([], [path])
        if left:
            assert len(path.read_text().splitlines()) == 250
            path.unlink()
        outcomes.add(bool(left))
    assert False in outcomes


async def test_a_file_that_exists_is_refused_before_a_row_is_asked_for(old: Path) -> None:
    with pytest.raises(FileExistsError, match="exists already"):
        await write_invoices(old, some(1, AssertionError("asked")))
    assert old.read_text() == OLD


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without"])
async def test_a_file_that_is_made_meanwhile_is_not_overwritten(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    with pytest.raises(FileExistsError):
        async with open_export(path):
            path.write_text(OLD)
    assert path.read_text() == OLD
    assert list(path.parent.iterdir()) == [path]


def no_links(_self: Path, _target: Path) -> None:
    raise PermissionError(1, "Operation not permitted")


async def test_a_file_system_without_hard_links_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    assert await write_invoices(path, some(2)) == 2
    assert list(path.parent.iterdir()) == [path]


async def test_only_the_owner_may_read_a_new_file_and_an_old_one_keeps_its_permissions(path: Path) -> None:
    await write_invoices(path, some(1))
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    await write_invoices(path, some(2), overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(path.read_text().splitlines()) == 2


async def test_a_link_is_never_followed(old: Path) -> None:
    link = old.with_name("link.csv")
    link.symlink_to(old)
    with pytest.raises(FileExistsError, match="not a plain file"):
        await write_invoices(link, some(1), overwrite=True)
    assert old.read_text() == OLD


@pytest.mark.parametrize("name", ["invoices", "invoices.txt", ".csv", "csv", ".csv.gz", "invoices.gz"])
async def test_an_ending_without_a_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"use \.jsonl, \.csv, "):
        await write_invoices(tmp_path / name, some(1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, where not even root may make a file")
async def test_a_directory_that_cannot_be_written_to_is_named() -> None:
    with pytest.raises(OSError, match=r"'/proc/invoices\.csv'"):
        await write_invoices("/proc/invoices.csv", some(1))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
async def test_a_full_disk_leaves_nothing(path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        async with open_export(path) as export:
            os.dup2(full, export._sink._file.fileno())  # type: ignore[attr-defined]
            await export.write(Invoice(id=1))
    os.close(full)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("cancels", [1, 2, 3])
async def test_a_task_that_is_cancelled_again_and_again_ends_when_its_thread_does(
    path: Path, held_fsync: tuple[threading.Event, threading.Event], cancels: int
) -> None:
    inside, go = held_fsync
    task = asyncio.ensure_future(write_invoices(path, some(3)))
    await asyncio.to_thread(inside.wait, 10)
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0.01)
    still_waiting = not task.done()
    go.set()
    await asyncio.wait([task])

    assert still_waiting
    assert task.cancelled()
    assert list(path.parent.iterdir()) == []
