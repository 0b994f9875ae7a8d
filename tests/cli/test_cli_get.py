"""`b2b-invoices get`: invoices for people and for programs."""

from typing import Any

from scripted_server import ScriptedServer, raw

from bigcommerce_b2b_invoices import Invoice, from_json
from bigcommerce_b2b_invoices.sandbox import Sandbox


async def test_each_invoice_is_a_line_in_the_order_of_the_ids(
    cli_here: Any, environment: Any, sandbox: Sandbox, client: Any
) -> None:
    environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
    first, second, *_ = sandbox.invoice_ids
    run = await cli_here("get", str(second), str(first))
    assert [from_json(Invoice, line) for line in run.lines] == [await client.invoices.get(i) for i in (second, first)]


def test_an_invoice_that_does_not_exist_is_reported_and_the_others_are_printed(cli: Any) -> None:
    run = cli("get", "--sandbox", "5", "1041")
    assert (run.code, len(run.lines)) == (3, 1)
    assert run.err.startswith("error: GET /invoices/5: ")


def test_no_id_or_a_bad_one_is_bad_usage(cli: Any) -> None:
    for ids in ([], ["0"], ["-5"], ["abc"], [str(2**63)], ["1.5"], ["0x10"], ["1", "2_0"]):
        run = cli("get", "--sandbox", *ids)
        assert (run.code, run.out, run.err.count("\n")) == (2, "", 1), ids


async def test_a_terminal_gets_a_card_on_which_text_cannot_steer_it(cli_here: Any, environment: Any, terminal: Any) -> None:
    invoice = rb'{"id": 7, "customerName": "\u0141[b]x\u001b]0;\u009b", "openBalance": {"code": "USD", "value": "12345678901234567890.1250"}}'
    async with ScriptedServer([raw(b'{"code": 200, "data": ' + invoice + b"}")]) as server:
        environment("abc123", "token", server.base_url)
        with terminal("stdout") as screen:
            assert (await cli_here("get", "7")).code == 0
    assert "company  Ł[b]x\\x1b]0;\\x9b\n" in screen.getvalue()
    assert "12345678901234567890.125 USD\n" in screen.getvalue()


async def test_json_at_a_terminal_is_a_line_as_everywhere(cli_here: Any, environment: Any, terminal: Any) -> None:
    async with ScriptedServer([raw(b'{"code": 200, "data": {"id": 7, "exact": 1234567890.123456789}}')]) as server:
        environment("abc123", "token", server.base_url)
        with terminal("stdout") as screen:
            await cli_here("get", "7", "--json")
    assert screen.getvalue() == '{"id":7,"exact":1234567890.123456789}\n'


def test_an_invoice_is_found_by_its_number(cli: Any) -> None:
    run = cli("get", "--sandbox", "--number", "00001041")
    found = from_json(Invoice, run.out)
    assert (run.code, found.id, len(found.extra_fields) > 0) == (0, 1041, True)
    missing = cli("get", "--sandbox", "--number", "0000104")
    assert (missing.code, missing.out, missing.err) == (1, "", "error: no invoice has the number '0000104'\n")


def test_ids_and_a_number_together_are_bad_usage(cli: Any) -> None:
    assert cli("get", "--sandbox", "1041", "--number", "x").code == 2
    assert cli("get", "--sandbox", "--number", "").code == 2
