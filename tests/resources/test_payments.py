"""Payments over HTTP: what each call returns, what it costs in requests, and what it says after a lost answer."""

import asyncio
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from conftest import Scripted, connect
from scripted_server import CLOSE, Reply, answer, envelope, raw

from bigcommerce_b2b_invoices import (
    B2BClient,
    CompanyMismatchError,
    CurrencyMismatchError,
    DecodeError,
    Direction,
    DuplicatePaymentError,
    FilterIgnoredError,
    Money,
    NotFoundError,
    OfflinePaymentDraft,
    OutcomeUnknownError,
    OverpaymentError,
    PaymentOperation,
    PaymentQuery,
    PaymentRefusedError,
    PaymentShare,
    PaymentStateError,
    PaymentStatus,
    RecordedPayment,
    ReferenceTakenError,
    RetryPolicy,
    UnprocessableError,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox

FAST = RetryPolicy(base_delay=0.001)
COMPANY, OTHER = "95017", "95034"  # two that the sandbox knows


def usd(value: str) -> Money:
    return Money("USD", Decimal(value))


def add_invoice(sandbox: Sandbox, *, customer: str = COMPANY, value: str = "100.0000", code: str = "USD") -> int:
    money = {"code": code, "value": value}
    return sandbox.add(customerId=customer, originalBalance=money, openBalance=money)


def draft_of(*shares: PaymentShare, **changes: Any) -> OfflinePaymentDraft:
    return OfflinePaymentDraft(**{"reference": "R-1", "customer_id": COMPANY, "shares": shares, **changes})


def sent(sandbox: Sandbox, method: str = "POST") -> int:
    return sum(request.method == method for request in sandbox.requests)


# ---- reads -----------------------------------------------------------------------------------------------------------


async def test_a_walk_brings_every_payment_once_the_oldest_first_and_goes_on_by_its_bookmark(
    sandbox: Sandbox, client: B2BClient
) -> None:
    walk = client.payments.iterate(page_size=5)
    first = [(await anext(walk)).id for _ in range(7)]
    rest = [payment.id async for payment in client.payments.iterate(page_size=5, resume=walk.bookmark)]
    payments = [payment async for payment in client.payments.iterate()]
    pages = [page.items async for page in client.payments.iterate(page_size=7).pages()]

    assert len(sandbox.payment_ids) > 14
    assert sorted([*first, *rest]) == sorted(sandbox.payment_ids) == sorted(payment.id for payment in payments)
    assert [payment.created_at for payment in payments] == sorted(
        payment.created_at for payment in payments if payment.created_at
    )
    assert sum(map(len, pages)) == len(payments) == await client.payments.count()


async def test_a_bookmark_of_invoices_or_of_another_query_is_refused(client: B2BClient) -> None:
    walk = client.payments.iterate(page_size=5)
    await anext(walk)
    for other in (
        lambda: client.invoices.iterate(resume=walk.bookmark),
        lambda: client.receipts.iterate(resume=walk.bookmark),
        lambda: client.payments.iterate(PaymentQuery(processing_status=3), resume=walk.bookmark),
    ):
        with pytest.raises(ValueError, match="belongs to a walk of another query or store"):
            other()


async def test_a_filter_lists_what_it_says(client: B2BClient) -> None:
    completed = PaymentQuery(processing_status=3, sort_by="totalAmount", order_by=Direction.DESCENDING)

    page = await client.payments.page(completed, limit=5)
    count = await client.payments.count(completed)

    totals = [payment.total.value for payment in page.items if payment.total]
    assert totals == sorted(totals, reverse=True)
    assert (len(totals), page.total_count) == (5, count)
    assert {payment.processing_status for payment in page.items} == {PaymentStatus.COMPLETED}


async def test_one_payment_shows_what_may_be_done_with_it(sandbox: Sandbox, client: B2BClient) -> None:
    payment = await client.payments.get(sandbox.payment_ids[0])
    operations = await client.payments.operations(payment.id)
    transactions = await client.payments.transactions(payment.id)

    assert payment.id == sandbox.payment_ids[0]
    assert operations.allowed_statuses == payment.allowed_statuses
    assert all(transaction.type for transaction in transactions)
    assert len(sandbox.requests) == 3
    with pytest.raises(NotFoundError):
        await client.payments.get(987_654)


async def test_a_server_that_ignores_the_invoice_is_noticed(scripted: Scripted) -> None:
    row = {"id": 1, "lineItems": [{"invoiceId": 114, "amount": {"code": "USD", "value": "1"}}]}
    _, client = await scripted(envelope([row], total=1, limit=250))
    query = PaymentQuery(invoice_id=14)

    for use in (client.payments.of_invoice(14), client.payments.page(query), client.payments.count(query)):
        with pytest.raises(FilterIgnoredError, match="invoice_id"):
            await use


async def test_a_search_is_compared_exactly_and_an_unreadable_payment_may_be_the_one(scripted: Scripted) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "externalId": "R-10"},
        {"id": 2, "externalId": "r-1"},
        {"id": "x", "externalId": "R-11"},
    ]
    server, client = await scripted(envelope(rows, total=3, limit=250))

    nothing = await client.payments.find("R-1")
    server.script(envelope([*rows, {"id": 4, "externalId": "R-1"}], total=4, limit=250))
    found = await client.payments.find("R-1")
    server.script(envelope([{"id": 4, "externalId": "R-1"}, {"id": 5, "externalId": "R-1"}], total=2, limit=250))
    with pytest.raises(DuplicatePaymentError) as several:
        await client.payments.find("R-1")
    server.script(envelope([{"id": "x", "externalId": "R-1"}], total=1, limit=250))
    with pytest.raises(DecodeError):
        await client.payments.find("R-1")

    assert nothing is None
    assert found is not None
    assert found.id == 4
    assert (several.value.reference, several.value.payment_ids) == ("R-1", (4, 5))


