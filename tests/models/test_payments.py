"""Payments and receipts: the documentation's examples are read and written without loss, and bad drafts are never made."""

import json
import pickle
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import attrs
import pytest

import bigcommerce_b2b_invoices as package
from bigcommerce_b2b_invoices import (
    APIError,
    B2BError,
    BalanceCheck,
    CompanyMismatchError,
    CurrencyMismatchError,
    DecodeError,
    DuplicatePaymentError,
    ForeignPaymentError,
    Invoice,
    Money,
    OfflinePaymentDraft,
    OutcomeUnknownError,
    OverpaymentError,
    Page,
    Payment,
    PaymentCard,
    PaymentHistory,
    PaymentLine,
    PaymentOperations,
    PaymentQuery,
    PaymentRefusedError,
    PaymentShare,
    PaymentStateError,
    PaymentStatus,
    PaymentTransaction,
    Receipt,
    ReceiptLine,
    ReceiptLineQuery,
    ReceiptQuery,
    RecordedPayment,
    ReferenceTakenError,
    from_dict,
    from_json,
    payment_errors,
    to_dict,
    to_json,
)
from bigcommerce_b2b_invoices.wire import converter, payment_endpoints
from bigcommerce_b2b_invoices.wire.json_text import read_json

SAMPLES = Path(__file__).parents[1] / "samples"


def sample(name: str) -> Any:
    return read_json((SAMPLES / f"{name}.json").read_bytes())


def usd(value: str) -> Money:
    return Money("USD", Decimal(value))


def draft(**changes: Any) -> OfflinePaymentDraft:
    values: dict[str, Any] = {"reference": "R-1", "customer_id": "3", "shares": [PaymentShare(30, usd("10"))]}
    return OfflinePaymentDraft(**{**values, **changes})


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("payments_list_200", Payment),
        ("payment_get_200", Payment),
        ("payment_transactions_200", PaymentTransaction),
        ("receipts_list_200", Receipt),
        ("receipt_get_200", Receipt),
        ("receipt_lines_200", ReceiptLine),
        ("receipt_line_200", ReceiptLine),
    ],
)
def test_the_documentations_rows_are_read_and_written_back_without_loss(name: str, cls: Any) -> None:
    data = sample(name)["data"]
    for row in data if isinstance(data, list) else [data]:
        read = converter.read(cls, row)

        assert converter.write(read) == row
        assert from_json(cls, to_json(read)) == from_dict(cls, to_dict(read)) == read
        assert all(not value for key, value in read.additional_properties.items() if key != "storeHash")  # null, or empty


def test_a_payment_says_what_it_paid_and_whether_that_is_applied() -> None:
    processing, completed = (converter.read(Payment, sample("payments_list_200")["data"][place]) for place in (1, 2))
    refunded = converter.read(Payment, sample("payment_get_200")["data"])

    assert (processing.processing_status, processing.is_applied) == (PaymentStatus.PROCESSING, True)
    assert (refunded.processing_status, refunded.is_applied) == (PaymentStatus.REFUNDED, False)
    assert (completed.amount_for(28), completed.amount_for(30), completed.amount_for(9)) == (usd("20.0000"), usd("10"), None)
    assert (completed.memo, completed.channel_id, completed.allowed_statuses[2]) == ("123456", 1, PaymentStatus.COMPLETED)


def test_the_sum_of_the_lines_is_exact_and_never_mixes_or_guesses() -> None:
    def paid(*amounts: Money | None) -> Money | None:
        lines = [PaymentLine(invoice_id=1, amount=amount) for amount in amounts]
        return Payment(id=1, line_items=tuple(lines)).amount_for(1)

    with localcontext(prec=3):
        total = paid(usd("12345.6789"), usd("0.0001"))

    assert total == usd("12345.6790")
    assert paid(usd("1"), None) is None
    assert paid(usd("1"), Money("EUR", Decimal(1))) is None


def test_statuses_come_as_numbers_or_as_texts() -> None:
    operations = converter.read(PaymentOperations, sample("payment_operations_200")["data"])

    assert operations.allowed_statuses == (1, 2, 3, 4)
    assert type(operations.allowed_statuses[3]) is PaymentStatus
    assert converter.read(PaymentOperations, {"allowedStatuses": [7]}).allowed_statuses == (7,)


KEPT = [
    ({"details": "memo"}, "details", "memo"),
    ({"fees": [1, {"amount": 2.5}]}, "fees", [1, {"amount": Decimal("2.5")}]),
    ({"processingStatus": "paid"}, "processing_status", None),
    ({"allowedStatuses": ["x"]}, "allowed_statuses", ()),
    ({"total": "7"}, "total", None),
    ({"lineItems": []}, "line_items", ()),
    ({"lineItems": None}, "line_items", ()),
    ({"channelId": "main"}, "channel_id", None),
    ({"bcId": 5}, "additional_properties", {"bcId": 5}),
]


