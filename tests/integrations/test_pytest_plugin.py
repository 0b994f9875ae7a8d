"""The pytest plugin: in a tiny project of its own, against the built wheel, and what it costs."""

import gc
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from bigcommerce_b2b_invoices import B2BClient
from bigcommerce_b2b_invoices.integrations.pytest_plugin import connected, started

ROOT = Path(__file__).parent.parent.parent
PROJECT = Path(__file__).parent / "plugin_project"
PLUGIN = "_bigcommerce_b2b_invoices_pytestplugin"
STRICT = ("-q", "-W", "error", "--strict-markers", "--strict-config", "-p", "no:cacheprovider")
LOOP = ("-o", "asyncio_default_fixture_loop_scope=function")
RUNS = {  # a module of the project -> the plugins that it does without, and their settings
    "asyncio_strict": ("-p", "no:aiohttp", "-p", "no:anyio", "-o", "asyncio_mode=strict", *LOOP),
    "aiohttp_auto": ("-p", "no:anyio", "-o", "asyncio_mode=auto", *LOOP),
    "anyio_asyncio": ("-p", "no:aiohttp", "-p", "no:asyncio"),
    "nothing": ("-p", "no:aiohttp", "-p", "no:asyncio", "-p", "no:anyio"),
    "plain": ("-p", "no:aiohttp", "-p", "no:asyncio", "-p", "no:anyio"),
}
MOST_SECONDS = 0.05  # that a test with 50 invoices may cost


def run(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A program, in a folder, without what our own test run put into the environment for its children."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "COV", "PYTHON"))}
    return subprocess.run(command, cwd=cwd, env=inherited | environ, capture_output=True, text=True, check=False, timeout=240)


def make_project(folder: Path) -> None:
    for path in PROJECT.glob("*.py"):
        shutil.copy(path, folder / f"test_{path.name}")


def make_environment(folder: Path) -> Path:
    """Python of a new environment with the built wheel and the plugins of others. Skips the test if there is no registry."""
    source = ROOT if (ROOT / f"{PLUGIN}.py").exists() else next((ROOT / "dist").glob("*.whl"))  # put away: a wheel is tested
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source, cwd=folder)
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder).check_returncode()
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    wheels = list(folder.glob("*.whl"))
    needed = ["pytest", "pytest-asyncio", "pytest-aiohttp", "anyio"]
    installed = run(python, "-m", "pip", "install", "--quiet", *wheels, *needed, cwd=folder) if wheels else built
    if installed.returncode:
        pytest.skip(f"pip cannot build or install what the tiny project needs: {installed.stderr.strip()[-500:]}")
    return python


@pytest.mark.timeout(600)  # it makes an environment; therefore all of it is one test
def test_a_project_of_its_own_needs_nothing_but_the_installed_wheel(tmp_path: Path) -> None:
    python = make_environment(tmp_path)
    make_project(tmp_path)

    for module, options in RUNS.items():
        ended = run(python, "-X", "dev", "-m", "pytest", *STRICT, *options, f"test_{module}.py", cwd=tmp_path)
        assert ended.returncode == 0, f"{module}: {ended.stdout}{ended.stderr}"
        assert " passed" in ended.stdout
    wrong = run(python, "-m", "pytest", *STRICT, *RUNS["plain"], "test_wrong.py", cwd=tmp_path)
    listed = run(python, "-m", "pytest", "--markers", cwd=tmp_path)

    assert "3 errors" in wrong.stdout
    for name, problem in {
        "test_an_unknown_setting": "invocies",
        "test_a_setting_without_its_name": "takes keywords",
        "test_a_setting_out_of_range": "quota must be",
    }.items():
        assert any(f"test_wrong.py::{name}: " in line and problem in line for line in wrong.stdout.splitlines())
    assert "@pytest.mark.b2b_sandbox(**settings)" in listed.stdout


def test_the_plugin_works_here_too(tmp_path: Path) -> None:
    make_project(tmp_path)
    command = (sys.executable, "-m", "pytest", *STRICT, "-p", PLUGIN)
    environ = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    coverage = {name: text for name, text in os.environ.items() if name.startswith("COV")}

    modules = ("test_plain.py", "test_wrong.py", "test_nothing.py")
    ended = [run(*command, module, cwd=tmp_path, **environ, **coverage) for module in modules]

    assert [each.returncode for each in ended] == [0, 1, 0], ended


def test_the_fixtures_cost_less_than_50_ms_a_test(request: pytest.FixtureRequest) -> None:
    seconds = []
    ids: tuple[int, ...] = ()
    for _ in range(20):
        began = time.perf_counter()
        with started(request.node) as sandbox, connected(sandbox):
            ids = tuple(sandbox.invoice_ids)
        seconds.append(time.perf_counter() - began)

    assert len(ids) == 50
    assert statistics.median(seconds) < MOST_SECONDS


async def test_a_client_is_closed_while_its_loop_runs_and_a_request_waits(request: pytest.FixtureRequest) -> None:
    threads = threading.active_count()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with started(request.node) as sandbox, connected(sandbox) as client:
            assert await client.invoices.count() == 50
        del client, sandbox
        gc.collect()

    assert [str(warning.message) for warning in caught] == []
    assert threading.active_count() == threads


def test_a_client_can_be_imitated() -> None:
    imitation = create_autospec(B2BClient, instance=True)
    imitation.invoices.count.return_value = 3
    made = create_autospec(B2BClient)(store_hash="abc123", auth_token="token")

    assert imitation.invoices.count() == 3
    made.invoices.get(5)
    made.company("5").get(5)
    with pytest.raises(AttributeError):
        imitation.bills  # noqa: B018 - that is the point
    with pytest.raises(TypeError):
        imitation.company()