@pytest.mark.parametrize("key", ["externalId", "lineItems", "appliedStatus"])
async def test_a_payment_that_holds_a_key_twice_is_not_read_in_a_long_list_either(scripted: Scripted, key: str) -> None:
    rows = [
        {"id": number, "lineItems": [], "details": "x" * 300, "createdAt": number, "updatedAt": 1} for number in range(1, 250)
    ]
    text = json.dumps({"code": 200, "data": rows, "meta": {"pagination": {"totalCount": 249, "limit": 250}}})
    doubled = text.replace('"id": 200,', f'"id": 200, "{key}": 1, "{key}": 2,')
    _, client = await scripted(raw(doubled.encode()))

    with pytest.raises(DecodeError, match=r"data\[199\].*twice") as raised:
        await client.payments.page()

    assert len(text) > 65_536
    assert raised.value.model == "Payment"


# ---- record ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("invoices", [1, 2, 5])
async def test_a_payment_of_n_invoices_costs_n_and_four_requests_and_two_once_it_is_there(
    sandbox: Sandbox, client: B2BClient, invoices: int
) -> None:
    ids = [add_invoice(sandbox) for _ in range(invoices)]
    draft = draft_of(*(PaymentShare(invoice_id, usd("10.5")) for invoice_id in ids))

    recorded = await client.payments.record(draft)
    requests = len(sandbox.requests)
    again = await client.payments.record(draft)
    async with connect(sandbox) as other:
        elsewhere = await other.payments.record(draft)

    assert (recorded.verified, recorded.already_recorded, requests) == (True, False, invoices + 4)
    assert (again.payment_id, again.already_recorded, elsewhere) == (recorded.payment_id, True, again)
    assert (len(sandbox.requests), sent(sandbox)) == (invoices + 8, 1)
    assert (await client.payments.get(recorded.payment_id)).memo == "R-1"
    assert {(await client.invoices.get(invoice_id)).open_balance for invoice_id in ids} == {usd("89.5000")}