@pytest.mark.parametrize(("keys", "attribute", "expected"), KEPT)
def test_what_a_field_cannot_hold_is_kept_and_written_back(keys: dict[str, object], attribute: str, expected: object) -> None:
    read = converter.read(Payment, read_json(json.dumps({"id": 1, **keys}).encode()))

    assert getattr(read, attribute) == expected
    assert json.loads(to_json(read)) == {"id": 1, **keys}


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"id": "1"}, "data.id"),
        ({"lineItems": [{"invoiceId": "14"}]}, "data.lineItems[0].invoiceId"),
        ({"lineItems": [{"invoiceId": 1}, {}]}, "data.lineItems[1].invoiceId"),
        ({"lineItems": "none"}, "data.lineItems"),
    ],
)
def test_a_payment_whose_invoices_are_uncertain_is_not_read(keys: dict[str, object], path: str) -> None:
    with pytest.raises(DecodeError) as raised:
        converter.read(Payment, {"id": 1, **keys})

    assert raised.value.path == path


def test_an_amount_that_cannot_be_read_is_no_amount_and_is_kept() -> None:
    row = {"id": 1, "lineItems": [{"invoiceId": 2, "amount": {"code": "USD", "value": "x"}}]}

    read = converter.read(Payment, row)

    assert read.line_items[0].amount is None
    assert converter.write(read) == row


BAD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"reference": ""}, ValueError),
    ({"reference": " R"}, ValueError),
    ({"reference": "R\n"}, ValueError),
    ({"reference": "R" * 256}, ValueError),
    ({"reference": 7}, TypeError),
    ({"customer_id": None}, TypeError),
    ({"customer_id": ""}, ValueError),
    ({"shares": []}, ValueError),
    ({"shares": "10"}, TypeError),
    ({"shares": [usd("10")]}, TypeError),
    ({"shares": [PaymentShare(1, usd("1")), PaymentShare(1, usd("2"))]}, ValueError),
    ({"shares": [PaymentShare(1, usd("1")), PaymentShare(2, Money("EUR", Decimal(1)))]}, ValueError),
    ({"status": PaymentStatus.INCOMPLETE}, ValueError),
    ({"status": 0}, ValueError),
    ({"status": 7}, ValueError),
    ({"status": None}, ValueError),
    ({"memo": " "}, ValueError),
    ({"channel_id": "1"}, TypeError),
    ({"amount": usd("1")}, TypeError),
]


