"""What the pages of the documentation show, cut into blocks: each has a page, a language and a text."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<indent> *)```(?:\{\.)?(?P<language>\w*)\}?\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)


@attrs.frozen
class Block:
    """A fenced block; `line` is that of its fence, from 1."""

    page: str
    line: int
    language: str
    text: str

    @property
    def program(self) -> Path | None:
        """The file of the project that stands in the block, whole; None if the block has a text of its own."""
        found = re.fullmatch(r'\s*--8<-- "(.+)"\s*', self.text)
        return ROOT / found[1] if found else None


def pages() -> list[Path]:
    """The pages that people wrote, and those files of the project that are pages too."""
    return [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page.relative_to(ROOT).as_posix(), line, found["language"], found["text"])


def examples(page: Path) -> list[tuple[Block, str | None]]:
    """Each Python block with what it prints: the text block right after it, or None."""
    text = page.read_text(encoding="utf-8")
    pairs: list[tuple[Block, str | None]] = []
    for block, following in pairwise([*blocks(page), None]):
        if block and block.language == "python" and block.program is None:
            is_box = following and following.language == "text" and f"{block.text}```\n\n```text\n" in text
            pairs.append((block, following.text if following and is_box else None))
    return pairs
