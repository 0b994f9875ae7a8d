"""PDFs: hosts that are not trusted, files that are not whole, and a disk with nothing left behind."""

import asyncio
import contextlib
import logging
import pickle
import signal
import socket
import sys
import traceback
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from conftest import TOKEN, Scripted
from scripted_server import CLOSE, RESET, Bytes, Drip, Reply, ScriptedServer, Stall, envelope, raw

from bigcommerce_b2b_invoices import B2BClient, DownloadError, ForeignInvoiceError, NotFoundError, Timeout, UnsafeURLError
from bigcommerce_b2b_invoices.sandbox import Sandbox

PDF = b"%PDF-1.4\n...\n%%EOF\n"
OLD = b"what was here before"
CANARY = "canary-signature"
OWN = f"http://127.0.0.1:{{port}}/a%2Fb.pdf?X-Amz-Credential=a%2Fb%2bc&X-Amz-Signature={CANARY}"
TARGET = OWN.partition("{port}")[2]
LINK_TARGET = "/api/v3/io/ip/invoices/9/download-pdf"
S3_ERROR = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
FULL_TYPE_200 = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"


def links(server: ScriptedServer, url: str | None = OWN, external: str | None = None) -> Bytes:
    """The API's answer with these links, after which the API's connection is closed, so that none is left but a file host's."""
    found = {"url": url and url.format(port=server.port), "externalPdfUrl": external and external.format(port=server.port)}
    answer = envelope(found)
    return Bytes(answer.text, then="close")


def pdf(size: int) -> bytes:
    return b"%PDF-1.4\n".ljust(size - 6, b"x") + b"%%EOF\n"


@pytest.fixture(scope="session")
def connects() -> list[object]:
    """Addresses that any socket of this process was connected to."""
    seen: list[object] = []
    sys.addaudithook(lambda event, arguments: seen.append(arguments[1]) if event == "socket.connect" else None)
    return seen


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names, and the addresses that they resolve to."""
    known: dict[str, list[str]] = {}
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host not in known:
            return resolve(host, port, *arguments, **options)
        return [found for address in known[host] for found in resolve(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def shown(error: BaseException) -> str:
    """All that a log may show of an error; without the test's own frame, which holds the link."""
    below = error.__traceback__ and error.__traceback__.tb_next
    frames = traceback.TracebackException(type(error), error, below, capture_locals=True).format()
    return "\n".join([str(error), repr(error), repr(vars(pickle.loads(pickle.dumps(error)))), *frames])  # noqa: S301 - our own


async def read_stream(client: B2BClient, invoice_id: int, **settings: Any) -> bytes:
    async with client.invoices.open_pdf(invoice_id, **settings) as stream:
        return b"".join([chunk async for chunk in stream])


async def until_no_connection(server: ScriptedServer) -> None:
    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.001)


@attrs.frozen
class Row:
    """A row of the fault matrix: what is injected, and what must come of it."""

    id: str
    says: str
    replies: Sequence[Reply] = ()  # of the file's host; none: nothing must be sent to it
    link: str = OWN
    error: type[DownloadError] = DownloadError
    status: int | None = None
    asked: int = 1
    settings: dict[str, Any] = attrs.field(factory=dict)


def unsafe(row: str, link: str, says: str) -> Row:
    return Row(f"{row} {link}", says, link=f"{link}?{CANARY}", error=UnsafeURLError)


def refused(row: str, status: int, **headers: Any) -> Row:
    return Row(f"{row} {status}", f"HTTP {status}", [raw(b"", status, **headers)], status=status)


