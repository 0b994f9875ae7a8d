"""What the README shows runs, and says what is true."""

import re
from pathlib import Path

import fault_matrix
import httpx
import pytest
from conftest import connect

import bigcommerce_b2b_invoices as package
from bigcommerce_b2b_invoices import B2BClient, RateLimiter
from bigcommerce_b2b_invoices.sandbox import Sandbox

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def run(code: str, **names: object) -> dict[str, object]:
    """Run a block of the README, which may await at the top level."""
    lines = [f"    {line}" for line in code.splitlines() if not line.startswith("asyncio.run")]
    scope = dict(names)
    exec("\n".join(["async def block():", *lines, "    return locals()"]), scope)  # noqa: S102 - the README's own code
    result: dict[str, object] = await scope["block"]()  # type: ignore[operator] # the function just defined
    return result


async def test_the_main_job_prints_overdue_invoices(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIGCOMMERCE_STORE_HASH", sandbox.store_hash)
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", sandbox.auth_token)
    monkeypatch.setenv("BIGCOMMERCE_B2B_BASE_URL", sandbox.base_url)
    scope = await run(BLOCKS[0])
    await scope["main"]()  # type: ignore[operator] # the function that the block defines
    async with connect(sandbox) as client:
        overdue = [invoice.invoice_number async for invoice in client.invoices.iterate() if invoice.is_overdue()]
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert set(printed) <= set(overdue)
    assert printed


async def test_the_sandbox_and_the_writing_blocks_run(client: B2BClient) -> None:
    await run(BLOCKS[1], B2BClient=B2BClient)
    scope = await run(BLOCKS[2], client=client)
    names = vars(package)
    walked = await run(BLOCKS[3], client=client, InvoiceQuery=names["InvoiceQuery"], InvoiceStatus=names["InvoiceStatus"])
    assert isinstance(walked["saved"], str)
    assert [invoice async for invoice in walked["resumed"]] == []  # type: ignore[attr-defined] # the walk that the block makes
    assert isinstance((await run(f"cursor = None\n{BLOCKS[4]}", client=client))["cursor"], str)
    assert isinstance(scope["invoice_id"], int)
    created = await client.invoices.get(scope["invoice_id"])
    assert created.open_balance
    assert str(created.open_balance.value) == "100.0000"


async def test_the_bulk_block_runs(sandbox: Sandbox, client: B2BClient) -> None:
    scope = await run(BLOCKS[5], client=client, invoice_ids=[*sandbox.invoice_ids[:3], 1])
    assert scope["run"].summary == package.BulkSummary(  # type: ignore[attr-defined] # of the block
        succeeded=3, failed=1, unknown=0, not_attempted=0, under_way=0
    )


async def test_the_block_about_redis_makes_a_client_of_a_shared_limiter() -> None:
    pytest.importorskip("redis")
    environ = {"BIGCOMMERCE_STORE_HASH": "abc", "BIGCOMMERCE_ACCESS_TOKEN": "x"}
    scope = await run(BLOCKS[6].replace("from_env(", "from_env(environ, "), B2BClient=B2BClient, environ=environ)
    assert scope["client"].rate_limiter is scope["limiter"]  # type: ignore[attr-defined] # of the block
    assert isinstance(scope["limiter"], RateLimiter)


async def test_the_block_about_unreadable_invoices_runs(client: B2BClient) -> None:
    scope = await run(BLOCKS[10], client=client)
    assert scope["unreadable"] == []


async def test_the_block_about_observers_runs(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIGCOMMERCE_STORE_HASH", sandbox.store_hash)
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", sandbox.auth_token)
    monkeypatch.setenv("BIGCOMMERCE_B2B_BASE_URL", sandbox.base_url)

    await run(BLOCKS[9], B2BClient=B2BClient)

    assert capsys.readouterr().out.startswith("invoices.page 200")


async def test_the_block_about_fastapi_runs(sandbox: Sandbox, client: B2BClient) -> None:
    scope = await run(BLOCKS[7], client=client)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(scope["app"]), base_url="http://test") as http:  # type: ignore[arg-type] # of the block
        page = await http.get("/invoices", params={"offset": 50})
        bad = await http.post("/invoices", json={"invoiceNumber": "A-1"})

    assert len(package.from_dict(package.Page[package.Invoice], page.json()).items) == len(sandbox.invoice_ids) - 50
    assert (bad.status_code, "InvoiceDraft.customerId" in bad.text) == (422, True)


async def test_the_block_about_testing_runs(sandbox: Sandbox, client: B2BClient) -> None:
    scope = await run(BLOCKS[11])
    await scope["test_a_lost_answer_makes_no_second_invoice"](client, sandbox)  # type: ignore[operator] # of the block


async def test_the_block_about_payments_records_one_and_finds_the_books_in_order(sandbox: Sandbox, client: B2BClient) -> None:
    invoice_id = sandbox.add(original_balance={"code": "USD", "value": "50"}, open_balance={"code": "USD", "value": "50"})

    scope = await run(BLOCKS[12], client=client, invoice_id=invoice_id)

    assert scope["recorded"].verified  # type: ignore[attr-defined] # of the block
    assert scope["history"].balance.ok  # type: ignore[attr-defined] # of the block


async def test_the_block_about_a_mirror_runs(client: B2BClient, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="needs the extra mirror")

    scope = await run(BLOCKS[8].replace("sqlite:///invoices.db", f"sqlite:///{tmp_path}/invoices.db"), client=client)

    assert scope["report"].inserted > 0  # type: ignore[attr-defined] # of the block


def test_every_method_in_the_table_exists() -> None:
    owners = {
        "invoices": package.Invoices,
        "extra_fields": package.ExtraFields,
        "payments": package.Payments,
        "receipts": package.Receipts,
    }
    for resource, method in re.findall(r"`[^`]*client\.(invoices|extra_fields|payments|receipts)\.(\w+)\(", README):
        assert callable(getattr(owners[resource], method))


def test_the_totals_of_the_fault_matrix_are_those_that_it_prints() -> None:
    assert fault_matrix.totals() in README