async def test_a_payment_of_one_invoice_costs_five_requests_and_takes_its_company(sandbox: Sandbox, client: B2BClient) -> None:
    invoice_id = add_invoice(sandbox, customer=OTHER)

    recorded = await client.invoices.record_payment(
        invoice_id, usd("20"), reference="R-1", memo="M", status=PaymentStatus.PROCESSING
    )
    requests = len(sandbox.requests)
    payment = await client.payments.get(recorded.payment_id)

    assert requests == 5
    assert (payment.customer_id, payment.memo, payment.external_id) == (OTHER, "M", "R-1")
    assert (payment.processing_status, payment.amount_for(invoice_id)) == (PaymentStatus.PROCESSING, usd("20"))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"customer_id": OTHER}, CompanyMismatchError),
        ({"amount": Money("EUR", Decimal(1))}, CurrencyMismatchError),
        ({"amount": usd("100.0001")}, OverpaymentError),
    ],
)
async def test_a_payment_that_does_not_fit_its_invoice_is_refused_before_it_is_sent(
    sandbox: Sandbox, client: B2BClient, changes: dict[str, Any], kind: type[PaymentRefusedError]
) -> None:
    invoice_id = add_invoice(sandbox)
    amount = changes.pop("amount", usd("1"))

    with pytest.raises(PaymentRefusedError) as raised:
        await client.payments.record(draft_of(PaymentShare(invoice_id, amount), **changes))

    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own bytes
    assert type(raised.value) is kind
    assert (raised.value.reference, raised.value.invoice_id, vars(again)) == ("R-1", invoice_id, vars(raised.value))
    assert sent(sandbox) == 0
    if isinstance(raised.value, OverpaymentError):
        assert (raised.value.amount, raised.value.open_balance) == (amount, usd("100.0000"))


async def test_more_than_the_open_balance_is_recorded_if_that_is_allowed(sandbox: Sandbox, client: B2BClient) -> None:
    share = PaymentShare(add_invoice(sandbox), usd("150"))

    recorded = await client.payments.record(draft_of(share), allow_overpayment=True)

    assert recorded.verified


@pytest.mark.parametrize("fields", [{"openBalance": None}, {"customerId": None}])
async def test_an_invoice_that_does_not_show_its_currency_or_company_takes_no_payment(
    sandbox: Sandbox, client: B2BClient, fields: dict[str, Any]
) -> None:
    invoice_id = sandbox.add(**{"customerId": COMPANY, "openBalance": {"code": "USD", "value": "9"}, **fields})

    for use in (
        client.payments.record(draft_of(PaymentShare(invoice_id, usd("1"))), allow_overpayment=True),
        client.invoices.record_payment(invoice_id, usd("1"), reference="R", allow_overpayment=True),
    ):
        with pytest.raises(PaymentRefusedError):
            await use

    assert sent(sandbox) == 0


async def test_nothing_is_sent_for_bad_input_or_an_unknown_invoice(sandbox: Sandbox, client: B2BClient) -> None:
    bad: list[tuple[Any, dict[str, Any]]] = [
        (Decimal(1), {}), (1.5, {}), (usd("0"), {}), (usd("0.00001"), {}), (usd("1"), {"reference": " R"}), (usd("1"), {"status": 0}),
    ]  # fmt: skip
    for amount, changes in bad:
        with pytest.raises((TypeError, ValueError)):
            await client.invoices.record_payment(1, amount, **{"reference": "R", **changes})
    nothing = len(sandbox.requests)
    with pytest.raises(NotFoundError):
        await client.payments.record(draft_of(PaymentShare(987_654, usd("1"))))

    assert (nothing, sent(sandbox)) == (0, 0)


