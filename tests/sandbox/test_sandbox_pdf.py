"""`GET /invoices/{invoiceId}/download-pdf`, and the file behind its link."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from yarl import URL

from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.sandbox.links import LIFETIME, Signer
from bigcommerce_b2b_invoices.sandbox.pdf import make_pdf

Api = Callable[..., Awaitable[tuple[int, Any]]]

BODY: dict[str, object] = {
    "invoiceNumber": "N-1 (\\)",
    "customerName": "Müller 株式会社",
    "createdAt": "1700000000",
    "dueDate": None,
    "originalBalance": {"code": "EUR", "value": "349.5000"},
    "openBalance": {"code": "EUR", "value": "12.0000"},
    "details": {
        "header": {"costLines": [{"amount": {"code": "EUR", "value": 33.14}, "description": "Freight"}]},
        "details": {"lineItems": [{"sku": "DPB", "quantity": "10", "unitPrice": {"code": "EUR", "value": "34.95"}}]},
    },
}


@pytest.fixture
async def link(api: Api, sandbox: Sandbox) -> str:
    _, body = await api("GET", f"/invoices/{sandbox.invoice_ids[0]}/download-pdf")
    url: str = body["data"]["url"]
    return url


async def fetch(session: aiohttp.ClientSession, url: URL, **headers: str) -> tuple[int, bytes]:
    async with session.get(url, headers=headers) as response:
        return response.status, await response.read()


async def test_the_link_gives_the_file_without_credentials(
    session: aiohttp.ClientSession, sandbox: Sandbox, api: Api, link: str
) -> None:
    count = sandbox.request_count
    status, file = await fetch(session, URL(link, encoded=True))
    _, body = await api("GET", f"/invoices/{sandbox.invoice_ids[0]}")
    assert (status, file) == (200, make_pdf(body["data"]))
    assert not link.startswith(sandbox.base_url)
    assert sandbox.request_count == count + 1, "a file is not counted"


async def test_a_query_that_was_encoded_anew_does_not_match_its_signature(session: aiohttp.ClientSession, link: str) -> None:
    status, text = await fetch(session, URL(link))
    assert status == 403
    assert b"<Code>AccessDenied</Code>" in text


@pytest.mark.parametrize("how", ["another last digit", "one digit less", "one parameter more"])
async def test_a_changed_link_is_refused(session: aiohttp.ClientSession, link: str, how: str) -> None:
    changed = {
        "another last digit": link[:-1] + ("1" if link.endswith("0") else "0"),
        "one digit less": link[:-1],
        "one parameter more": link + "&x=1",
    }[how]
    assert (await fetch(session, URL(changed, encoded=True)))[0] == 403


async def test_the_link_of_one_invoice_does_not_open_another(session: aiohttp.ClientSession, sandbox: Sandbox, link: str) -> None:
    first, second = sandbox.invoice_ids[:2]
    assert (await fetch(session, URL(link.replace(f"-{first}.", f"-{second}."), encoded=True)))[0] == 403


@pytest.mark.parametrize("header", ["X-Auth-Token", "X-Store-Hash"])
async def test_credentials_that_leak_to_the_file_host_are_an_error(
    session: aiohttp.ClientSession, link: str, header: str
) -> None:
    assert (await fetch(session, URL(link, encoded=True), **{header: "x"}))[0] == 400


async def test_the_file_of_a_deleted_invoice_is_gone(
    session: aiohttp.ClientSession, sandbox: Sandbox, api: Api, link: str
) -> None:
    await api("DELETE", f"/invoices/{sandbox.invoice_ids[0]}")
    status, text = await fetch(session, URL(link, encoded=True))
    assert status == 404
    assert b"<Code>NoSuchKey</Code>" in text


async def test_the_link_of_the_erp_comes_beside(api: Api) -> None:
    _, body = await api("GET", "/invoices", params={"limit": 250})
    invoice = next(row for row in body["data"] if row["externalPdfUrl"])
    _, body = await api("GET", f"/invoices/{invoice['id']}/download-pdf")
    assert body["data"]["externalPdfUrl"] == invoice["externalPdfUrl"]


def test_a_signature_is_good_for_five_minutes() -> None:
    signer = Signer(b"secret")
    path = signer.sign("/files/invoice-1.pdf", 1_700_000_000)
    assert signer.is_valid(path, 1_700_000_000 + LIFETIME - 1)
    assert not signer.is_valid(path, 1_700_000_000 + LIFETIME)
    assert not Signer(b"other").is_valid(path, 1_700_000_000)
    assert "X-Amz-Credential=AKIASANDBOX%2F20231114%2Fus-west-2%2Fs3%2Faws4_request" in path


def test_the_pdf_says_what_the_invoice_says() -> None:
    text = make_pdf(BODY).decode("cp1252")
    for shown in (r"Invoice N-1 \(\\\)", "Müller ????", "2023-11-14", "349.5000 EUR", "33.14 EUR", "DPB", "34.95 EUR"):
        assert f"({shown}) Tj" in text


def test_every_offset_of_the_pdf_is_right() -> None:
    file = make_pdf(BODY)
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", file)[0])
    assert file[start:].startswith(b"xref\n0 6\n0000000000 65535 f \n")
    for number, offset in enumerate(re.findall(rb"(\d{10}) 00000 n \n", file[start:]), 1):
        assert file[int(offset) :].startswith(b"%d 0 obj\n" % number)
    length, content = re.findall(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", file, re.DOTALL)[0]
    assert int(length) == len(content)


@pytest.mark.parametrize("details", [None, {}, [], "text", {"header": 1, "details": {"lineItems": [1, {}, {"sku": "\n\x81"}]}}])
def test_any_details_make_a_pdf(details: object) -> None:
    assert make_pdf({**BODY, "details": details}).endswith(b"%%EOF\n")


def test_what_does_not_fit_on_the_page_is_counted() -> None:
    items = [{"sku": f"S-{number}"} for number in range(1000)]
    text = make_pdf({**BODY, "details": {"details": {"lineItems": items}}}).decode("cp1252")
    shown = re.findall(r"\(S-\d+\) Tj", text)
    assert 10 < len(shown) < 60
    assert f"(... and {1000 - len(shown)} more) Tj" in text
