"""One run of the program: parse the arguments, run the command, and turn every ending into an exit code."""

import asyncio
import inspect
import io
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext, redirect_stdout, suppress

from bigcommerce_b2b_invoices.cli.app import app
from bigcommerce_b2b_invoices.cli.log import hide_log, logger
from bigcommerce_b2b_invoices.cli.output import Output
from bigcommerce_b2b_invoices.cli.streams import NoStdout, fill_closed_streams, let_go_of_stdout
from bigcommerce_b2b_invoices.cli.text import be_quiet, complain
from bigcommerce_b2b_invoices.cli.verdict import error_text, exit_code, is_foreseen

# by default they end a process at once, before it can delete its files; batch systems send some of them as a warning
STOPS = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGALRM", "SIGUSR1", "SIGUSR2")


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name and return the exit code. It never raises."""
    fill_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end a listing
    try:
        with redirect_stdout(NoStdout()) if sys.stdout is None else nullcontext():
            code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # for example `| head`, which stops reading early
        return 0
    except SystemExit as ended:  # rich turns a broken pipe into this error with code 1
        return 0 if ended.code in (None, 1) else 2
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a person reads this, not a program
        if not is_foreseen(error):
            logger.debug("where it happened", exc_info=error)
        complain(f"error: {error_text(error)}")
        return exit_code(error)
    finally:
        hide_log()
        let_go_of_stdout()


def _run(arguments: Sequence[str]) -> int:
    command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    be_quiet(quiet=any(isinstance(value, Output) and value.quiet for value in bound.arguments.values()))
    result = command(*bound.args, **bound.kwargs)
    if inspect.iscoroutine(result):
        result = asyncio.run(_until_signal(result))
    return result if isinstance(result, int) else 0


async def _until_signal(command: Coroutine[object, object, int]) -> int:
    """Run the command. A signal that would kill the process cancels the command instead, so that the command can clean up.

    asyncio already does the same for Ctrl-C, and raises a KeyboardInterrupt at the end.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        if task is not None:
            task.cancel()

    for name in STOPS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # `nohup` ignores SIGHUP: leave it ignored
            with suppress(NotImplementedError, RuntimeError):  # on Windows, and in any thread but the main one
                loop.add_signal_handler(number, stop, number)
    try:
        return await command
    except asyncio.CancelledError:
        if not received:
            raise
        complain(f"error: stopped by {received[0].name}")
        return 128 + received[0]
