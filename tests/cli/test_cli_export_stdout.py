"""`export -`: the rows alone on standard output; and targets that are no plain files."""

import asyncio
import csv
import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bigcommerce_b2b_invoices import Invoice, from_json

SANDBOX = ["--sandbox", "--sandbox-invoices", "300"]


def test_json_lines_are_the_default(cli: Any) -> None:
    run = cli("export", "-", *SANDBOX)
    assert (run.code, len(run.lines)) == (0, 300)
    assert len({from_json(Invoice, line).id for line in run.lines}) == 300
    assert run.err.startswith("-: 300 invoices, ")


def test_csv_takes_its_options(cli: Any) -> None:
    run = cli("export", "-", *SANDBOX, "--format", "csv", "--columns", "id, open_balance", "--delimiter", ";", "--bom", "--quiet")
    rows = list(csv.reader(io.StringIO(run.out.removeprefix("\ufeff")), delimiter=";"))
    assert (run.code, run.err, run.out[0], rows[0], len(rows)) == (0, "", "\ufeff", ["id", "open_balance"], 301)


@pytest.mark.parametrize(
    "options",
    [["--json"], ["--resume"], ["--overwrite"], ["--columns", "id"], ["--bom"], ["--format", "csv", "--columns", "nothing"]],
    ids=str,
)
def test_options_that_make_no_sense_are_bad_usage(cli: Any, options: list[str]) -> None:
    run = cli("export", "-", *SANDBOX, *options)
    assert (run.code, run.out) == (2, "")


def test_a_format_is_for_standard_output_alone(cli: Any, tmp_path: Path) -> None:
    assert cli("export", str(tmp_path / "x.csv"), *SANDBOX, "--format", "csv").code == 2


def test_filters_apply(cli: Any) -> None:
    lines = cli("export", "-", *SANDBOX, "--status", "open").lines
    assert 0 < len(lines) < 300
    assert all(from_json(Invoice, line).status == 0 for line in lines)


async def test_a_reader_that_goes_away_ends_it_quietly(program: Any) -> None:
    running = await program("export", "-", "--sandbox", "--sandbox-invoices", "3000")
    await running.process.stdout.readline()
    running.process.stdout._transport.close()
    assert await asyncio.wait_for(running.process.wait(), 20) == 0


def test_the_summary_of_a_file_is_one_line_of_json(cli: Any, tmp_path: Path) -> None:
    import json

    run = cli("export", str(tmp_path / "x.jsonl.gz"), *SANDBOX, "--json", "--quiet")
    told = json.loads(run.out)
    assert (told["count"], told["guarantee"], told["anomalies"], told["unreadable"]) == (300, "complete", [], 0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a FIFO")
@pytest.mark.parametrize("options", [[], ["--overwrite"], ["--resume"], ["--resume", "--overwrite"]], ids=str)
def test_a_fifo_is_not_written_to(cli: Any, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "x.csv"
    os.mkfifo(path)
    run = cli("export", str(path), *SANDBOX, *options)
    assert (run.code, "not a plain file" in run.err) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder where not even root may write")
@pytest.mark.parametrize("options", [[], ["--resume"]], ids=str)
def test_a_folder_that_cannot_be_written_to_is_told(cli: Any, options: list[str]) -> None:
    run = cli("export", "/proc/x.csv", *SANDBOX, *options)
    assert run.code in (1, 2)
    assert run.err.startswith("error: /proc/x.csv: ")
