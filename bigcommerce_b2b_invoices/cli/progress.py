"""The progress of a long command, on stderr: a bar on a terminal, otherwise a line every few seconds."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from bigcommerce_b2b_invoices.cli.text import say

Report: TypeAlias = Callable[[int, int | None], None]  # how many are done, and how many there are, or None if that is unknown

EVERY = 5.0  # seconds between two lines


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
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


class _Rate(ProgressColumn):
    """Invoices a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.0f}/s")