HUGE = 200 * 2**20
QUICK = {"timeout": Timeout(total=0.5)}
MATRIX = [
    unsafe("N1", "http://example.com/x.pdf", "not https"),
    unsafe("N2", "https://127.0.0.1/x.pdf", "public address"),
    unsafe("N2", "https://10.0.0.1/x.pdf", "public address"),
    unsafe("N2", "https://169.254.169.254/latest", "public address"),
    unsafe("N2", "https://[::1]/x.pdf", "public address"),
    unsafe("N2", "https://[::ffff:127.0.0.1]/x.pdf", "public address"),
    unsafe("N2", "https://[64:ff9b::7f00:1]/x.pdf", "public address"),
    unsafe("N2", "https://localhost/x.pdf", "public address"),
    unsafe("N2", "https://localhost./x.pdf", "public address"),
    unsafe("N2", "https://127.0.0.1./x.pdf", "public address"),
    unsafe("N2", "https://0x7f000001/x.pdf", "public address"),
    unsafe("N2", "https://2130706433/x.pdf", "public address"),
    unsafe("N2", "https://127.1/x.pdf", "public address"),
    unsafe("N3", "https://private.example.com/x.pdf", "leads to 10.0.0.1"),
    unsafe("N3", "https://both.example.com/x.pdf", "public address"),
    unsafe("N3", "https://nat64.example.com/x.pdf", "leads to 64:ff9b::7f00:1"),
    *(refused("N4", status, Location="http://127.0.0.1/stolen") for status in (301, 302, 303, 307, 308)),
    unsafe("N5", "https://example.com:8443/x.pdf", "port 443"),
    unsafe("N5", "https://127.0.0.1:{port}/x.pdf", "port 443"),
    unsafe("N5", "http://localhost:{port}/x.pdf", "not https"),
    unsafe("N6", "https://user@example.com/x.pdf", "user name"),
    unsafe("N6", "http://user@127.0.0.1:{port}/x.pdf", "user name"),
    unsafe("N7", "file:///etc/passwd", "not a URL"),
    unsafe("N7", "ftp://example.com/x.pdf", "not https"),
    Row("N8 HTML", "is not a PDF", [raw(b"<html>", Content_Type="text/html")]),
    Row("N8 XML", "is not a PDF", [raw(S3_ERROR, Content_Type="application/pdf")]),
    Row("N8 nothing", "not a whole PDF", [raw(b"")]),
    Row("N8 four bytes", "not a whole PDF", [raw(b"%PDF")]),
    *(refused("N8", status) for status in (204, 206, 304, 400, 404, 410, 500, 503)),
    *(Row(f"N8 {name}", "encoding", [raw(PDF, Content_Encoding=name)]) for name in ("gzip", "br", "rot13")),
    Row("N9 expired for ever", "HTTP 403", [raw(S3_ERROR, 403, then="close")], status=403, asked=2),
    Row("N10 right length", "not a whole PDF", [raw(PDF[:-8])]),
    Row("N10 length too long, closed", "broke off", [raw(PDF, length=500, then="close")]),
    Row("N10 length too long, reset", "broke", [raw(PDF, length=500, then="reset")]),
    Row("N10 length too short", "not valid HTTP|not a whole PDF", [raw(PDF, length=12)]),
    Row(
        "N10 end of chunks missing",
        "broke off",
        [Bytes(FULL_TYPE_200 + b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + PDF, "close")],
    ),
    Row("N10 an end, and much after it", "not a whole PDF", [raw(PDF + b"x" * 2000)]),
    Row("N11 whole", "where the file ends", [Bytes(FULL_TYPE_200 + b"\r\n" + PDF, "close")]),
    Row("N11 cut", "where the file ends", [Bytes(FULL_TYPE_200 + b"\r\n" + PDF[:-8], "close")]),
    Row("N12 said", "larger than 25 MiB", [Stall(FULL_TYPE_200 + b"Content-Length: %d\r\n\r\n%%PDF-" % HUGE)]),
    Row(
        "N12 unsaid",
        "larger than 25 MiB",
        [
            Drip(
                [
                    FULL_TYPE_200 + b"Transfer-Encoding: chunked\r\n\r\n7\r\n%PDF-1.\r\n",
                    *[b"100000\r\n" + bytes(2**20) + b"\r\n"] * 30,
                ]
            )
        ],
    ),
    Row("no answer", "connection broke", [CLOSE]),
    Row("reset", "connection broke", [RESET]),
    Row("not HTTP", "not valid HTTP", [Bytes(b"SSH-2.0\r\n\r\n", "close")]),
    Row("silence", "in time", [Stall()], settings=QUICK),
    Row("silence in the body", "in time", [Stall(raw(PDF, length=500).text)], settings=QUICK),
    Row("one byte at a time", "in time", [Drip([raw(b"%PDF-", length=5000).text, *[b"x"] * 1000], pause=0.02)], settings=QUICK),
]


