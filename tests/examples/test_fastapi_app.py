"""`examples/fastapi_app.py`, as a program, with real browsers: slow ones, ones that leave, hostile ones, and too many."""

import asyncio
import json
import math
import os
import random
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from conftest import connect
from example_runs import Program, Run

from bigcommerce_b2b_invoices import Invoice, InvoiceDraft, Money, Page, from_dict, from_json, to_dict
from bigcommerce_b2b_invoices.export import csv_rows
from bigcommerce_b2b_invoices.sandbox import Sandbox

NAME = "fastapi_app.py"
ALICE, BOB = "95051", "95136"  # companies of the sandbox
LOGINS = json.dumps({"of-staff": "staff", "of-alice": ALICE, "of-bob": BOB})
MIXED = int(os.environ.get("MIXED_REQUESTS", "100"))  # at least so many; for 1000 also --timeout 600: the quota takes minutes
PREFETCH, PAGE = 4, 248  # pages that a walk requests ahead, and how many new rows each of them brings
SOCKET_MEMORY = Path("/proc/sys/net/ipv4/tcp_wmem")
SMALL_BUFFER = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)]  # so that little of an answer is on the way
DRAFT = InvoiceDraft(
    invoice_number="NEW-1",
    customer_id=ALICE,
    original_balance=Money("USD", Decimal("10.50")),
    open_balance=Money("USD", Decimal("10.50")),
)


@asynccontextmanager
async def serving(run: Run, sandbox: Sandbox) -> AsyncIterator[tuple[Program, httpx.AsyncClient]]:
    program = await run.serve(NAME, sandbox, LOGINS=LOGINS)
    async with program.http("of-staff") as http:
        yield program, http


def listed(sandbox: Sandbox) -> int:
    return sum(request.path == "/invoices" for request in sandbox.requests)


async def stands_still(sandbox: Sandbox, seconds: float = 1.0) -> int:
    """The number of list requests, once none has come for so long."""
    async with asyncio.timeout(15):
        while True:
            count = listed(sandbox)
            await asyncio.sleep(seconds)
            if listed(sandbox) == count:
                return count


# ---- answers -----------------------------------------------------------------------------------------------------------
async def test_it_returns_models_whole_and_takes_drafts(run: Run) -> None:
    with Sandbox(invoices=120) as sandbox:
        async with serving(run, sandbox) as (program, staff), program.http("of-alice") as alice, connect(sandbox) as client:
            got = await staff.get(f"/invoices/{sandbox.invoice_ids[0]}")
            page, listed_now = await alice.get("/my/invoices"), await client.company(ALICE).page(limit=50)
            made, again = [await staff.post("/invoices", json=to_dict(DRAFT)) for _ in range(2)]
            other = await staff.post("/invoices", json=to_dict(DRAFT) | {"customerId": BOB})

            assert from_dict(Invoice, got.json()) == await client.invoices.get(sandbox.invoice_ids[0])
            assert from_dict(Page[Invoice], page.json()) == listed_now
            assert (made.status_code, again.status_code, other.status_code) == (201, 201, 409)
            assert made.json() == again.json() == {"id": sandbox.invoice_ids[-1]}
            assert await client.invoices.count() == 121


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "InvoiceDraft.invoiceNumber"),
        (to_dict(DRAFT) | {"dueDate": "soon"}, "InvoiceDraft.dueDate"),
        (to_dict(DRAFT) | {"openBalance": {"code": "USD", "value": 10.5}}, "InvoiceDraft.openBalance.value"),
        ([], "expected an object"),
    ],
)
async def test_a_body_that_is_no_invoice_is_a_422_that_names_the_path(run: Run, body: object, path: str) -> None:
    with Sandbox(invoices=1) as sandbox:
        async with serving(run, sandbox) as (_, staff):
            answer = await staff.post("/invoices", json=body)

            assert answer.status_code == 422
            assert path in answer.text
            assert sandbox.requests == []


async def test_downloads_hold_every_invoice(run: Run) -> None:
    with Sandbox(invoices=1300) as sandbox:
        async with serving(run, sandbox) as (_, staff), connect(sandbox) as client:
            csv, lines = await staff.get("/invoices.csv"), await staff.get("/invoices.jsonl")
            walked = [invoice async for invoice in client.invoices.iterate()]
            rows = [row async for row in csv_rows(client.invoices.iterate())]

    assert csv.headers["content-disposition"] == 'attachment; filename="invoices.csv"'
    assert csv.content.decode() == "".join(rows)
    assert [from_json(Invoice, line) for line in lines.text.splitlines()] == walked
    assert len(walked) == 1300