async def test_another_payment_with_the_reference_is_an_error_and_several_are(sandbox: Sandbox, client: B2BClient) -> None:
    invoice_id = add_invoice(sandbox)
    first = await client.payments.record(draft_of(PaymentShare(invoice_id, usd("10"))))

    with pytest.raises(ReferenceTakenError) as taken:
        await client.payments.record(draft_of(PaymentShare(invoice_id, usd("11"))))
    second = sandbox.add_payment(externalId="R-1", lineItems=[])
    with pytest.raises(DuplicatePaymentError) as several:
        await client.payments.record(draft_of(PaymentShare(invoice_id, usd("10"))))

    assert (taken.value.reference, taken.value.payment_ids) == ("R-1", (first.payment_id,))
    assert several.value.payment_ids == (first.payment_id, second)
    assert sent(sandbox) == 1


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"drop": "midway"}])
async def test_after_a_lost_answer_the_payment_is_found_and_never_sent_again(sandbox: Sandbox, fault: dict[str, Any]) -> None:
    share = PaymentShare(add_invoice(sandbox), usd("10"))
    before = len(sandbox.payment_ids)
    async with connect(sandbox, retry=FAST) as client:
        sandbox.fail(method="POST", **fault)
        recorded = await client.payments.record(draft_of(share))

    assert (recorded.verified, recorded.already_recorded) == (True, False)
    assert (len(sandbox.payment_ids), sent(sandbox)) == (before + 1, 1)


@pytest.mark.parametrize("lost", [raw(b"", 502), envelope({}), envelope({"id": 7}), answer({"code": 500}), CLOSE])
async def test_any_answer_without_the_id_is_a_lost_one(scripted: Scripted, lost: Reply) -> None:
    nothing = envelope([], total=0, limit=250)
    row = {"id": 9, "customerId": COMPANY, "openBalance": {"code": "USD", "value": "100.0000"}}
    line = {"invoiceId": 9, "amount": {"code": "USD", "value": "10.0000"}}
    made = {"id": 7, "customerId": COMPANY, "externalId": "R-1", "lineItems": [line], "createdAt": 1, "updatedAt": 1}
    server, client = await scripted(nothing, nothing, envelope(row), lost, nothing, envelope([made], total=1, limit=250))

    recorded = await client.payments.record(draft_of(PaymentShare(9, usd("10"))))

    assert recorded == RecordedPayment(payment_id=7, reference="R-1", already_recorded=False, verified=True)
    assert ([seen.method for seen in server.seen].count("POST"), len(server.seen)) == (1, 6)


async def test_a_payment_that_was_never_made_stays_unknown_until_it_is_recorded_again(sandbox: Sandbox) -> None:
    draft = draft_of(PaymentShare(add_invoice(sandbox), usd("10")))
    async with connect(sandbox, retry=FAST) as client:
        sandbox.fail(method="POST", drop="before")
        with pytest.raises(OutcomeUnknownError) as unknown:
            await client.payments.record(draft)
        resolved = await unknown.value.resolve()
        recorded = await client.payments.record(draft)
        found = await unknown.value.resolve()

    assert (resolved, found, unknown.value.reference) == (None, recorded.payment_id, "R-1")


async def test_a_refusal_of_the_server_is_raised_with_its_fields_and_nothing_is_looked_for(
    sandbox: Sandbox, client: B2BClient
) -> None:
    share = PaymentShare(add_invoice(sandbox), usd("10"))
    sandbox.fail(method="POST", status=422, body={"code": 422, "data": {"lineItems": [{"amount": ["Too odd."]}]}})

    with pytest.raises(UnprocessableError) as raised:
        await client.payments.record(draft_of(share))

    assert raised.value.field_errors == {"lineItems[0].amount": ("Too odd.",)}
    assert [request.method for request in sandbox.requests] == ["GET", "GET", "GET", "POST"]


