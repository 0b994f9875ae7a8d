"""A list too long to be looked through as a whole is as safe as a short answer."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conftest import Scripted
from faults.store import invoice
from scripted_server import raw

from bigcommerce_b2b_invoices import B2BClient, DecodeError, ResponseError, RetryPolicy
from bigcommerce_b2b_invoices.wire.json_text import SHORT


async def _page(client: B2BClient) -> object:
    return await client.invoices.page()


async def _walk(client: B2BClient) -> object:
    return [each async for each in client.invoices.iterate()]


async def _changes(client: B2BClient) -> object:
    return [each async for each in client.invoices.changes()]


def answer(newest: str, *, newest_first: bool) -> Any:
    """249 invoices and one more."""
    rows = [json.dumps(invoice(number, f"N-{number}", details={"comment": "x" * 300})) for number in range(1, 250)]
    rows = [newest, *reversed(rows)] if newest_first else [*rows, newest]
    body = f'{{"code": 200, "data": [{",".join(rows)}]}}'.encode()
    assert len(body) > SHORT
    return raw(body)


DEEP = json.dumps(invoice(250, "N-250", mystery="DEEP")).replace('"DEEP"', '{"a": ' * 500 + "1" + "}" * 500)
DOUBLED = json.dumps(invoice(250, "N-250")).replace('"openBalance"', '"openBalance": null, "openBalance"')


@pytest.mark.parametrize("read", [_page, _walk, _changes], ids=["page", "walk", "changes"])
@pytest.mark.parametrize(
    ("newest", "error", "text"), [(DEEP, DecodeError, "nested too deeply"), (DOUBLED, ResponseError, "a key twice")]
)
async def test_a_row_that_is_unsound_is_refused(
    scripted: Scripted, read: Callable[[B2BClient], Awaitable[object]], newest: str, error: type[Exception], text: str
) -> None:
    _, client = await scripted(answer(newest, newest_first=read is _changes), retry=RetryPolicy(attempts=1))
    with pytest.raises(error, match=text):
        await read(client)
