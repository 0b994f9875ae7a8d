"""The progress of a long command, on stderr: a bar on a terminal, otherwise a line every few seconds."""

import shutil
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from bigcommerce_b2b_invoices import Wait
from bigcommerce_b2b_invoices.cli.text import is_quiet, say

Report: TypeAlias = Callable[[int, int | None], None]  # how many are done, and how many there are, or None if that is unknown

EVERY = 5.0  # seconds between two lines
LONG = 1.0  # seconds of a wait that is worth a word
_WHY = {"quota": "for the quota", "refused": "because the API refuses requests", "retry": "before it tries again"}
_tell: ContextVar[Callable[[str, float], None] | None] = ContextVar("tell", default=None)


def tell_wait(wait: Wait) -> None:
    """Say that a call waits, and for how long. For a client's `on_wait`."""
    if wait.seconds >= LONG:
        text = f"waiting {wait.seconds:.0f} s {_WHY[wait.reason]}"
        tell = _tell.get()
        if tell is not None:
            tell(text, wait.seconds)
        else:
            _waits.say(text, wait.seconds)


@attrs.define
class _Waits:
    """Says of several calls that wait at the same time only that the first one does."""

    until: float = 0.0

    def say(self, text: str, seconds: float) -> None:
        """One line, if no earlier one still holds."""
        now = time.monotonic()
        if now >= self.until:
            self.until = now + seconds
            say(text)


_waits = _Waits()


def progress(*, as_lines: bool) -> AbstractContextManager[Report]:
    """A context that gives a function to report to. Lines are better if the command also prints other lines."""
    at_terminal = sys.stderr is not None and sys.stderr.isatty()
    return bar() if at_terminal and not as_lines else lines()


@contextmanager
def lines(every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> Generator[Report]:
    """At most one line in `every` seconds."""
    started = shown = clock()

    def report(done: int, total: int | None) -> None:
        nonlocal shown
        now = clock()
        if now - shown >= every:
            shown = now
            say(f"{done} of {'?' if total is None else total} invoices, {done / (now - started):.0f} a second")

    yield report


@contextmanager
def bar() -> Generator[Report]:
    """Count, rate and time left. The bar disappears when the block ends."""
    columns = (BarColumn(None), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("{task.description}"))
    width = shutil.get_terminal_size().columns
    with Progress(*columns, console=Console(stderr=True, width=width, height=25), transient=True, disable=is_quiet()) as shown:
        task = shown.add_task("", total=None)

        def report(done: int, total: int | None) -> None:
            shown.update(task, completed=done, total=total, description="")

        told = _tell.set(lambda text, _seconds: shown.update(task, description=text))
        try:
            yield report
        finally:
            _tell.reset(told)


class _Rate(ProgressColumn):
    """Invoices a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.0f}/s")