@pytest.mark.parametrize(
    "look", [raw(b"", 500), raw(b"<html>"), envelope([{"id": "x"}], total=1, limit=250), envelope([], total=0, limit=250)]
)
async def test_what_the_last_look_cannot_see_is_no_error_and_nothing_is_verified(scripted: Scripted, look: Reply) -> None:
    nothing = envelope([], total=0, limit=250)
    row = {"id": 9, "customerId": COMPANY, "openBalance": {"code": "USD", "value": "100.0000"}}
    server, client = await scripted(nothing, nothing, envelope(row), envelope({"paymentId": 7}), look)

    recorded = await client.payments.record(draft_of(PaymentShare(9, usd("10"))))

    assert recorded == RecordedPayment(payment_id=7, reference="R-1", already_recorded=False, verified=False)
    assert [seen.method for seen in server.seen].count("POST") == 1


async def test_what_this_client_recorded_is_known_though_no_list_shows_it(scripted: Scripted) -> None:
    nothing = envelope([], total=0, limit=250)
    row = {"id": 9, "customerId": COMPANY, "openBalance": {"code": "USD", "value": "100.0000"}}
    line = {"invoiceId": 9, "amount": {"code": "USD", "value": "10.0000"}}
    payment = {"id": 7, "customerId": COMPANY, "externalId": None, "lineItems": [line]}  # the store keeps no reference
    server, client = await scripted(
        nothing, nothing, envelope(row), envelope({"paymentId": 7}), nothing, nothing, nothing, envelope(payment)
    )

    await client.payments.record(draft_of(PaymentShare(9, usd("10"))))
    again = await client.payments.record(draft_of(PaymentShare(9, usd("10"))))
    server.script(nothing, nothing, envelope(payment))
    with pytest.raises(ReferenceTakenError):
        await client.payments.record(draft_of(PaymentShare(9, usd("11"))))

    assert again == RecordedPayment(payment_id=7, reference="R-1", already_recorded=True, verified=False)
    assert [seen.method for seen in server.seen].count("POST") == 1


async def test_one_call_at_a_time_records_a_reference(sandbox: Sandbox, client: B2BClient) -> None:
    draft = draft_of(PaymentShare(add_invoice(sandbox), usd("10")))

    recorded = await asyncio.gather(*(each.payments.record(draft) for each in (client, client.with_options(), client)))

    assert len({each.payment_id for each in recorded}) == 1
    assert sorted(each.already_recorded for each in recorded) == [False, True, True]
    assert sent(sandbox) == 1


# ---- the other writes ------------------------------------------------------------------------------------------------


async def recorded_id(sandbox: Sandbox, client: B2BClient) -> int:
    recorded = await client.payments.record(draft_of(PaymentShare(add_invoice(sandbox), usd("10"))))
    sandbox.clear()
    return recorded.payment_id


async def test_a_status_is_set_in_one_request(sandbox: Sandbox, client: B2BClient) -> None:
    payment_id = await recorded_id(sandbox, client)

    await client.payments.set_status(payment_id, PaymentStatus.PROCESSING)

    assert len(sandbox.requests) == 1
    assert (await client.payments.get(payment_id)).processing_status == PaymentStatus.PROCESSING
    with pytest.raises(ValueError, match="INCOMPLETE"):
        await client.payments.set_status(payment_id, PaymentStatus.INCOMPLETE)


async def test_a_lost_change_of_state_is_read_back_and_never_sent_again(sandbox: Sandbox) -> None:
    async with connect(sandbox, retry=FAST) as client:
        payment_id = await recorded_id(sandbox, client)
        sandbox.fail(method="PUT", drop="after")
        await client.payments.set_status(payment_id, PaymentStatus.PROCESSING)
        sandbox.fail(method="PUT", drop="before")
        with pytest.raises(OutcomeUnknownError) as unknown:
            await client.payments.set_status(payment_id, PaymentStatus.COMPLETED)
        not_yet = await unknown.value.resolve()
        await client.payments.set_status(payment_id, PaymentStatus.COMPLETED)
        at_last = await unknown.value.resolve()

    assert (not_yet, at_last) == (None, payment_id)
    assert sent(sandbox, "PUT") == 3


