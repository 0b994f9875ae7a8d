"""Every example is a program that its first line starts, and the smaller back ends answer like the large one."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from conftest import connect
from example_runs import EXAMPLES, Run, command

from bigcommerce_b2b_invoices import Invoice, from_json
from bigcommerce_b2b_invoices.export import csv_rows
from bigcommerce_b2b_invoices.sandbox import Sandbox

NAMES = sorted(path.name for path in EXAMPLES.glob("*.py"))
STREAMS = [("aiohttp_app.py", "/invoices.csv"), ("starlette_app.py", "/invoices.jsonl")]
TESTS = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_of_an_example_is_its_command_and_a_test_runs_it(name: str) -> None:
    source = (EXAMPLES / name).read_text()

    assert command(name)[:2] == ["python", f"examples/{name}"]
    assert f'"{name}"' in TESTS
    assert "from_env(" in source
    assert not re.search(r"\b(sandbox|tests|pytest)\b", source)


async def test_aiohttp_sends_one_invoice_and_all_of_them(run: Run) -> None:
    with Sandbox(invoices=600) as sandbox:
        program = await run.serve("aiohttp_app.py", sandbox)
        async with program.http() as http, connect(sandbox) as client:
            one = await http.get(f"/invoices/{sandbox.invoice_ids[0]}")
            csv = await http.get("/invoices.csv")
            rows = [row async for row in csv_rows(client.invoices.iterate())]

            assert from_json(Invoice, one.text) == await client.invoices.get(sandbox.invoice_ids[0])
            assert csv.content.decode() == "".join(rows)


async def test_starlette_sends_one_invoice_all_of_them_and_a_pdf(run: Run) -> None:
    with Sandbox(invoices=600) as sandbox:
        program, wanted = await run.serve("starlette_app.py", sandbox), sandbox.invoice_ids[0]
        async with program.http() as http, connect(sandbox) as client:
            one, lines = await http.get(f"/invoices/{wanted}"), await http.get("/invoices.jsonl")
            pdf = await http.get(f"/invoices/{wanted}/pdf")
            async with client.invoices.open_pdf(wanted) as file:
                content = b"".join([chunk async for chunk in file])
            sandbox.fail(path="/files/*", body="<html>Sorry</html>")
            html = await http.get(f"/invoices/{wanted}/pdf")

            assert from_json(Invoice, one.text) == await client.invoices.get(wanted)
            walked = [invoice async for invoice in client.invoices.iterate()]
            assert [from_json(Invoice, line) for line in lines.text.splitlines()] == walked
            assert (pdf.headers["content-type"], pdf.content) == ("application/pdf", content)
            assert (html.status_code, html.text) == (502, "DownloadError")


@pytest.mark.parametrize(("name", "path"), STREAMS)
async def test_they_tell_errors_and_a_walk_that_fails_never_looks_whole(run: Run, name: str, path: str) -> None:
    with Sandbox(invoices=60) as sandbox:
        program = await run.serve(name, sandbox)
        async with program.http() as http:
            for text in ("999999", "0", "-1", "1e9", "9" * 30, "%2e%2e", "x"):
                assert (await http.get(f"/invoices/{text}")).status_code == 404
            sandbox.fail(times=4, status=429, headers={"Retry-After": "7"})
            busy = await http.get(f"/invoices/{sandbox.invoice_ids[0]}")
            sandbox.clear()
            program = await run.serve(name, sandbox)  # with a limiter that has met no refusal
        async with program.http() as http:
            sandbox.fail(times=100, status=403)
            with pytest.raises(httpx.RemoteProtocolError):
                await http.get(path)

    assert busy.status_code == 503
    assert 7 <= int(busy.headers["retry-after"]) <= 9


@pytest.mark.parametrize(("name", "path"), STREAMS)
async def test_after_a_browser_that_leaves_nothing_more_is_requested(run: Run, name: str, path: str) -> None:
    with Sandbox(invoices=20_000, latency=0.05) as sandbox:
        program = await run.serve(name, sandbox)
        async with program.http() as leaving, leaving.stream("GET", path) as answer:
            text = answer.aiter_text()
            while len(sandbox.requests) < 6:
                await anext(text)
        await asyncio.sleep(0.1)  # what is on its way arrives
        count = len(sandbox.requests)
        await asyncio.sleep(1)

        assert len(sandbox.requests) == count < 40
        async with program.http() as http:
            assert (await http.get(f"/invoices/{sandbox.invoice_ids[0]}")).status_code == 200
        assert "Traceback" not in program.log.read_text()
