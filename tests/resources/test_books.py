"""Balances beside payments: what agrees, what disagrees and by how much, and that a disagreement is read twice."""

from decimal import Decimal, localcontext

import pytest
from conftest import Scripted
from scripted_server import Reply, ScriptedServer, Seen, envelope

from bigcommerce_b2b_invoices import (
    B2BClient,
    BalanceCheck,
    InvoiceQuery,
    Money,
    NotFoundError,
    OfflinePaymentDraft,
    Payment,
    PaymentLine,
    PaymentShare,
    PaymentStatus,
    check_balance,
)
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.sandbox import Sandbox


def usd(value: str) -> Money:
    return Money("USD", Decimal(value))


HUNDRED, FORTY = usd("100"), usd("40")


def invoice(original: Money | None = HUNDRED, still_open: Money | None = FORTY) -> Invoice:
    return Invoice(id=1, invoice_number="N-1", customer_id="3", original_balance=original, open_balance=still_open)


def payment(number: int, amount: Money | None, *, applied: int | None = 1, status: int = 3, of: int = 1) -> Payment:
    line = PaymentLine(invoice_id=of, amount=amount)
    return Payment(id=number, applied_status=applied, processing_status=PaymentStatus(status), line_items=(line,))


def test_only_applied_payments_of_the_invoice_explain_what_was_paid() -> None:
    payments = [
        payment(1, usd("20.5")),
        payment(2, usd("39.5")),
        payment(3, usd("7"), applied=0, status=4),
        payment(4, usd("5"), applied=0, status=1),
        payment(5, usd("6"), applied=None, status=2),
        payment(6, usd("99"), of=2),
    ]

    check = check_balance(invoice(), payments)

    assert check == BalanceCheck(
        invoice_id=1, invoice_number="N-1", customer_id="3", currency="USD", original=Decimal(100), open=Decimal(40),
        applied=Decimal(60), pending=Decimal(11), drift=Decimal(0), payment_ids=(1, 2, 3, 4, 5),
    )  # fmt: skip
    assert check.ok


@pytest.mark.parametrize("odd", [None, Money("EUR", Decimal(20))])
def test_a_share_without_an_amount_or_in_another_currency_is_odd_and_never_summed(odd: Money | None) -> None:
    check = check_balance(invoice(), [payment(1, usd("60")), payment(2, odd)])

    assert (check.applied, check.drift, check.odd_payment_ids, check.ok) == (Decimal(60), Decimal(0), (2,), False)


@pytest.mark.parametrize(
    ("original", "still_open", "currency"),
    [(None, usd("1"), "USD"), (usd("1"), None, "USD"), (None, None, None), (usd("1"), Money("EUR", Decimal(1)), "USD")],
)
def test_without_two_balances_in_one_currency_there_is_no_drift(
    original: Money | None, still_open: Money | None, currency: str | None
) -> None:
    check = check_balance(invoice(original, still_open), [])

    assert (check.drift, check.ok, check.currency) == (None, False, currency)


def test_sums_are_exact_whatever_the_context_of_the_application_rounds_to() -> None:
    with localcontext(prec=2):
        check = check_balance(invoice(usd("1000.0000"), usd("0")), [payment(1, usd("999.9999"))])

    assert check.drift == Decimal("0.0001")


# ---- over HTTP -------------------------------------------------------------------------------------------------------


async def test_a_history_costs_two_requests_and_shows_payments_oldest_first(sandbox: Sandbox, client: B2BClient) -> None:
    money = {"code": "USD", "value": "100.0000"}
    invoice_id = sandbox.add(customerId="95017", originalBalance=money, openBalance=money)
    for number in (1, 2):
        await client.invoices.record_payment(invoice_id, usd("30"), reference=f"R-{number}")
    before = len(sandbox.requests)

    history = await client.invoices.payment_history(invoice_id)

    assert len(sandbox.requests) - before == 2
    assert [each.external_id for each in history.payments] == ["R-1", "R-2"]
    assert (history.balance.applied, history.balance.open, history.balance.ok) == (Decimal(60), Decimal(40), True)


TIMES = {"createdAt": 1_700_000_000, "updatedAt": 1_700_000_000}


class Changing(ScriptedServer):
    """An invoice whose open balance is another one at each reading, with the same payment."""

    def __init__(self, open_balances: list[str]) -> None:
        super().__init__([])
        self.open_balances = open_balances

    def reply(self, seen: Seen, /) -> Reply:
        if "/payments" in seen.target:
            line = {"invoiceId": 1, "amount": {"code": "USD", "value": "60"}}
            return envelope([{"id": 5, "appliedStatus": 1, "lineItems": [line], **TIMES}], total=1, limit=250)
        value = self.open_balances.pop(0) if len(self.open_balances) > 1 else self.open_balances[0]
        row = {
            "id": 1,
            "customerId": "3",
            "originalBalance": {"code": "USD", "value": "100"},
            "openBalance": {"code": "USD", "value": value},
            **TIMES,
        }
        return envelope([row], total=1, limit=250) if seen.target.partition("?")[0].endswith("/invoices") else envelope(row)