OPERATIONS = [
    (PaymentOperation.APPLY, {"appliedStatus": 1}, True),
    (PaymentOperation.APPLY, {"appliedStatus": 0}, False),
    (PaymentOperation.REVERT, {"appliedStatus": 0}, True),
    (PaymentOperation.REVERT, {"appliedStatus": 1}, False),
]


@pytest.mark.parametrize(("operation", "state", "is_done"), OPERATIONS)
async def test_a_lost_operation_is_settled_by_the_applied_status(
    scripted: Scripted, operation: PaymentOperation, state: dict[str, Any], is_done: bool
) -> None:
    server, client = await scripted(CLOSE, envelope({"id": 5, **state}))

    if is_done:
        await client.payments.perform(5, operation)
    else:
        with pytest.raises(OutcomeUnknownError) as unknown:
            await client.payments.perform(5, operation)
        assert await unknown.value.resolve() is None

    assert [seen.method for seen in server.seen].count("POST") == 1
    assert len(server.seen) == (2 if is_done else 6)


@pytest.mark.parametrize("operation", [PaymentOperation.PULL_FROM_ORDER, 3])
async def test_a_lost_operation_that_no_payment_shows_stays_unknown(scripted: Scripted, operation: int) -> None:
    server, client = await scripted(CLOSE, envelope({"id": 5, "appliedStatus": 1}))

    with pytest.raises(OutcomeUnknownError) as unknown:
        await client.payments.perform(5, operation)
    with pytest.raises(OutcomeUnknownError) as again:
        await unknown.value.resolve()

    assert again.value is unknown.value
    assert len(server.seen) == 1


async def test_a_payment_is_reverted_and_applied_again_and_the_balance_follows(sandbox: Sandbox, client: B2BClient) -> None:
    payment_id = await recorded_id(sandbox, client)
    invoice_id = (await client.payments.get(payment_id)).line_items[0].invoice_id
    applied, balances = [], []

    for operation in (PaymentOperation.REVERT, PaymentOperation.APPLY):
        await client.payments.perform(payment_id, operation)
        applied.append((await client.payments.get(payment_id)).is_applied)
        balances.append((await client.invoices.get(invoice_id)).open_balance)

    assert (applied, balances) == ([False, True], [usd("100.0000"), usd("90.0000")])


async def test_a_state_that_does_not_allow_it_is_said(scripted: Scripted) -> None:
    _, client = await scripted(
        answer({"code": 400, "data": {"errMsg": "The payment operation is not allowed."}, "meta": {"message": "Not Found Error"}})
    )

    with pytest.raises(PaymentStateError, match="not allowed"):
        await client.payments.perform(5, PaymentOperation.APPLY)


async def test_a_payment_is_deleted_once_and_a_lost_delete_is_repeated(sandbox: Sandbox) -> None:
    async with connect(sandbox, retry=FAST) as client:
        first, second = sandbox.payment_ids[:2]
        await client.payments.delete(first)
        requests = len(sandbox.requests)
        sandbox.fail(method="DELETE", drop="after")
        await client.payments.delete(second)
        with pytest.raises(NotFoundError):
            await client.payments.delete(second)
    async with connect(sandbox, retry=RetryPolicy(attempts=1)) as client:
        third = sandbox.payment_ids[0]
        sandbox.fail(method="DELETE", drop="before")
        with pytest.raises(OutcomeUnknownError) as unknown:
            await client.payments.delete(third)
        still_there = await unknown.value.resolve()
        await client.payments.delete(third)
        gone = await unknown.value.resolve()

    assert requests == 1
    assert (still_there, gone) == (None, third)
    assert {first, second, third}.isdisjoint(sandbox.payment_ids)
