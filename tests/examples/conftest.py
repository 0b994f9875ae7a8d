"""Each test runs examples in a folder of its own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from example_runs import EXAMPLES, Run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "examples").symlink_to(EXAMPLES)  # the commands name the folder, and what they write stays in the test's own
    with ExitStack() as stack:
        yield Run(tmp_path, stack)
