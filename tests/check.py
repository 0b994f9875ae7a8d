"""Everything that a change must pass: formatter, linter, type checkers, import contracts, tests with branch coverage.

Run it with the Python that `.[test]` is installed in. It stops at the first step that fails.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
STEPS = [
    ["ruff", "format", "--check"],
    ["ruff", "check"],
    ["mypy"],
    ["pyright", "--pythonpath", sys.executable],
    ["lint-imports"],
    ["coverage", "erase"],
    ["coverage", "run", "-m", "pytest", "-n", "auto", *sys.argv[1:]],
    ["coverage", "combine", "--quiet"],
    ["coverage", "report"],
]


def main() -> int:
    """Run the steps; the exit code of the first that fails, or 0."""
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    for program, *arguments in STEPS:
        line = " ".join([program, *arguments])
        sys.stdout.write(f"\n$ {line}\n")
        sys.stdout.flush()
        started = time.monotonic()
        done = subprocess.run([BIN / program, *arguments], cwd=ROOT, env=environ, check=False)
        if done.returncode:
            sys.stdout.write(f"\nfailed: {line}\n")
            return done.returncode
        sys.stdout.write(f"({time.monotonic() - started:.0f} s)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
