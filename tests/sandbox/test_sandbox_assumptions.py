"""Each question about payments that the documents leave open is one switch, which both ways do what they say."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from payment_calls import Caller, drift, offline

from bigcommerce_b2b_invoices.sandbox import Assumptions, Sandbox


@dataclass
class Assumed:
    """A store with one open assumption, and an invoice of 100 with nothing paid."""

    value: Any
    sandbox: Sandbox
    call: Caller
    invoice_id: int

    def record(self, amount: str = "10.00", **more: Any) -> tuple[int, Any]:
        return self.call("POST", "/payments/offline", offline(self.sandbox, self.invoice_id, amount, **more), shows=False)

    @property
    def open(self) -> Any:
        invoice: Any = self.sandbox.invoice(self.invoice_id)
        return Decimal(invoice["openBalance"]["value"])

    def last(self) -> Any:
        return self.sandbox.payment(self.sandbox.payment_ids[-1])


@pytest.fixture
def assumed(request: pytest.FixtureRequest) -> Iterator[Assumed]:
    name, value = request.param
    with Sandbox(invoices=20, assume=Assumptions(**{name: value}), clock=lambda: 1_900_000_000.0) as sandbox:
        money = {"code": "USD", "value": "100.0000"}
        invoice_id = sandbox.add(customerId="95017", originalBalance=money, openBalance=money, updatedAt=1)
        yield Assumed(value, sandbox, Caller(sandbox), invoice_id)


def switch(name: str, values: list[Any]) -> pytest.MarkDecorator:
    """Run a test with the default of a switch, which comes first, and with another value."""
    assert getattr(Assumptions(), name) == values[0]
    return pytest.mark.parametrize("assumed", [(name, value) for value in values], indirect=True, ids=["default", "other"])


@switch("keeps_external_id", [True, False])
def test_a1_the_external_id_is_kept(assumed: Assumed) -> None:
    is_kept = assumed.value
    assumed.record(externalId="R")
    assert assumed.last()["externalId"] == ("R" if is_kept else None)
    assert len(assumed.call.rows("/payments?searchBy=externalId&q=R&limit=10")) == is_kept


@switch("external_id_is_unique", [False, True])
def test_a2_the_external_id_may_repeat(assumed: Assumed) -> None:
    is_unique = assumed.value
    assert [assumed.record(externalId="R")[0] for _ in range(2)] == [200, 422 if is_unique else 200]


@switch("search_lag", [0.0, 60.0])
def test_a3_a_search_may_be_late_and_the_invoice_filter_is_not(assumed: Assumed) -> None:
    is_late = assumed.value > 0
    assumed.record(externalId="R")
    assert len(assumed.call.rows("/payments?q=R&searchBy=externalId")) == (not is_late)
    assert len(assumed.call.rows(f"/payments?invoiceId={assumed.invoice_id}")) == 1


@switch("takes_overpayments", [True, False])
def test_a4_more_than_the_open_balance(assumed: Assumed) -> None:
    is_taken = assumed.value
    assert assumed.record("100.0001")[0] == (200 if is_taken else 422)
    assert assumed.open == (Decimal("-0.0001") if is_taken else 100)


@switch("takes_foreign_invoices", [True, False])
@pytest.mark.parametrize("other", [{"customerId": "95034"}, {"currency": "EUR"}], ids=["company", "currency"])
def test_a5_an_invoice_of_another_company_or_currency(assumed: Assumed, other: dict[str, str]) -> None:
    is_taken = assumed.value
    assert assumed.record(**other)[0] == (200 if is_taken else 422)
    assert len(assumed.call.rows(f"/payments?invoiceId={assumed.invoice_id}")) == is_taken


@switch("applied_at", [frozenset({3}), frozenset({2, 3})])
def test_a6_the_statuses_that_apply(assumed: Assumed) -> None:
    applies = assumed.value
    assumed.record(processingStatus=2)
    assert (assumed.last()["appliedStatus"], assumed.open) == ((1, 90) if 2 in applies else (0, 100))


@switch("delete_reverts", [True, False])
def test_a7_a_deleted_payment_gives_its_amount_back(assumed: Assumed) -> None:
    reverts = assumed.value
    _, made = assumed.record()
    assumed.call("DELETE", f"/payments/{made['data']['paymentId']}")
    assert assumed.open == (100 if reverts else 90)
    assert drift(assumed.sandbox) == ({} if reverts else {assumed.invoice_id: 10})


@switch("refund_reverts", [True, False])
def test_a8_a_refund_gives_the_amount_back(assumed: Assumed) -> None:
    reverts = assumed.value
    _, made = assumed.record()
    assumed.call("PUT", f"/payments/{made['data']['paymentId']}/processing-status", {"processingStatus": 4})
    assert (assumed.last()["appliedStatus"], assumed.open) == ((0, 100) if reverts else (1, 90))
    assert drift(assumed.sandbox) == {}


@switch("repeats_operations", [False, True])
def test_a9_a_repeated_operation_is_refused(assumed: Assumed) -> None:
    repeats = assumed.value
    _, made = assumed.record()
    path = f"/payments/{made['data']['paymentId']}/operations"
    assert [assumed.call("POST", path, {"operationCode": 1})[0] for _ in range(2)] == [200, 200 if repeats else 400]
    assert assumed.open == 100
    assert drift(assumed.sandbox) == {}


@switch("max_limit", [250, 3])
def test_a10_the_longest_page(assumed: Assumed) -> None:
    limit = assumed.value
    for _ in range(4):
        assumed.record()
    assert len(assumed.call.rows(f"/payments?limit=500&invoiceId={assumed.invoice_id}")) == min(limit, 4)


@switch("moves_updated_at", [True, False])
def test_a12_a_payment_moves_the_invoice_in_time(assumed: Assumed) -> None:
    moves = assumed.value
    assumed.record()
    invoice: Any = assumed.sandbox.invoice(assumed.invoice_id)
    assert invoice["updatedAt"] == (1_900_000_000 if moves else 1)


@switch("longest_external_id", [255, 3])
def test_a13_the_longest_external_id(assumed: Assumed) -> None:
    longest = assumed.value
    assert [assumed.record(externalId="R" * (longest + more))[0] for more in (0, 1)] == [200, 422]


@switch("takes_numbers", [True, False])
def test_a14_an_amount_as_a_number(assumed: Assumed) -> None:
    takes = assumed.value
    body = offline(assumed.sandbox, assumed.invoice_id, "1") | {"lineItems": [{"invoiceId": assumed.invoice_id, "amount": 2.5}]}
    status, _ = assumed.call("POST", "/payments/offline", body, is_valid=False, shows=False)
    assert (status, assumed.open) == ((200, Decimal("97.5")) if takes else (422, 100))