@pytest.mark.parametrize(("changes", "error"), BAD)
def test_a_bad_draft_is_not_made(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        draft(**changes)


@pytest.mark.parametrize(
    ("share", "error"),
    [
        ((1, Decimal(10)), TypeError),
        ((1, 10.0), TypeError),
        ((1, usd("0")), ValueError),
        ((1, usd("-1")), ValueError),
        ((1, usd("0.00001")), ValueError),
        ((1, usd("10.12345")), ValueError),
        (("1", usd("1")), TypeError),
        ((0, usd("1")), ValueError),
        ((True, usd("1")), TypeError),
    ],
)
def test_a_bad_share_is_not_made(share: tuple[Any, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        PaymentShare(*share)


def test_the_longest_reference_and_the_total_are_exact() -> None:
    made = draft(reference="R" * 255, shares=[PaymentShare(1, usd("0.0001")), PaymentShare(2, usd("999999999999.9999"))])

    with localcontext(prec=4):
        assert (made.total, made.currency) == (usd("1000000000000.0000"), "USD")


@pytest.mark.parametrize(
    ("value", "sent"), [("20.00", "20.00"), ("2E+1", "20"), ("0.1", "0.1"), ("1.234500000", "1.2345"), ("7", "7")]
)
def test_an_amount_is_sent_as_plain_text(value: str, sent: str) -> None:
    body = json.loads(payment_endpoints.record_offline_payment(draft(shares=[PaymentShare(1, usd(value))])).request.body or b"")

    assert body["lineItems"] == [{"invoiceId": 1, "amount": sent}]


def test_the_documentations_payment_can_be_recorded() -> None:
    body = sample("payment_record")
    made = OfflinePaymentDraft(
        reference="Test",
        customer_id=113,
        shares=(PaymentShare(13, usd("20.00")),),
        payer_name="Store offline payment",
        payer_customer_id="113",
    )

    sent = json.loads(payment_endpoints.record_offline_payment(made).request.body or b"")

    assert sent.pop("externalId") == sent["details"]["memo"] == "Test"
    assert body.pop("fundingStatus") == "2"  # the schema has no such field
    assert sent == body


INVOICE = Invoice(id=30, original_balance=usd("30"), open_balance=usd("20"))
CHECK = BalanceCheck(
    invoice_id=30, invoice_number=None, customer_id="3", currency="USD", original=Decimal(30), open=Decimal(20),
    applied=Decimal("10.5"), pending=Decimal(0), drift=Decimal("-0.5"), payment_ids=(66, 65), odd_payment_ids=(66,),
)  # fmt: skip
WHOLE = Payment(id=65, line_items=(PaymentLine(invoice_id=30, amount=usd("10")),), details={"memo": "m"})
ROUND: list[Any] = [
    draft(memo="m", channel_id=1, status=2, payer_customer_id=4),
    PaymentShare(1, usd("1.5")),
    PaymentQuery(
        invoice_id=3, processing_status=1, search_by="externalId", q="R", channel_ids=[1], sort_by="createdAt", order_by="ASC"
    ),
    ReceiptQuery(payment_statuses=[1, 3], search_by="payerName", q="x", sort_by="total", order_by="DESC"),
    ReceiptLineQuery(payment_statuses=[4], search_by="invoiceId", q="14", sort_by="amount"),
    RecordedPayment(payment_id=1, reference="R", already_recorded=True, verified=False),
    CHECK,
    PaymentHistory(invoice=INVOICE, payments=(WHOLE,), balance=CHECK),
    PaymentCard(last4="1111", expiry_year=2050),
]


@pytest.mark.parametrize("model", ROUND, ids=lambda model: type(model).__name__)
def test_what_callers_make_or_get_is_written_and_read_back(model: Any) -> None:
    assert from_json(type(model), to_json(model)) == model
    assert from_dict(type(model), json.loads(json.dumps(to_dict(model)))) == model


def test_a_page_of_payments_is_read_back_and_a_misspelt_draft_is_not() -> None:
    page = Page(items=(WHOLE,), offset=0, limit=250, total_count=1)

    assert from_json(Page[Payment], to_json(page)) == page
    with pytest.raises(DecodeError, match="unknown key"):
        from_dict(OfflinePaymentDraft, {**to_dict(draft()), "note": "x"})
    with pytest.raises(DecodeError, match="INCOMPLETE"):
        from_dict(OfflinePaymentDraft, {**to_dict(draft()), "status": 0})


@pytest.mark.parametrize(
    ("cls", "bad"),
    [
        (PaymentQuery, {"search_by": "id"}),
        (PaymentQuery, {"search_by": "invoiceNumber", "q": "x"}),
        (PaymentQuery, {"invoice_id": "3"}),
        (PaymentQuery, {"invoice_id": 0}),
        (PaymentQuery, {"sort_by": "total"}),
        (PaymentQuery, {"customer_id": "3"}),
        (ReceiptQuery, {"search_by": "payerName"}),
        (ReceiptQuery, {"payment_statuses": [5]}),
        (ReceiptQuery, {"payment_statuses": 1}),
        (ReceiptLineQuery, {"search_by": "invoiceId"}),
        (ReceiptLineQuery, {"sort_by": "paymentId"}),
    ],
)
def test_a_query_that_the_api_would_misread_is_not_made(cls: Any, bad: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        cls(**bad)


def test_the_books_agree_or_disagree_to_the_last_digit() -> None:
    assert CHECK.ok is False
    assert attrs.evolve(CHECK, drift=Decimal("0.0000"), odd_payment_ids=()).ok is True
    assert attrs.evolve(CHECK, drift=None, odd_payment_ids=()).ok is False


@pytest.mark.parametrize("model", [*ROUND, WHOLE, Page((WHOLE,), 0, 250, 1)], ids=lambda model: type(model).__name__)
def test_pydantic_writes_reads_and_describes_each_class(model: Any) -> None:
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(Page[Payment] if isinstance(model, Page) else type(model))

    text = adapter.dump_json(model)

    assert json.loads(text) == to_dict(model)
    assert adapter.validate_json(text) == model
    assert adapter.json_schema()["title"] == type(model).__name__


def test_pydantic_names_the_place_of_a_bad_share() -> None:
    pydantic = pytest.importorskip("pydantic")
    bad = {**to_dict(draft()), "shares": [{"invoiceId": 1, "amount": {"code": "USD", "value": "0"}}]}

    with pytest.raises(pydantic.ValidationError, match=r"OfflinePaymentDraft\.shares\[0\]"):
        pydantic.TypeAdapter(OfflinePaymentDraft).validate_python(bad)


ERRORS: list[B2BError] = [
    PaymentRefusedError("m", reference="R", invoice_id=1),
    OverpaymentError("m", reference="R", invoice_id=1),
    CurrencyMismatchError("m", reference="R", invoice_id=1),
    CompanyMismatchError("m", reference="R", invoice_id=1),
    ReferenceTakenError("m", reference="R", payment_ids=(1,)),
    DuplicatePaymentError("m", reference="R", payment_ids=(1, 2)),
    PaymentStateError("m", status=400, code=400, request_id="r"),
    ForeignPaymentError("m"),
    OutcomeUnknownError("m", reference="R"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_can_be_pickled_with_what_it_holds(error: B2BError) -> None:
    error.of_request("POST", "/payments/offline", 1)
    if isinstance(error, OverpaymentError):
        error.amount, error.open_balance = usd("2"), usd("1")

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))
    assert error.to_dict()["type"] == type(error).__name__
    assert isinstance(error, APIError) is isinstance(error, PaymentStateError)


def test_every_error_of_payments_is_public_and_pickled_here() -> None:
    classes = {
        cls for cls in vars(payment_errors).values() if isinstance(cls, type) and cls.__module__ == payment_errors.__name__
    }

    assert classes == {type(error) for error in ERRORS} - {OutcomeUnknownError}
    assert all(getattr(package, cls.__name__) is cls for cls in classes)
