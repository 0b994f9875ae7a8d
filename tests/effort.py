"""Counts what Python does for one invoice and for one call: byte codes of our own functions, no seconds.

    python tests/effort.py    # prints the figures of this Python, for tests/test_effort.py

It runs in a process of its own, because whatever measures coverage would count, too.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

sys.path.append(str(Path(__file__).parent / "support"))

from scripted_server import ScriptedServer, envelope

from bigcommerce_b2b_invoices import B2BClient, Invoice, InvoiceQuery
from bigcommerce_b2b_invoices.resources.lists import INVOICES, Listed
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.json_text import read_json
from bigcommerce_b2b_invoices.wire.messages import Slice

SAMPLE = (Path(__file__).parent / "samples/get_invoice_200.json").read_bytes()
OURS = ("bigcommerce_b2b_invoices", "<reader of")  # generated readers have no file


class Effort:
    """Counts while it is entered."""

    def __init__(self) -> None:
        self.count = 0

    if sys.version_info >= (3, 12):

        def __enter__(self) -> Self:
            sys.monitoring.use_tool_id(sys.monitoring.PROFILER_ID, "effort")
            sys.monitoring.register_callback(sys.monitoring.PROFILER_ID, sys.monitoring.events.INSTRUCTION, self._step)
            sys.monitoring.set_events(sys.monitoring.PROFILER_ID, sys.monitoring.events.INSTRUCTION)
            return self

        def __exit__(self, *_: object) -> None:
            sys.monitoring.set_events(sys.monitoring.PROFILER_ID, 0)
            sys.monitoring.free_tool_id(sys.monitoring.PROFILER_ID)

        def _step(self, code: CodeType, _offset: int) -> object:
            if not _is_ours(code):
                return sys.monitoring.DISABLE
            self.count += 1
            return None

    else:

        def __enter__(self) -> Self:
            sys.settrace(self._enter_function)
            return self

        def __exit__(self, *_: object) -> None:
            sys.settrace(None)

        def _enter_function(self, frame: FrameType, _event: str, _arg: object) -> Any:
            frame.f_trace_opcodes = True
            return self._step if _is_ours(frame.f_code) else None

        def _step(self, _frame: FrameType, event: str, _arg: object) -> Any:
            self.count += event == "opcode"
            return self._step


def _is_ours(code: CodeType) -> bool:
    return any(name in code.co_filename for name in OURS)


def of(work: Callable[[], object]) -> int:
    """The effort of some work, the second time: what is made once is made then."""
    work()
    with Effort() as effort:
        work()
    return effort.count


async def of_a_call() -> int:
    """The effort of one `get` of an invoice without details, over real HTTP."""
    async with (
        ScriptedServer([envelope({"id": 9})]) as server,
        B2BClient(store_hash="abc123", auth_token="x", base_url=server.base_url) as client,
    ):
        await client.invoices.get(9)
        with Effort() as effort:
            await client.invoices.get(9)
    return effort.count


async def no_send(call: Call[Any], *, bulk: bool = False) -> Any:
    """Nothing is sent."""
    raise AssertionError


def main() -> None:
    """Print the figures."""
    row = read_json(SAMPLE)["data"]  # type: ignore[index] # an envelope
    answer, bare = Slice([row], 250, 1, 1), Slice([{**row, "details": None}], 250, 1, 1)
    listed = Listed(no_send, INVOICES, InvoiceQuery())
    figures = {
        "a row of a walk without details": of(lambda: listed.read(bare, 0)),
        "a row of a walk": of(lambda: listed.read(answer, 0)),
        "an invoice written": of(lambda: converter.write(converter.read(Invoice, row))),
        "a call": asyncio.run(of_a_call()),
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
