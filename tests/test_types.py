"""Type checkers in strict mode understand a user's program, and know the type of every public name."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "typing" / "user_program.py"
BIN = Path(sys.executable).parent
OPTIONAL = ["dlt", "pyspark"]  # classes of theirs are bases of ours; the extra test lacks them, and .ci/run has them


def run(folder: Path, *command: str | Path, may_find: bool = False) -> str:
    """What a program prints that is started elsewhere, so that no settings of this project apply."""
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or may_find, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("checker", ["mypy", "pyright", "python"])
def test_a_users_program_passes_in_strict_mode_and_runs(tmp_path: Path, checker: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.read_text())
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    commands: dict[str, list[str | Path]] = {
        "mypy": [BIN / "mypy", "--strict", program],
        "pyright": [BIN / "pyright", "--pythonpath", sys.executable, program],
        "python": [sys.executable, program],
    }

    printed = run(tmp_path, *commands[checker])

    assert {"mypy": "no issues found", "pyright": "0 errors", "python": "complete"}[checker] in printed


def test_every_public_name_has_a_known_type(tmp_path: Path) -> None:
    verify = ["--pythonpath", sys.executable, "--verifytypes", "bigcommerce_b2b_invoices", "--ignoreexternal", "--outputjson"]

    found = json.loads(run(tmp_path, BIN / "pyright", *verify, may_find=True))

    missing = tuple(f"bigcommerce_b2b_invoices.integrations.{name}." for name in OPTIONAL if find_spec(name) is None)
    known = [each for each in found["typeCompleteness"]["symbols"] if not each["name"].startswith(missing)]
    assert len(known) > 3000
    assert [each["name"] for each in known if not each["isTypeKnown"] or each["isTypeAmbiguous"]] == []
