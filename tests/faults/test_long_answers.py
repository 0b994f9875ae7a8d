"""A row that must be refused costs only itself, in a short answer and in a list too long to be looked through as a whole."""

import json
from collections.abc import AsyncIterator, Awaitable

import pytest
from conftest import Scripted
from faults.store import invoice
from scripted_server import Bytes, envelope, raw

from bigcommerce_b2b_invoices import (
    B2BClient,
    DecodeError,
    Invoice,
    InvoiceChanges,
    OutcomeUnknownError,
    ResponseError,
    RetryPolicy,
    from_json,
    to_json,
)
from bigcommerce_b2b_invoices.wire.json_text import SHORT

ODD = 250  # the id of the odd invoice
DEEP = json.dumps(invoice(ODD, "N-250", mystery="DEEP")).replace('"DEEP"', '{"a": ' * 500 + "1" + "}" * 500)
DOUBLED = json.dumps(invoice(ODD, "N-250")).replace('"openBalance"', '"openBalance": null, "openBalance"')
HUGE = json.dumps(invoice(ODD, "N-250", mystery="HUGE")).replace('"HUGE"', "1e99999999999999999999")
NO_NUMBER = json.dumps(invoice(ODD, "N-250", mystery="NaN")).replace('"NaN"', "NaN")
LATIN = json.dumps(invoice(ODD, "N-250", customerName="M?ller")).encode().replace(b"?", b"\xfc")
ROWS = {
    "nested too deeply": DEEP.encode(),
    "holds a key twice": DOUBLED.encode(),
    "out of range": HUGE.encode(),
    "that is out of range": NO_NUMBER.encode(),
    "not UTF-8": LATIN,
}
of_rows = pytest.mark.parametrize(("problem", "row"), ROWS.items())


def answer(row: bytes, *, count: int, newest_first: bool) -> Bytes:
    """A list of so many invoices, of which this one was made last."""
    rows = [json.dumps(invoice(number, f"N-{number}", details={"comment": "x" * 300})).encode() for number in range(1, count)]
    rows = [row, *reversed(rows)] if newest_first else [*rows, row]
    pagination = json.dumps({"totalCount": count, "offset": 0, "limit": 250})
    return raw(b'{"code": 200, "data": [' + b",".join(rows) + b'], "meta": {"pagination": ' + pagination.encode() + b"}}")


@pytest.mark.parametrize("count", [5, 240])
@of_rows
async def test_walks_and_feeds_deliver_every_other_row(scripted: Scripted, problem: str, row: bytes, count: int) -> None:
    list_answer = answer(row, count=count, newest_first=False)
    assert (len(list_answer.text) > SHORT) == (count == 240)
    server, client = await scripted(list_answer)
    told: list[DecodeError] = []

    walk = client.invoices.iterate(on_unreadable=told.append)
    walked = [found.id async for found in walk]

    assert walked == list(range(1, count))
    assert (walk.report.guarantee, walk.report.unreadable, walk.report.requests) == ("complete", 1, len(server.seen))
    server.script(answer(row, count=count, newest_first=True))
    fed = [found.id async for found in client.invoices.changes(on_unreadable=told.append)]
    assert fed == [*reversed(walked)]
    for error in told:
        assert problem in str(error)
        assert isinstance(error.row, dict)
        assert error.row["invoiceNumber"] == "N-250"


@of_rows
async def test_one_such_invoice_is_an_error_and_no_outage(scripted: Scripted, problem: str, row: bytes) -> None:
    server, client = await scripted(envelope(invoice(1, "N-1")), raw(b'{"code": 200, "data": ' + row + b"}"))
    await client.invoices.get(1)  # from now on the client would outlast an outage

    [found] = [found async for found in client.invoices.get_many([ODD])]

    assert isinstance(found.error, DecodeError | ResponseError)
    assert problem in str(found.error)
    assert len(server.seen) == 1 + (1 if isinstance(found.error, DecodeError) else 4)


@of_rows
async def test_a_page_is_a_decode_error_that_names_the_row(scripted: Scripted, problem: str, row: bytes) -> None:
    server, client = await scripted(answer(row, count=5, newest_first=False))

    with pytest.raises(DecodeError, match=problem) as caught:
        await client.invoices.page()

    assert (caught.value.path or "").startswith("data[4]")
    assert len(server.seen) == 1


async def test_an_id_that_comes_twice_does_not_show_that_a_write_has_happened(scripted: Scripted) -> None:
    _, client = await scripted(raw(b'{"code": 200, "data": {"id": 5, "id": 6}}'), retry=RetryPolicy(attempts=1))

    with pytest.raises(OutcomeUnknownError):
        await client.invoices.update(5, InvoiceChanges(type="New"))


async def outcome(work: Awaitable[Invoice]) -> Invoice | DecodeError:
    try:
        return await work
    except DecodeError as error:
        return error


async def everything(client: B2BClient) -> AsyncIterator[Invoice | DecodeError]:
    """Every invoice of the store that can be read, and then the errors of the others."""
    told: list[DecodeError] = []
    async for found in client.invoices.iterate(on_unreadable=told.append):
        yield found
    for error in told:
        yield error


@pytest.mark.parametrize("levels", [60, 64, 65, 100])
async def test_the_same_depth_is_read_in_every_answer(scripted: Scripted, levels: int) -> None:
    row = json.dumps(invoice(ODD, "N-250", mystery="DEEP")).replace('"DEEP"', "[" * levels + "]" * levels).encode()
    server, client = await scripted(raw(b'{"code": 200, "data": ' + row + b"}"))
    found = [(await outcome(client.invoices.get(ODD)))]
    for count in (1, 240):
        server.script(answer(row, count=count, newest_first=False))
        found += [error_or_invoice async for error_or_invoice in everything(client)][-1:]

    assert [isinstance(each, Invoice) for each in found] == [levels <= 64] * 3
    for each in found:
        assert isinstance(each, DecodeError) or from_json(Invoice, to_json(each)) == each