async def test_a_pdf_comes_whole_and_what_is_no_pdf_is_not_begun(run: Run) -> None:
    with Sandbox(invoices=10) as sandbox:
        wanted = sandbox.invoice_ids[0]
        async with serving(run, sandbox) as (_, staff), connect(sandbox) as client:
            async with client.invoices.open_pdf(wanted) as file:
                content = b"".join([chunk async for chunk in file])
            pdf = await staff.get(f"/invoices/{wanted}/pdf")
            missing = await staff.get("/invoices/999999/pdf")
            sandbox.fail(path="/files/*", body="<html>Sorry</html>")
            html = await staff.get(f"/invoices/{wanted}/pdf")
            sandbox.fail(path="/files/*", drop="midway")
            with pytest.raises(httpx.RemoteProtocolError):  # cut off, so that nobody takes it for the whole file
                await staff.get(f"/invoices/{wanted}/pdf")

    assert (pdf.status_code, pdf.headers["content-type"], pdf.content) == (200, "application/pdf", content)
    assert pdf.headers["content-disposition"] == f'attachment; filename="invoice-{wanted}.pdf"'
    assert missing.status_code == 404
    assert (html.status_code, html.headers["content-type"], html.json()) == (502, "application/json", {"detail": "DownloadError"})


# ---- browsers ----------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not SOCKET_MEMORY.exists(), reason="only Linux says how much a socket holds")
async def test_a_slow_browser_holds_no_more_pages_than_the_walk_reads_ahead(run: Run) -> None:
    with Sandbox(invoices=12_000) as sandbox:
        async with serving(run, sandbox) as (program, _):
            transport = httpx.AsyncHTTPTransport(socket_options=SMALL_BUFFER)
            async with program.http("of-staff", transport=transport) as slow, slow.stream("GET", "/invoices.jsonl") as answer:
                lines = answer.aiter_lines()
                size = sum([len((await anext(lines)).encode()) for _ in range(20)]) / 20
                requests = await stands_still(sandbox)
                most_in_sockets = int(SOCKET_MEMORY.read_text().split()[2]) + 2**18

                assert requests <= PREFETCH + 1 + math.ceil(most_in_sockets / (size * PAGE))
                assert requests < 12_000 / PAGE / 2

                rest = [line async for line in lines]

    assert len(rest) + 20 == 12_000


@pytest.mark.parametrize("path", ["/invoices.jsonl", "/invoices.csv"])
async def test_after_a_browser_that_leaves_nothing_more_is_requested(run: Run, path: str) -> None:
    with Sandbox(invoices=30_000, latency=0.05) as sandbox:
        async with serving(run, sandbox) as (program, staff):
            async with program.http("of-staff") as leaving, leaving.stream("GET", path) as answer:
                text = answer.aiter_text()
                while listed(sandbox) < 6:
                    await anext(text)
            await asyncio.sleep(0.1)  # what is on its way arrives
            count = listed(sandbox)
            await asyncio.sleep(1)

            assert listed(sandbox) == count < 30_000 / PAGE / 2
            assert (await staff.get(f"/invoices/{sandbox.invoice_ids[0]}")).status_code == 200
            assert "Traceback" not in program.log.read_text()


async def test_a_walk_that_fails_in_the_middle_never_looks_whole(run: Run) -> None:
    with Sandbox(invoices=12_000) as sandbox:
        async with serving(run, sandbox) as (program, _):
            transport = httpx.AsyncHTTPTransport(socket_options=SMALL_BUFFER)
            async with program.http("of-staff", transport=transport) as slow, slow.stream("GET", "/invoices.csv") as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                sandbox.fail(times=1000, status=403)

                with pytest.raises(httpx.RemoteProtocolError):
                    _ = [line async for line in lines]


# ---- two companies -----------------------------------------------------------------------------------------------------
def hostile(own: int, foreign: int) -> list[str]:
    """What may come in place of an id. None of it is the id of an invoice of one's own."""
    return [
        "0", "-1", "1e9", "%2e", "%2e%2e", f"..%2f..%2finvoices%2f{foreign}", f"../../invoices/{foreign}", "9" * 30, "9" * 5000,
        f"{own},{foreign}", f"{own}%00x{foreign}", f"{foreign}?customerId={ALICE}", f"{foreign}#{own}", f"{own}%3fid={foreign}",
        f"{foreign}.0", f"+{foreign}", f"0x{foreign:x}", "%D9%A1%D9%A2", "null", "*", "%00", "'%20OR%201=1",
    ]  # fmt: skip


