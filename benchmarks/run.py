"""Runs every benchmark, with the peers that some compare with, and writes benchmarks/results.md and benchmarks/cpu.svg.

    python benchmarks/run.py [--quick] [--openapi FILE]

It makes a virtual environment of its own, `.venv-peers`, for the Python that runs it. With an OpenAPI file of the API, a client
is generated from it and measured, too.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv-peers"
PACKAGES = [".[redis,speed]", "aiolimiter", "httpx", "matplotlib", "openapi-python-client", "orjson", "pydantic"]
QUESTIONS = ["cpu.py", "stall.py", "memory.py", "small.py", "walk.py", "requests.py", "quota.py"]


def environment(openapi: str | None) -> dict[str, str]:
    """Make the environment; returns the variables that the benchmarks run with."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    install: list[str | Path] = [VENV / "bin/pip", "install", "--quiet", *PACKAGES]
    subprocess.run(install, check=True, cwd=ROOT)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "tests", ROOT / "tests/support", VENV)))}
    if openapi is not None:
        program, folder = VENV / "bin/openapi-python-client", VENV / "generated_client"
        generate: list[str | Path] = [
            program,
            "generate",
            "--path",
            openapi,
            "--meta",
            "none",
            "--overwrite",
            "--output-path",
            folder,
        ]
        subprocess.run(generate, check=True, capture_output=True)
        variables["GENERATED"] = "generated_client"
    return variables


def main() -> None:
    """Run all, and write down what they print."""
    openapi = sys.argv[sys.argv.index("--openapi") + 1] if "--openapi" in sys.argv else None
    quick = ["--quick"] if "--quick" in sys.argv else []
    variables = environment(openapi)
    command = " ".join(["benchmarks/run.py", *quick])
    parts = [f"# Results\n\nCPython {platform.python_version()}, {os.cpu_count()} cores, written by `{command}`.\n"]
    for name in QUESTIONS:
        program = ROOT / "benchmarks" / name
        question = program.read_text().split("\n")[0].strip('"')
        print(f"\n{name}: {question}\n", flush=True)
        plot = ["--svg", str(ROOT / "benchmarks/cpu.svg")] if name == "cpu.py" else []
        done = subprocess.run(
            [VENV / "bin/python", program, *quick, *plot], check=True, stdout=subprocess.PIPE, text=True, env=variables, cwd=ROOT
        )
        print(done.stdout, flush=True)
        parts.append(f"## {name}: {question}\n\n{done.stdout.strip()}\n")
        if plot:
            parts.append("![CPU for each invoice](cpu.svg)\n")
    (ROOT / "benchmarks/results.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
