"""The screens in the documentation are what the commands print. `python tests/docs/test_command_line.py` updates them."""

import re
import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # for the run as a program
pseudo_terminal = pytest.importorskip("pseudo_terminal", reason="needs a pseudo-terminal")
from pseudo_terminal import at_terminal, plain  # noqa: E402

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "command-line.md"
WIDTH = 100
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
VOLATILE = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}"), "..."),
    (re.compile(r"(used|differ by|clock[^.]*?) -?\d+(\.\d+)? s"), r"\1 ... s"),
]


def screens(text: str) -> list[tuple[str, str]]:
    """Each command with what the page shows below it."""
    found = []
    for block in BLOCK.findall(text):
        parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        found += [(command, shown.strip("\n")) for command, _, shown in (part.partition("\n") for part in parts)]
    return found


def run(command: str, folder: Path) -> str:
    """What a terminal shows."""
    arguments = [str(folder / each) if each == "pdfs" else each for each in shlex.split(command)[1:]]
    _, screen = at_terminal(*arguments, width=WIDTH, environ={"NO_COLOR": "1", "TERM": "dumb"})
    text = "\n".join(line.rstrip() for line in plain(screen)).replace(f"{folder}/", "")
    for pattern, instead in VOLATILE:
        text = pattern.sub(instead, text)
    return text.strip("\n")


SCREENS = [(page, *screen) for page in sorted(DOCS.glob("*.md")) for screen in screens(page.read_text())]


@pytest.mark.parametrize(("page", "command", "shown"), SCREENS, ids=[f"{page.name}: {command}" for page, command, _ in SCREENS])
def test_a_screen_is_what_the_command_prints(tmp_path: Path, page: Path, command: str, shown: str) -> None:
    assert run(command, tmp_path).splitlines() == shown.splitlines()


def test_each_command_has_a_screen_or_is_told_of() -> None:
    from bigcommerce_b2b_invoices.cli.app import COMMANDS

    text = PAGE.read_text()
    assert [name for name in COMMANDS if f"b2b-invoices {name}" not in text and f"`{name}" not in text] == []


def _write() -> None:
    import tempfile

    def filled(block: "re.Match[str]") -> str:
        with tempfile.TemporaryDirectory() as folder:
            commands = [command for command, _ in screens(block[0])]
            return "```console\n" + "\n".join(f"$ {each}\n{run(each, Path(folder))}\n" for each in commands) + "```"

    for page in sorted(DOCS.glob("*.md")):
        page.write_text(BLOCK.sub(filled, page.read_text()))


if __name__ == "__main__":
    _write()
