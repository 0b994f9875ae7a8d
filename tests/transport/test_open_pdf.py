"""A PDF as a stream: passed on as it comes, no faster than it is read, and never as if it were whole when it is not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from conftest import TOKEN, Scripted
from scripted_server import Bytes, Drip, Flood, Stall, envelope, raw

from bigcommerce_b2b_invoices import (
    B2BClient,
    DownloadError,
    ForeignInvoiceError,
    NotFoundError,
    RetryPolicy,
    Timeout,
    UnsafeURLError,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox

PDF = b"%PDF-1.4\n...\n%%EOF\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: %d\r\n\r\n"


async def linked(scripted: Scripted, *replies: Bytes | Stall | Drip | Flood, **settings: object) -> B2BClient:
    """A client of a server that answers with a link to itself, and then with these replies."""
    server, client = await scripted(Bytes(b""), **settings)
    link = envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf", "externalPdfUrl": f"http://127.0.0.1:{server.port}/y.pdf"})
    server.script(link, *replies)
    return client


async def test_the_stream_tells_its_size_and_a_name(sandbox: Sandbox, client: B2BClient) -> None:
    first, second = sandbox.invoice_ids[:2]

    async with client.invoices.open_pdf(first) as pdf:
        content = b"".join([chunk async for chunk in pdf])

    assert (pdf.size, pdf.filename) == (len(content), f"invoice-{first}.pdf")
    assert content.startswith(b"%PDF-")
    with pytest.raises(RuntimeError, match="inside"):
        await anext(pdf)
    async with client.invoices.open_pdf(second) as pdf:  # left at once
        pass
    with pytest.raises(NotFoundError):
        async with client.invoices.open_pdf(999_999):
            raise AssertionError


async def test_a_size_that_is_not_told_is_none(scripted: Scripted) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(PDF), PDF)
    client = await linked(scripted, Bytes(chunked))

    async with client.invoices.open_pdf(9) as pdf:
        assert pdf.size is None
        assert b"".join([chunk async for chunk in pdf]) == PDF


@pytest.mark.parametrize("reply", [raw(b"<html>Sorry</html>"), raw(b"%PD"), raw(b""), raw(b"no", status=500)])
async def test_what_is_no_pdf_never_begins_the_block(scripted: Scripted, reply: Bytes) -> None:
    client = await linked(scripted, reply)

    with pytest.raises(DownloadError):
        async with client.invoices.open_pdf(9):
            raise AssertionError


@pytest.mark.parametrize(
    "reply",
    [
        Bytes(HEAD % 1000 + b"%PDF-1.4\n".ljust(400), then="close"),
        Bytes(HEAD % 1000 + b"%PDF-1.4\n".ljust(400), then="reset"),
        Stall(HEAD % 1000 + b"%PDF-1.4\n".ljust(400)),
        raw(b"%PDF-1.4\n".ljust(2000)),
    ],
    ids=["closed", "reset", "silent", "without an end"],
)
async def test_a_break_in_the_middle_is_an_exception_and_never_a_short_file(scripted: Scripted, reply: Bytes) -> None:
    client = await linked(scripted, reply, timeout=Timeout(total=0.3))
    chunks = []

    with pytest.raises(DownloadError) as caught:
        async with client.invoices.open_pdf(9) as pdf:
            async for chunk in pdf:
                chunks.append(chunk)  # noqa: PERF401 - what came before the break counts

    assert chunks
    assert (caught.value.method, caught.value.path) == ("GET", "/invoices/9/download-pdf")


async def test_a_slow_reader_breaks_nothing_and_the_host_waits_for_it() -> None:
    """The host can send no more than fits between it and a reader who has stopped."""
    body, sent = b"%PDF-1.4\n".ljust(20 * 2**20) + b"%%EOF\n", 0
    port = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        request = await reader.readuntil(b"\r\n\r\n")
        if b"/download-pdf " in request:
            writer.write(envelope({"url": f"http://127.0.0.1:{port}/x.pdf"}).text)
            writer.close()
            return
        writer.write(HEAD % len(body))
        for start in range(0, len(body), 65_536):
            writer.write(body[start : start + 65_536])
            await writer.drain()
            sent = start
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        base_url = f"http://127.0.0.1:{port}/api"
        async with (
            B2BClient(store_hash="a", auth_token=TOKEN, base_url=base_url, timeout=Timeout(total=0.4)) as client,
            client.invoices.open_pdf(9) as pdf,
        ):
            await asyncio.sleep(0.8)  # longer than Timeout.total
            sent_meanwhile = sent
            received = sum([len(chunk) async for chunk in pdf])

    assert sent_meanwhile < len(body) / 2
    assert received == len(body)


async def test_whoever_leaves_closes_the_connection(scripted: Scripted) -> None:
    server, client = await scripted(Bytes(b""))
    link = envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf"})
    server.script(Bytes(link.text, then="close"), Stall(HEAD % 1000 + PDF))

    async def pass_on(client: B2BClient) -> AsyncIterator[bytes]:
        async with client.invoices.open_pdf(9) as pdf:
            async for chunk in pdf:
                yield chunk

    stream = pass_on(client)
    assert await anext(stream) == PDF
    await stream.aclose()  # type: ignore[attr-defined] # an async generator

    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.001)


async def test_a_link_that_expired_is_asked_for_again_and_an_external_one_only_if_wanted(scripted: Scripted) -> None:
    server, client = await scripted(Bytes(b""), retry=RetryPolicy(attempts=1))
    link = envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf", "externalPdfUrl": "http://127.0.0.1/y.pdf"})
    server.script(link, raw(b"", status=403), link, raw(PDF))

    async with client.invoices.open_pdf(9) as pdf:
        assert b"".join([chunk async for chunk in pdf]) == PDF
    server.script(link)
    with pytest.raises(UnsafeURLError):
        async with client.invoices.open_pdf(9, external=True):
            raise AssertionError


async def test_a_company_sees_only_its_own_pdf(sandbox: Sandbox, client: B2BClient) -> None:
    everything = [invoice async for invoice in client.invoices.iterate()]
    own = everything[0]
    foreign = next(invoice for invoice in everything if invoice.customer_id != own.customer_id)
    assert own.customer_id
    company = client.company(own.customer_id)

    async with company.open_pdf(own.id) as pdf:
        assert await anext(pdf)
    count = sandbox.request_count
    with pytest.raises(ForeignInvoiceError):
        async with company.open_pdf(foreign.id):
            raise AssertionError

    assert sandbox.request_count == count + 1  # the invoice was read, and nothing else was asked for