async def test_no_byte_of_another_company_is_in_any_of_many_mixed_answers(run: Run) -> None:
    with Sandbox(invoices=400, seed=5) as sandbox:
        found = {number: sandbox.invoice(number) or {} for number in sandbox.invoice_ids}
        of = {who: [number for number in found if found[number]["customerId"] == who] for who in (ALICE, BOB)}
        secrets = {
            who: [str(found[number][key]) for number in of[who] for key in ("invoiceNumber", "customerName")] for who in of
        }
        rng = random.Random(5)
        asked: list[tuple[str, str, bool]] = []  # token, path, whether it asks for something of one's own
        while len(asked) < MIXED:
            for token, own, other in (("of-alice", of[ALICE], of[BOB]), ("of-bob", of[BOB], of[ALICE])):
                mine, foreign = rng.choice(own), rng.choice(other)
                page = f"/my/invoices?customerId={BOB}&customer_id={ALICE}&offset="
                asked += [(token, f"/my/invoices/{text}", False) for text in hostile(mine, foreign)]
                asked += [(token, f"/my/invoices/{text}/pdf", False) for text in hostile(mine, foreign)[:4]]
                asked += [(token, f"{page}{number}", True) for number in range(5)]
                asked += [(token, f"/my/invoices/{number}", True) for number in rng.sample(own, 8)]
                asked += [(token, f"/my/invoices/{number}", False) for number in rng.sample(other, 10)]
                asked += [(token, f"/my/invoices/{number}/pdf", True) for number in rng.sample(own, 3)]
                asked += [(token, f"/my/invoices/{number}/pdf", False) for number in rng.sample(other, 4)]
                asked += [(token, path, False) for path in (f"/invoices/{foreign}", "/invoices.csv", "/invoices.jsonl")]
        rng.shuffle(asked)
        async with serving(run, sandbox) as (program, _), program.http() as http:

            async def ask(token: str, path: str) -> httpx.Response:
                url = httpx.URL(program.url).copy_with(raw_path=path.partition("#")[0].encode())  # nothing is tidied up
                while (answer := await http.get(url, headers={"Authorization": f"Bearer {token}"})).status_code == 503:
                    await asyncio.sleep(int(answer.headers["retry-after"]))  # many requests outlast the quota
                return answer

            answers = await asyncio.gather(*[ask(token, path) for token, path, _ in asked])

            assert "Traceback" not in program.log.read_text()
    assert len(asked) >= MIXED
    for (token, path, is_own), answer in zip(asked, answers, strict=True):
        stranger = BOB if token == "of-alice" else ALICE
        # not inside a longer number: a PDF holds offsets of ten digits
        sent = answer.content + str(answer.headers).encode()
        assert not [text for text in secrets[stranger] if re.search(rb"(?<!\d)%b(?!\d)" % re.escape(text.encode()), sent)], path
        assert f'"{stranger}"' not in answer.text, path
        if is_own:
            assert answer.status_code == 200, path
        elif "#" not in path and "?" not in path and not path.startswith("/my/invoices/%D9"):
            assert answer.status_code in (403, 404, 422), (path, answer.text)
    status = Counter(answer.status_code for answer in answers)
    assert status[200] >= 32
    assert {answer.text for answer in answers if answer.status_code == 404} == {'{"detail":"Not Found"}'}


# ---- quota -------------------------------------------------------------------------------------------------------------
async def at_once(http: httpx.AsyncClient, paths: list[str]) -> list[httpx.Response]:
    async with asyncio.timeout(15):  # none hangs
        return await asyncio.gather(*map(http.get, paths))


async def test_two_hundred_at_once_are_answered_or_told_when_to_come_back(run: Run) -> None:
    with Sandbox(invoices=200, quota=150) as sandbox:
        async with serving(run, sandbox) as (program, _):
            async with program.http("of-staff", limits=httpx.Limits(max_connections=200)) as http:
                answers = await at_once(http, [f"/invoices/{number}" for number in sandbox.invoice_ids])
            refused = [answer for answer in answers if answer.status_code == 503]

            assert Counter(answer.status_code for answer in answers) == {200: 150, 503: 50}
            assert all(50 <= int(answer.headers["retry-after"]) <= 61 for answer in refused)  # the window is 60 s
            assert sum(request.status == 429 for request in sandbox.requests) == 0


async def test_whoever_comes_back_after_retry_after_is_served(run: Run) -> None:
    with Sandbox(invoices=20, quota=5, quota_window=4) as sandbox:
        async with serving(run, sandbox) as (program, staff):
            first = await at_once(staff, [f"/invoices/{number}" for number in sandbox.invoice_ids[:12]])
            waits = [int(answer.headers["retry-after"]) for answer in first if answer.status_code == 503]
            await asyncio.sleep(max(waits))
            async with program.http("of-staff") as later:  # the server may be closing the old connections
                again = await later.get(f"/invoices/{sandbox.invoice_ids[0]}")

    assert {answer.status_code for answer in first} == {200, 503}
    assert max(waits) <= 4
    assert again.status_code == 200
