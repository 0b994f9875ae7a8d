"""PDFs: links that must not be followed, files that are not whole, and a disk with nothing left behind."""

from pathlib import Path
from typing import Any

import pytest
from conftest import TOKEN, Scripted
from scripted_server import CLOSE, Reply, envelope, raw
from yarl import URL

from bigcommerce_b2b_invoices import B2BClient, DownloadError, UnsafeURLError
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.transport import download

PDF = b"%PDF-1.4\n...\n%%EOF\n"
API = URL("https://api-b2b.bigcommerce.com")


async def test_the_sandboxs_pdf_is_stored_byte_for_byte(sandbox: Sandbox, client: B2BClient, tmp_path: Path) -> None:
    target = tmp_path / "invoice.pdf"
    assert await client.invoices.download_pdf(sandbox.invoice_ids[0], str(target)) == target
    assert target.read_bytes().startswith(b"%PDF-1.")
    assert [path.name for path in tmp_path.iterdir()] == ["invoice.pdf"]
    with pytest.raises(DownloadError, match="overwrite=True"):
        await client.invoices.download_pdf(sandbox.invoice_ids[1], target)
    before = target.read_bytes()
    await client.invoices.download_pdf(sandbox.invoice_ids[1], target, overwrite=True)
    assert target.read_bytes() != before


UNSAFE = [
    "http://example.com/x.pdf",
    "https://example.com:8443/x.pdf",
    "https://user@example.com/x.pdf",
    "https://127.0.0.1/x.pdf",
    "https://[::1]/x.pdf",
    "https://169.254.169.254/latest",
    "https://10.0.0.1/x.pdf",
    "file:///etc/passwd",
    "ftp://example.com/x.pdf",
    "//example.com/x.pdf",
    "/x.pdf",
    "https:///x.pdf",
    "https://[::1",
    "",
]


@pytest.mark.parametrize("link", UNSAFE)
def test_a_link_that_must_not_be_followed_is_refused_by_its_looks(link: str) -> None:
    with pytest.raises(UnsafeURLError):
        download.check_link(link, API)


def test_a_signed_query_is_kept_byte_for_byte_and_the_own_origin_is_allowed() -> None:
    link = "https://example.com/a%2Fb.pdf?X-Amz-Credential=a%2Fb%2bc&X=%7e~"
    assert str(download.check_link(link, API)) == link
    assert download.check_link("http://127.0.0.1:8080/x.pdf", URL("http://127.0.0.1:8080"))


@pytest.mark.parametrize("host", ["localhost", "0x7f000001", "127.1"])
async def test_a_name_that_leads_to_a_private_address_is_refused_before_connecting(host: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeURLError, match="public address") as raised:
        await download.download_pdf(
            f"https://{host}/x.pdf?secret", tmp_path / "x.pdf", overwrite=False, own_origin=API, seconds=5
        )
    assert "secret" not in str(raised.value)
    assert raised.value.__context__ is None
    assert list(tmp_path.iterdir()) == []


DAMAGED: list[tuple[Reply, str]] = [
    (raw(b"<Error>AccessDenied</Error>"), "not a whole PDF"),
    (raw(PDF[:-8]), "not a whole PDF"),
    (raw(PDF, length=500, then="close"), "broke off"),
    (raw(PDF, 404), "HTTP 404"),
    (raw(PDF, 302, Location="https://example.com/"), "HTTP 302"),
    (raw(PDF, Content_Encoding="gzip"), "encoding"),
    (CLOSE, "connection broke"),
]


@pytest.mark.parametrize(("reply", "message"), DAMAGED)
async def test_what_is_no_whole_pdf_leaves_no_file(scripted: Scripted, tmp_path: Path, reply: Reply, message: str) -> None:
    server, client = await scripted(reply)
    server.script(envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf?sig=%2F"}), reply)
    with pytest.raises(DownloadError, match=message):
        await client.invoices.download_pdf(9, tmp_path / "x.pdf")
    assert list(tmp_path.iterdir()) == []
    assert [seen.target for seen in server.seen] == ["/api/v3/io/ip/invoices/9/download-pdf", "/x.pdf?sig=%2F"]
    assert TOKEN not in repr(server.seen[1])


async def test_an_expired_link_is_asked_for_once_more(scripted: Scripted, tmp_path: Path) -> None:
    server, client = await scripted(CLOSE)
    link = envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf"})
    server.script(link, raw(b"", 403), link, raw(PDF))
    assert (await client.invoices.download_pdf(9, tmp_path / "x.pdf")).read_bytes() == PDF
    server.script(link, raw(b"", 403), link, raw(b"", 403))
    with pytest.raises(DownloadError, match="HTTP 403"):
        await client.invoices.download_pdf(9, tmp_path / "y.pdf")


async def test_a_file_that_is_too_large_is_refused(scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_FILE", 10)
    server, client = await scripted(CLOSE)
    server.script(envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf"}), raw(PDF))
    with pytest.raises(DownloadError, match="larger than"):
        await client.invoices.download_pdf(9, tmp_path / "x.pdf")


async def test_a_place_where_no_file_can_be_is_refused_before_anything_is_fetched(scripted: Scripted, tmp_path: Path) -> None:
    server, client = await scripted(envelope({"url": "https://example.com/x.pdf"}))
    (tmp_path / "link.pdf").symlink_to(tmp_path / "elsewhere.pdf")
    bad: Any
    for bad in (tmp_path, tmp_path / "no" / "x.pdf", tmp_path / "link.pdf"):
        with pytest.raises(DownloadError):
            await client.invoices.download_pdf(9, bad, overwrite=True)
    assert {seen.target for seen in server.seen} == {"/api/v3/io/ip/invoices/9/download-pdf"}


async def test_a_disk_that_refuses_leaves_nothing_behind(scripted: Scripted, tmp_path: Path) -> None:
    server, client = await scripted(CLOSE)
    server.script(envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf"}), raw(PDF))
    with pytest.raises(DownloadError, match="cannot be written"):
        await client.invoices.download_pdf(9, tmp_path / ("x" * 240 + ".pdf"))
    assert list(tmp_path.iterdir()) == []
