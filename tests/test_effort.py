"""A change that makes Python work harder for an invoice or a call is noticed without timing anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOLERANCE = 0.10
BYTE_CODES: dict[
    tuple[int, int], dict[str, int]
] = {  # as `python tests/effort.py` printed; lower them when something got cheaper, raise them with a reason
    (3, 11): {"a row of a walk without details": 864, "a row of a walk": 2547, "an invoice written": 5527, "a call": 2565},
    (3, 12): {"a row of a walk without details": 824, "a row of a walk": 2324, "an invoice written": 5041, "a call": 2310},
    (3, 13): {"a row of a walk without details": 798, "a row of a walk": 2290, "an invoice written": 4714, "a call": 2341},
}


def test_reading_writing_and_calling_take_no_more_byte_codes_than_they_did() -> None:
    if sys.version_info[:2] not in BYTE_CODES:
        pytest.skip("no figures of this Python are stored")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    program = Path(__file__).with_name("effort.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True, env=environ)
    assert json.loads(done.stdout) == pytest.approx(BYTE_CODES[sys.version_info[:2]], rel=TOLERANCE)