@pytest.mark.parametrize("way", ["no file", "old file", "stream"])
@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.id)
async def test_a_row_of_the_matrix(
    scripted: Scripted,
    tmp_path: Path,
    names: dict[str, list[str]],
    connects: list[object],
    caplog: pytest.LogCaptureFixture,
    row: Row,
    way: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    names.update(
        {
            "localhost.": ["127.0.0.1"],
            "private.example.com": ["10.0.0.1"],
            "both.example.com": ["::1", "127.0.0.1"],
            "nat64.example.com": ["64:ff9b::7f00:1"],
        }
    )
    path = tmp_path / "x.pdf"
    if way == "old file":
        path.write_bytes(OLD)
    server, client = await scripted(CLOSE, **row.settings)
    server.script(*[links(server, row.link), *row.replies] * row.asked)
    connects.clear()
    with pytest.raises(DownloadError, match=row.says) as raised:
        if way == "stream":
            await read_stream(client, 9)
        else:
            await client.invoices.download_pdf(9, path, overwrite=way == "old file")
    error = raised.value
    assert (type(error), error.status) == (row.error, row.status)
    assert (error.method, error.path, error.attempts) == ("GET", "/invoices/9/download-pdf", row.asked)
    assert (error.__cause__, error.__context__) == (None, None)
    for secret in (CANARY, TOKEN):
        assert secret not in shown(error)
        assert secret not in caplog.text
    assert [seen.target for seen in server.seen] == [LINK_TARGET, *[TARGET for _ in row.replies]] * row.asked
    assert set(connects) <= {("127.0.0.1", server.port)}
    await until_no_connection(server)
    assert [(left.name, left.read_bytes()) for left in tmp_path.iterdir()] == ([("x.pdf", OLD)] if way == "old file" else [])


WHOLE: list[tuple[str, Reply, bytes]] = [
    ("with a length", raw(PDF), PDF),
    (
        "in chunks",
        Bytes(FULL_TYPE_200 + b"Transfer-Encoding: chunked\r\n\r\n3\r\n%PD\r\n10\r\n" + PDF[3:] + b"\r\n0\r\n\r\n"),
        PDF,
    ),
    ("byte by byte", Drip([raw(PDF).text[index : index + 1] for index in range(len(raw(PDF).text))]), PDF),
    ("in several blocks", raw(pdf(5 * 2**19 + 1)), pdf(5 * 2**19 + 1)),
    ("as large as may be", raw(pdf(25 * 2**20)), pdf(25 * 2**20)),
    ("with 1,000 bytes after its end", raw(PDF + b"x" * 1000), PDF + b"x" * 1000),
    ("with an encoding that is none", raw(PDF, Content_Encoding="identity"), PDF),
    ("N13 under another name", raw(PDF, Content_Disposition='attachment; filename="../../evil.pdf"'), PDF),
]


@pytest.mark.parametrize(("reply", "content"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
async def test_a_whole_pdf_is_stored_byte_for_byte_and_its_host_gets_no_credential(
    scripted: Scripted, tmp_path: Path, reply: Reply, content: bytes
) -> None:
    server, client = await scripted(CLOSE)
    server.script(links(server), reply)
    path = tmp_path / "x.pdf"
    assert await client.invoices.download_pdf(9, str(path)) == path
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
    asked, fetched = server.seen
    assert (asked.headers["x-auth-token"], fetched.target) == (TOKEN, TARGET)
    assert set(fetched.headers) == {"host", "accept", "accept-encoding", "user-agent", "connection"}
    assert fetched.headers["accept-encoding"] == "identity"
    await until_no_connection(server)


async def test_the_sandboxs_pdf_is_stored(sandbox: Sandbox, client: B2BClient, tmp_path: Path) -> None:
    path = await client.invoices.download_pdf(sandbox.invoice_ids[0], tmp_path / "x.pdf")
    before = path.read_bytes()
    assert before.startswith(b"%PDF-1.")
    with pytest.raises(DownloadError, match="overwrite=True"):
        await client.invoices.download_pdf(sandbox.invoice_ids[1], path)
    assert path.read_bytes() == before
    await client.invoices.download_pdf(sandbox.invoice_ids[1], path, overwrite=True)
    assert path.read_bytes() != before
    with pytest.raises(NotFoundError):
        await client.invoices.download_pdf(999_999, tmp_path / "y.pdf")
    assert list(tmp_path.iterdir()) == [path]


async def test_an_expired_link_is_asked_for_once_more_and_the_fresh_one_is_judged_too(scripted: Scripted, tmp_path: Path) -> None:
    server, client = await scripted(CLOSE)
    expired = raw(S3_ERROR, 403, Set_Cookie="id=1; Path=/")
    server.script(links(server), expired, links(server), raw(PDF))
    assert (await client.invoices.download_pdf(9, tmp_path / "x.pdf")).read_bytes() == PDF
    server.script(links(server), expired, links(server, "https://10.0.0.1/x.pdf"), raw(PDF))
    with pytest.raises(UnsafeURLError):
        await client.invoices.download_pdf(9, tmp_path / "y.pdf")
    server.script(links(server), expired, links(server), raw(b"", 404), raw(PDF))
    with pytest.raises(DownloadError, match="HTTP 404"):
        await client.invoices.download_pdf(9, tmp_path / "y.pdf")
    assert [left.name for left in tmp_path.iterdir()] == ["x.pdf"]
    assert not any("cookie" in seen.headers for seen in server.seen)


async def test_no_proxy_and_no_password_of_the_environment_is_used(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, _ = await scripted(raw(PDF))
    server, client = await scripted(CLOSE)
    (tmp_path / "netrc").write_text("default login me password mine")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "")
    server.script(links(server), raw(PDF))
    await client.invoices.download_pdf(9, tmp_path / "x.pdf")
    assert proxy.seen == []
    assert "authorization" not in server.seen[1].headers


async def test_a_place_where_no_file_can_be_costs_no_request(scripted: Scripted, tmp_path: Path) -> None:
    server, client = await scripted(CLOSE)
    for bad in (tmp_path, tmp_path / "no" / "x.pdf"):
        with pytest.raises(DownloadError) as raised:
            await client.invoices.download_pdf(9, bad, overwrite=True)
        assert (raised.value.method, raised.value.attempts) == (None, 0)
    assert server.seen == []


async def test_the_external_pdf_is_fetched_only_when_asked_for_and_no_origin_is_exempt_then(
    scripted: Scripted, tmp_path: Path
) -> None:
    server, client = await scripted(CLOSE)
    path = tmp_path / "x.pdf"
    server.script(links(server, None, external=OWN), raw(PDF))
    with pytest.raises(DownloadError, match="invoice has no PDF") as raised:
        await client.invoices.download_pdf(9, path)
    assert CANARY not in shown(raised.value)
    server.script(links(server, external=None), raw(PDF))
    with pytest.raises(DownloadError, match="no external PDF"):
        await client.invoices.download_pdf(9, path, external=True)
    server.script(links(server, external=OWN), raw(PDF))
    with pytest.raises(UnsafeURLError, match="not https") as raised:
        await client.invoices.download_pdf(9, path, external=True)
    assert CANARY not in shown(raised.value)
    assert [seen.target for seen in server.seen] == [LINK_TARGET] * 3
    assert list(tmp_path.iterdir()) == []


async def test_another_companys_pdf_is_not_even_linked(scripted: Scripted, tmp_path: Path) -> None:
    server, client = await scripted(envelope({"id": 9, "customerId": "4"}))
    with pytest.raises(ForeignInvoiceError):
        await client.company(3).download_pdf(9, tmp_path / "x.pdf", external=True, overwrite=True, progress=print)
    assert [seen.target for seen in server.seen] == ["/api/v3/io/ip/invoices/9"]


async def test_progress_counts_the_bytes_and_decides_nothing(
    scripted: Scripted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, client = await scripted(CLOSE)
    seen: list[tuple[int, int | None]] = []
    server.script(links(server), raw(pdf(3_000_000)))
    await client.invoices.download_pdf(9, tmp_path / "a.pdf", progress=lambda *counts: seen.append(counts))
    assert [total for _, total in seen] == [3_000_000] * len(seen)
    assert [received for received, _ in seen] == sorted({received for received, _ in seen})
    assert seen[-1][0] == 3_000_000
    seen.clear()
    server.script(links(server), WHOLE[1][1])
    await client.invoices.download_pdf(9, tmp_path / "b.pdf", progress=lambda *counts: seen.append(counts))
    assert seen[-1][0] == len(PDF)
    assert seen[-1][1] is None

    def fail(received: int, total: int | None) -> None:
        seen.append((received, total))
        raise ZeroDivisionError

    seen.clear()
    server.script(links(server), raw(pdf(3_000_000)))
    await client.invoices.download_pdf(9, tmp_path / "c.pdf", progress=fail)
    assert len(seen) == 1
    assert "progress failed" in caplog.text

    def cancel(received: int, total: int | None) -> None:
        raise asyncio.CancelledError

    server.script(links(server), raw(PDF))
    with pytest.raises(asyncio.CancelledError):
        await client.invoices.download_pdf(9, tmp_path / "d.pdf", progress=cancel)
    await until_no_connection(server)
    assert sorted(left.name for left in tmp_path.iterdir()) == ["a.pdf", "b.pdf", "c.pdf"]


async def test_a_cancelled_download_leaves_no_file_and_no_connection_at_every_step(scripted: Scripted, tmp_path: Path) -> None:
    """Cancelled after 0, 1, 2, 3, 5, 8, ... turns of the loop, until one is done before that."""
    server, client = await scripted(CLOSE)
    path = tmp_path / "x.pdf"
    path.write_bytes(OLD)
    new, turns, cancelled = pdf(3_000_000), 0, 0
    while True:
        server.script(links(server), raw(new))
        task = asyncio.ensure_future(client.invoices.download_pdf(9, path, overwrite=True))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await until_no_connection(server)
        assert list(tmp_path.iterdir()) == [path]
        if not task.cancelled():
            assert path.read_bytes() == new
            break
        assert path.read_bytes() in (OLD, new)  # new: cancelled in the very step that gives the name
        cancelled += 1
        turns += 1 + turns // 3
    assert cancelled > 10


async def test_the_memory_is_bounded(scripted: Scripted, tmp_path: Path) -> None:
    server, client = await scripted(CLOSE)
    size = 24 * 2**20
    piece = bytes(2**16)
    head = raw(b"%PDF-", length=size).text
    server.script(links(server), Drip([head, *[piece] * (size // 2**16 - 1), bytes(2**16 - 10), b"%%EOF"]))
    tracemalloc.start()
    try:
        path = await client.invoices.download_pdf(9, tmp_path / "x.pdf")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size == size
    assert peak < size / 4


PROGRAM = """
import asyncio, resource, sys
from bigcommerce_b2b_invoices import B2BClient
base_url, path, largest = sys.argv[1:]
async def main():
    async with B2BClient(store_hash="abc123", auth_token="token", base_url=base_url) as client:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
        try:
            await client.invoices.download_pdf(9, path, overwrite=True)
        except Exception as error:
            sys.exit(f"{type(error).__name__}: {error}")
asyncio.run(main())
"""


@contextlib.contextmanager
def killed_in_the_end(process: asyncio.subprocess.Process) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def start_program(server: ScriptedServer, path: Path, largest: int) -> asyncio.subprocess.Process:
    arguments = (sys.executable, "-c", PROGRAM, server.base_url, str(path), str(largest))
    return await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
async def test_n15_a_full_disk_leaves_the_old_file_and_nothing_else(scripted: Scripted, tmp_path: Path) -> None:
    server, _ = await scripted(CLOSE)
    path = tmp_path / "x.pdf"
    path.write_bytes(OLD)
    server.script(links(server), raw(pdf(4 * 2**20)))
    process = await start_program(server, path, 3_000_000)
    with killed_in_the_end(process):
        _, said = await process.communicate()
    assert b"DownloadError: GET /invoices/9/download-pdf: " in said
    assert b"x.pdf cannot be written: File too large" in said
    assert [(left.name, left.read_bytes()) for left in tmp_path.iterdir()] == [("x.pdf", OLD)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE and SIGKILL")
async def test_n15_a_process_that_is_killed_leaves_the_old_file_and_at_most_a_part(scripted: Scripted, tmp_path: Path) -> None:
    server, _ = await scripted(CLOSE)
    path = tmp_path / "x.pdf"
    path.write_bytes(OLD)
    server.script(links(server), Stall(raw(pdf(4 * 2**20)).text[: 3 * 2**20]))
    process = await start_program(server, path, 2**30)
    with killed_in_the_end(process):
        async with asyncio.timeout(20):
            while not any(left.stat().st_size >= 2**20 for left in tmp_path.glob(".b2b-invoices-*.part")):
                await asyncio.sleep(0.01)
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    assert path.read_bytes() == OLD
    (part,) = [left for left in tmp_path.iterdir() if left != path]
    assert part.name.startswith(".b2b-invoices-")
