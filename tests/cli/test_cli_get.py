"""`b2b-invoices get`: invoices as JSON."""

import json
import re
from decimal import Decimal
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
    assert (run.code, len(run.lines)) == (1, 1)
    assert run.err.startswith("error: GET /invoices/5: ")


def test_no_id_or_a_bad_one_is_bad_usage(cli: Any) -> None:
    for ids in ([], ["0"], ["-5"], ["abc"], [str(2**63)], ["1.5"], ["0x10"], ["1", "2_0"]):
        run = cli("get", "--sandbox", *ids)
        assert (run.code, run.out, run.err.count("\n")) == (2, "", 1), ids


async def test_a_terminal_gets_the_same_json_indented_and_with_every_digit(
    cli_here: Any, environment: Any, terminal: Any
) -> None:
    invoice = (
        rb'{"id": 7, "customerName": "\u0141[b]x", "type": "\u001b]0;\u009b", '
        rb'"more": {"exact": 12345678901234567890.123456, "none": null, "nothing": [{}, []], "yes": true}}'
    )
    async with ScriptedServer([raw(b'{"code": 200, "data": ' + invoice + b"}")]) as server:
        environment("abc123", "token", server.base_url)
        with terminal("stdout") as screen:
            assert (await cli_here("get", "7")).code == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())  # the colours
    assert json.loads(shown, parse_float=Decimal) == json.loads(invoice, parse_float=Decimal)
    assert '\n  "customerName": "Ł[b]x",\n' in shown
    assert not {"\x1b", "\x9b"} & set(shown)
