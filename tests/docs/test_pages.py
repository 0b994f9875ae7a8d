"""Every example of the documentation runs, and prints what its page says.

`python tests/docs/test_pages.py` updates the boxes with what the examples print.
"""

import ast
import asyncio
import contextlib
import importlib.util
import inspect
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # for the run as a program
from doc_pages import ROOT, Block, blocks, examples, pages

from bigcommerce_b2b_invoices import B2BClient
from bigcommerce_b2b_invoices.sandbox import Sandbox

NOT_RUN = {  # a line of a block -> why the tests do not run the block
    "python3 -m venv .venv && .venv/bin/pip install -q '.[cli]' && .venv/bin/b2b-invoices export invoices.jsonl --sandbox --overwrite": "needs a package index; .ci/run runs it",
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python tests/check.py": "runs all tests, this one included",
    "pip install bigcommerce-b2b-invoices": "needs a package index",
    "python -m bigcommerce_b2b_invoices.sandbox --host 0.0.0.0 --port 8080 --allow-remote": "opens a port to the network, for ever;"
    " tests/sandbox starts the same program",
    "python3 -m venv .venv": "needs a package index",
    "python tests/check.py": "runs all tests, this one included",
    ". .venv/bin/activate": "the environment of the block before",
    "python3 -m venv .venv-all && . .venv-all/bin/activate": "needs a package index",
}
PACKAGES = {  # what the examples of a page need beside the library
    "dlt": ("dlt", "duckdb"),
    "embedding": ("fastapi",),
    "exports": ("pyarrow",),
    "many-stores": ("sqlalchemy",),
    "observing": ("opentelemetry",),
    "quota": ("redis",),
    "spark": ("pyspark",),
}
NO_EXAMPLE = {  # a page -> why it has no example
    "docs/contact.md": "names an address",
    "docs/contributing.md": "is CONTRIBUTING.md, whose commands run",
    "SECURITY.md": "is a part of docs/security.md, which has one",
}


@contextlib.contextmanager
def surroundings(folder: Path, sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """A folder of their own for the examples, and the environment of a store."""
    environ = {
        "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
        "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
        "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    before = dict(os.environ)
    os.environ.update(environ)
    try:
        with contextlib.chdir(folder):
            yield {**before, **environ}
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.asynccontextmanager
async def scope_of_a_page() -> AsyncIterator[dict[str, Any]]:
    """What every page may use: a sandbox with 60 invoices, and an open client of it."""
    async with (
        Sandbox(invoices=60, seed=7) as sandbox,
        B2BClient(store_hash=sandbox.store_hash, auth_token=sandbox.auth_token, base_url=sandbox.base_url) as client,
    ):
        yield {"__name__": "page", "sandbox": sandbox, "client": client}


async def run(block: Block, scope: dict[str, Any]) -> str:
    """Run a block, which may await at the top level. Returns what it prints."""
    source = "\n" * block.line + block.text.replace("asyncio.run(main())", "await main()")
    code = compile(source, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = eval(code, scope)  # noqa: S307 - the documentation's own code
        if inspect.iscoroutine(result):
            await result
    return printed.getvalue().replace("\r\n", "\n")


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in pages() if examples(page)], ids=title)
async def test_the_examples_of_a_page_print_what_it_says(page: Path, tmp_path: Path) -> None:
    for package in PACKAGES.get(page.stem, ()):
        pytest.importorskip(package)

    async with scope_of_a_page() as scope:
        with surroundings(tmp_path, scope["sandbox"]):
            for block, promised in examples(page):
                printed = await run(block, scope)

                assert promised is None or printed == promised, f"{block.page}:{block.line}"
                assert promised is not None or not printed, f"{block.page}:{block.line} prints, and shows nothing: {printed}"


def shell_blocks() -> list[Block]:
    return [block for page in pages() for block in blocks(page) if block.language == "sh"]


def reason(block: Block) -> str | None:
    """Why a block does not run."""
    return next((why for line, why in NOT_RUN.items() if line in block.text.splitlines()), None)


@pytest.mark.parametrize(
    "block", [each for each in shell_blocks() if not reason(each)], ids=lambda block: f"{block.page}:{block.line}"
)
async def test_a_command_that_a_page_shows_succeeds(block: Block, tmp_path: Path) -> None:
    pytest.importorskip("cyclopts", reason="needs the extra cli")
    if "mirror" in block.text:
        pytest.importorskip("sqlalchemy", reason="needs the extra mirror")

    async with scope_of_a_page() as scope:
        with surroundings(tmp_path, scope["sandbox"]) as environ:
            path = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
            arguments = ["bash", "-euc", block.text]
            folder = ROOT if "tests/" in block.text else tmp_path
            done = await asyncio.to_thread(
                subprocess.run, arguments, cwd=folder, env={**environ, "PATH": path}, capture_output=True, text=True, check=False
            )

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_block_is_left_out_without_a_reason() -> None:
    shown = "\n".join(block.text for block in shell_blocks()).splitlines()
    languages = {block.language for page in pages() for block in blocks(page)}
    programs = [block.program for page in pages() for block in blocks(page) if block.program]

    assert [line for line in NOT_RUN if line not in shown] == []
    assert languages <= {"python", "text", "sh", "console", "json", "toml"}
    assert [path.name for path in programs if not path.is_file() or path.parent.name != "examples"] == []


def test_every_page_has_an_example() -> None:
    without = {
        title(page) for page in pages() if not any(block.language in ("python", "sh", "console") for block in blocks(page))
    }
    references = {title(page) for page in pages() if page.parent.name == "reference"}

    assert without - references == set(NO_EXAMPLE)


async def _write() -> None:
    import tempfile

    for page in [
        page for page in pages() if examples(page) and all(importlib.util.find_spec(each) for each in PACKAGES.get(page.stem, ()))
    ]:
        text = page.read_text(encoding="utf-8")
        async with scope_of_a_page() as scope:
            with tempfile.TemporaryDirectory() as folder, surroundings(Path(folder), scope["sandbox"]):
                for block, promised in examples(page):
                    printed = await run(block, scope)
                    if promised is None:
                        assert not printed, f"{block.page}:{block.line} prints, and has no box: {printed}"
                    else:
                        beginning = f"{block.text}```\n\n```text\n"
                        text = text.replace(f"{beginning}{promised}```", f"{beginning}{printed}```")
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
