"""Invoices as text for a streaming response: the same text as in a file, one row at a time, and no walk left behind."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

import pytest
from conftest import connect

from bigcommerce_b2b_invoices import B2BClient, ConfigurationError, ConnectFailedError, Invoice, from_json
from bigcommerce_b2b_invoices.export import COLUMNS, csv_rows, json_lines, write_invoices
from bigcommerce_b2b_invoices.sandbox import Sandbox

ODD = Invoice(id=1, customer_name="a\ud800b\r\nc", invoice_number="=1+1")
Stream: TypeAlias = Callable[[AsyncIterable[Invoice]], AsyncGenerator[str]]
STREAMS: list[Stream] = [csv_rows, json_lines]


async def of(*invoices: Invoice) -> AsyncIterator[Invoice]:
    for invoice in invoices:
        yield invoice


@pytest.mark.parametrize(("stream", "ending"), [(csv_rows, ".csv"), (json_lines, ".jsonl")])
async def test_a_stream_has_the_same_bytes_as_a_file(client: B2BClient, tmp_path: Path, stream: Stream, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    invoices = [ODD, *[invoice async for invoice in client.invoices.iterate()]]
    await write_invoices(path, of(*invoices))

    pieces = [text async for text in stream(of(*invoices))]

    assert "".join(pieces).encode() == path.read_bytes()
    assert len(pieces) == len(invoices) + (ending == ".csv")


async def test_each_line_of_json_is_an_equal_invoice(client: B2BClient) -> None:
    invoices = [ODD, *[invoice async for invoice in client.invoices.iterate()]]

    lines = [line async for line in json_lines(of(*invoices))]

    assert [from_json(Invoice, line) for line in lines] == invoices
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


async def test_the_header_comes_first_and_columns_choose_and_order() -> None:
    everything = [text async for text in csv_rows(of(ODD))]
    chosen = [text async for text in csv_rows(of(ODD), ["customer_name", "id"])]
    none = [text async for text in csv_rows(of())]

    assert everything[0] == f"{','.join(COLUMNS)}\r\n"
    assert chosen[0] == "customer_name,id\r\n"
    assert list(csv.reader(io.StringIO("".join(chosen), newline=""))) == [["customer_name", "id"], ["a\\ud800b\r\nc", "1"]]
    assert none == [everything[0]]


def test_the_columns_are_those_of_the_contract() -> None:
    assert COLUMNS == (
        "id", "invoice_number", "customer_id", "customer_name", "type", "status", "is_pending_payment", "source",
        "original_balance", "original_balance_currency", "open_balance", "open_balance_currency", "due_date", "created_at",
        "updated_at", "order_number", "purchase_order_number", "external_id", "external_customer_id", "channel_id",
        "channel_name", "external_pdf_url", "terms_conditions", "line_item_count", "extra_fields",
    )  # fmt: skip


def test_wrong_columns_are_refused_at_once_before_an_answer_begins() -> None:
    for columns in (["id", "idd"], ["id", "id"], []):
        with pytest.raises(ConfigurationError, match=r"idd|once"):
            csv_rows(of(), columns)
    with pytest.raises(TypeError, match="several"):
        csv_rows(of(), "id")


@pytest.mark.parametrize("stream", STREAMS)
async def test_it_takes_an_invoice_only_when_one_is_wanted(stream: Stream) -> None:
    taken = []

    async def watched() -> AsyncIterator[Invoice]:
        for number in range(1, 100):
            taken.append(number)
            yield Invoice(id=number)

    texts = stream(watched())
    skipped = await anext(texts) if stream is csv_rows else None
    assert skipped is None or taken == []
    for wanted in range(1, 4):
        await anext(texts)
        assert len(taken) == wanted
    await texts.aclose()


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_consumer_that_stops_stops_the_walk_at_the_pages_that_it_reads_ahead(stream: Stream) -> None:
    async with (
        Sandbox(invoices=4000) as sandbox,
        connect(sandbox) as client,
        aclosing(stream(client.invoices.iterate(page_size=50, prefetch=4))) as texts,
    ):
        for _ in range(3):
            await anext(texts)
        await asyncio.sleep(0.5)

        assert sandbox.request_count == 4 + 1


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("wrapped", [False, True], ids=["a walk", "a generator around a walk"])
async def test_closing_early_leaves_no_task_and_sends_no_request(stream: Stream, *, wrapped: bool) -> None:
    async with Sandbox(invoices=4000, latency=0.1) as sandbox, connect(sandbox) as client:

        async def large() -> AsyncIterator[Invoice]:
            async for invoice in client.invoices.iterate(page_size=50, prefetch=4):
                yield invoice

        before = asyncio.all_tasks()
        walk = client.invoices.iterate(page_size=50, prefetch=4)
        async with aclosing(stream(large() if wrapped else walk)) as texts:
            for _ in range(3):
                await anext(texts)
            working = {task for task in asyncio.all_tasks() - before if "fetch" in repr(task.get_coro())}
            await asyncio.sleep(0.05)  # the requests arrive, and their answers do not
        await asyncio.sleep(0)
        left = {task for task in working if not task.done()}
        count = sandbox.request_count
        await asyncio.sleep(0.3)

        assert working
        assert left == set()
        assert sandbox.request_count == count


@pytest.mark.parametrize("stream", STREAMS)
async def test_an_invoice_that_cannot_be_written_ends_the_walk_behind(stream: Stream) -> None:
    closed = []

    async def bad() -> AsyncIterator[Invoice]:
        try:
            yield object()  # type: ignore[misc] # no invoice
        finally:
            closed.append(True)

    with pytest.raises((AttributeError, TypeError)) as caught:  # which holds the frames
        async for text in stream(bad()):
            assert text.startswith("id,")

    assert closed == [True]
    del caught


@pytest.mark.parametrize("stream", STREAMS)
async def test_an_error_of_the_walk_passes_through(stream: Stream) -> None:
    async def breaks() -> AsyncIterator[Invoice]:
        yield ODD
        raise ConnectFailedError("gone")

    got = []
    with pytest.raises(ConnectFailedError):
        async for text in stream(breaks()):
            got.append(text)  # noqa: PERF401 - what came before the error counts

    assert len(got) == 1 + (stream is csv_rows)


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_second_consumer_is_refused_and_the_first_loses_nothing(
    sandbox: Sandbox, client: B2BClient, stream: Stream
) -> None:
    walk = client.invoices.iterate(page_size=10)
    first = aiter(walk)
    found = [await anext(first)]

    async def second() -> None:
        async for _ in stream(walk):
            pass

    with pytest.raises(RuntimeError, match="one consumer"):
        await asyncio.create_task(second())
    found += [invoice async for invoice in first]

    assert sorted(invoice.id for invoice in found) == sorted(sandbox.invoice_ids)