@pytest.mark.parametrize(
    ("balances", "drift", "requests"),
    [
        (["40"], "0", 2),
        (["100", "40"], "0", 4),  # the payment arrived between the first two requests
        (["30"], "10", 4),
        (["100", "30", "30"], "10", 6),
        (["100", "30", "20"], "20", 6),  # changes with each reading: told as it was read last
        (["100", "30", "40"], "0", 6),
    ],
)
async def test_a_disagreement_is_told_only_if_two_readings_in_a_row_show_it(
    balances: list[str], drift: str, requests: int
) -> None:
    async with Changing(balances) as server, B2BClient(store_hash="abc", auth_token="x", base_url=server.base_url) as client:
        history = await client.invoices.payment_history(1)

        assert (history.balance.drift, len(server.seen)) == (Decimal(drift), requests)


@pytest.mark.parametrize(("balances", "drifts", "requests"), [(["40"], [], 2), (["30"], ["10"], 6), (["100", "40"], [], 4)])
async def test_reconcile_reads_each_suspect_again(balances: list[str], drifts: list[str], requests: int) -> None:
    async with Changing(balances) as server, B2BClient(store_hash="abc", auth_token="x", base_url=server.base_url) as client:
        found = [str(check.drift) async for check in client.invoices.reconcile()]

        assert (found, len(server.seen)) == (drifts, requests)


async def test_the_books_of_the_sandbox_agree_until_a_balance_is_tampered_with(sandbox: Sandbox, client: B2BClient) -> None:
    nothing = [check async for check in client.invoices.reconcile()]
    every = [check async for check in client.invoices.reconcile(all_invoices=True)]
    paid = next(check for check in every if check.payment_ids and check.original is not None and check.currency)
    payments = await client.payments.of_invoice(paid.invoice_id)
    sandbox.add_payment(
        customerId=payments[0].customer_id,
        appliedStatus=1,
        lineItems=[{"paymentId": 1, "invoiceId": paid.invoice_id, "amount": {"code": paid.currency, "value": "0.0100"}}],
    )
    found = [check async for check in client.invoices.reconcile()]

    assert nothing == []
    assert {check.invoice_id for check in every} == set(sandbox.invoice_ids)
    assert [(check.invoice_id, check.drift) for check in found] == [(paid.invoice_id, Decimal("-0.0100"))]


async def test_reconcile_costs_a_request_for_each_page_and_keeps_to_its_query(sandbox: Sandbox, client: B2BClient) -> None:
    customer = (await client.invoices.get(sandbox.invoice_ids[0])).customer_id
    sandbox.clear()

    found = [check async for check in client.invoices.reconcile(InvoiceQuery(customer_id=customer), all_invoices=True)]

    assert {check.customer_id for check in found} == {customer}
    assert len(sandbox.requests) == 2


async def test_a_loop_that_is_left_leaves_nothing_behind_and_cannot_go_on(client: B2BClient) -> None:
    checks = client.invoices.reconcile(all_invoices=True)
    async for _ in checks:
        break

    with pytest.raises(RuntimeError):
        await anext(checks)


async def test_an_invoice_that_is_deleted_meanwhile_is_no_disagreement(scripted: Scripted) -> None:
    row = {"id": 1, "originalBalance": {"code": "USD", "value": "9"}, "openBalance": {"code": "USD", "value": "8"}, **TIMES}
    gone = envelope({"errMsg": "Invoice does not exist"}, code=404)
    _, client = await scripted(envelope([], total=0, limit=250), envelope([row], total=1, limit=250), gone)

    assert [check async for check in client.invoices.reconcile()] == []
    with pytest.raises(NotFoundError):
        await client.invoices.payment_history(1)


async def test_any_mix_of_payments_and_reversals_leaves_the_books_in_agreement(sandbox: Sandbox, client: B2BClient) -> None:
    money = {"code": "USD", "value": "1000.0000"}
    ids = [sandbox.add(customerId="95017", originalBalance=money, openBalance=money) for _ in range(3)]
    made = []
    for number in range(12):
        shares = [PaymentShare(each, usd(f"{number + 1}.25")) for each in ids[: 1 + number % 3]]
        draft = OfflinePaymentDraft(reference=f"R-{number}", customer_id="95017", shares=shares)
        made.append((await client.payments.record(draft)).payment_id)
    for payment_id, status in zip(made[::3], (1, 2, 4, 4), strict=True):
        await client.payments.set_status(payment_id, PaymentStatus(status))
    await client.payments.delete(made[1])

    assert [check async for check in client.invoices.reconcile()] == []
