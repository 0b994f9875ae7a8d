"""What callers make can be written as JSON and read back, and a mistake in such a text is an error and never a loss."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from bigcommerce_b2b_invoices import (
    Attempt,
    BulkSummary,
    DecodeError,
    Direction,
    ExtraField,
    ExtraFieldConfig,
    ExtraFieldProblem,
    Failure,
    Invoice,
    InvoiceChanges,
    InvoiceContents,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceQuery,
    InvoiceStatus,
    LineItem,
    Money,
    NotFoundError,
    Outcome,
    Page,
    SearchField,
    SortField,
    Success,
    WalkReport,
    from_dict,
    from_json,
    to_json,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
TIMES = st.integers(86_400, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
AMOUNTS = st.decimals(-(10**9), 10**9, places=4)
MONEY = st.builds(Money, TEXTS, AMOUNTS)
FIELDS = st.lists(st.builds(ExtraField, TEXTS, st.none() | TEXTS), max_size=2).map(tuple)
ITEMS = st.lists(st.builds(LineItem, sku=st.none() | TEXTS, quantity=st.none() | AMOUNTS), max_size=2)
DETAILS = st.builds(InvoiceDetails, type=st.none() | TEXTS, details=st.builds(InvoiceContents, line_items=ITEMS))
COMMON: dict[str, Any] = {
    "type": st.none() | TEXTS, "due_date": st.none() | TIMES, "status": st.none() | st.sampled_from(InvoiceStatus),
    "details": st.none() | DETAILS, "external_id": st.none() | TEXTS,
}  # fmt: skip
DRAFTS = st.builds(
    InvoiceDraft, invoice_number=TEXTS, customer_id=TEXTS, original_balance=MONEY, open_balance=MONEY, extra_fields=FIELDS,
    channel_id=st.none() | st.integers(0, 10**30), **COMMON,
)  # fmt: skip
CHANGES = st.builds(InvoiceChanges, open_balance=st.none() | MONEY, extra_fields=st.none() | FIELDS, **COMMON)
QUERIES = st.builds(
    InvoiceQuery, status=st.none() | st.sampled_from(InvoiceStatus), external_ids=st.lists(TEXTS, max_size=2),
    channel_ids=st.lists(st.integers(0, 10**30), max_size=2), q=TEXTS, search_by=st.none() | st.sampled_from(SearchField),
    begin_date_at=st.none() | TIMES, sort_by=st.none() | st.sampled_from(SortField),
    order_by=st.none() | st.sampled_from(Direction), include_extra_fields=st.booleans(),
)  # fmt: skip


@settings(max_examples=200)
@given(value=DRAFTS | CHANGES | QUERIES)
def test_what_a_caller_made_reads_back_as_it_was(value: Any) -> None:
    assert from_json(type(value), to_json(value)) == value


def test_pages_and_reports_read_back_as_they_were() -> None:
    page = Page((from_json(Invoice, '{"id": 1, "dueDate": "soon", "new": [1]}'),), offset=3, limit=250, total_count=None)
    report = WalkReport(guarantee="best_effort", delivered=3, anomalies=("why",))

    assert from_json(Page[Invoice], to_json(page)) == page
    assert from_json(WalkReport, to_json(report)) == report
    assert '"totalCount":null' in to_json(page)


DRAFT = '{"invoiceNumber": "N", "customerId": "3", "originalBalance": MONEY, "openBalance": MONEY%s}'.replace(
    "MONEY", '{"code": "USD", "value": 1}'
)


@pytest.mark.parametrize(
    ("cls", "text", "path"),
    [
        (InvoiceDraft, DRAFT % ', "dueDat": 1', "InvoiceDraft.dueDat"),
        (InvoiceDraft, DRAFT % ', "dueDate": "soon"', "InvoiceDraft.dueDate"),
        (InvoiceDraft, DRAFT % ', "due_date": 1', "InvoiceDraft.due_date"),
        (InvoiceDraft, DRAFT % ', "status": 9', "InvoiceDraft.status"),
        (InvoiceDraft, DRAFT % ', "status": true', "InvoiceDraft.status"),
        (InvoiceDraft, DRAFT % ', "type": " "', "InvoiceDraft"),
        (InvoiceDraft, DRAFT % ', "details": "x"', "InvoiceDraft.details"),
        (InvoiceDraft, DRAFT % ', "extraFields": [{"fieldValue": "v"}]', "InvoiceDraft.extraFields[0].fieldName"),
        (InvoiceDraft, DRAFT.replace("1}", '"a lot"}', 1) % "", "InvoiceDraft.originalBalance.value"),
        (InvoiceDraft, '{"invoiceNumber": "N"}', "InvoiceDraft.customerId"),
        (InvoiceDraft, "[]", "InvoiceDraft"),
        (InvoiceChanges, '{"openBalance": "1.00"}', "InvoiceChanges.openBalance"),
        (InvoiceChanges, '{"extraFields": "none"}', "InvoiceChanges.extraFields"),
        (InvoiceChanges, '{"createdAt": {}}', "InvoiceChanges.createdAt"),
        (InvoiceQuery, '{"stats": 1}', "InvoiceQuery.stats"),
        (InvoiceQuery, '{"status": "open"}', "InvoiceQuery.status"),
        (InvoiceQuery, '{"customerId": {}}', "InvoiceQuery.customerId"),
        (InvoiceQuery, '{"externalIds": ["a", null]}', "InvoiceQuery.externalIds[1]"),
        (InvoiceQuery, '{"searchBy": "invoiceNumber"}', "InvoiceQuery"),
        (InvoiceQuery, '{"sortBy": "id"}', "InvoiceQuery.sortBy"),
        (WalkReport, '{"guarantee": "perhaps"}', "WalkReport.guarantee"),
        (Page[Invoice], '{"items": [{"id": "x"}], "offset": 0, "limit": 1, "totalCount": 1}', "Page.items[0].id"),
        (Page[Invoice], '{"items": [], "offset": 0, "limit": 1}', "Page.totalCount"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_its_place(cls: type[Any], text: str, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        from_json(cls, text)

    assert caught.value.path == path


def test_an_empty_list_of_changes_stays_an_empty_list() -> None:
    assert from_json(InvoiceChanges, '{"extraFields": []}') == InvoiceChanges(extra_fields=())
    assert from_json(InvoiceChanges, '{"extraFields": null}') == InvoiceChanges()
    assert to_json(InvoiceChanges(extra_fields=())) == '{"extraFields":[]}'


@pytest.mark.parametrize("cls", [Page, Outcome, Success[int, Invoice], Failure[int], NotFoundError, Attempt, list[Invoice], int])
def test_what_cannot_be_read_back_is_a_type_error_that_says_so(cls: Any) -> None:
    with pytest.raises(TypeError, match="cannot be read back"):
        from_json(cls, "{}")


@pytest.mark.parametrize("value", [BulkSummary(succeeded=1, failed=2, unknown=0, not_attempted=3, under_way=0)])
def test_what_has_only_plain_fields_reads_back(value: Any) -> None:
    assert from_json(type(value), to_json(value)) == value


def test_a_problem_and_a_config_read_back() -> None:
    problem = ExtraFieldProblem("a", "missing", "why")  # type: ignore[arg-type] # the value of a StrEnum
    config = from_json(ExtraFieldConfig, '{"id": 1, "fieldType": 3, "listOfValue": ["a"], "new": null}')

    assert from_json(ExtraFieldProblem, to_json(problem)).problem == "missing"
    assert from_json(ExtraFieldConfig, to_json(config)) == config


def test_amounts_of_a_draft_keep_every_digit() -> None:
    draft = from_json(InvoiceDraft, DRAFT.replace("1}", "0.10000000000000000001}") % "")
    assert draft.open_balance.value == Decimal("0.10000000000000000001")


class Whole(int):
    """Stands for numpy's integers, which have `__index__` but are not ints, and for an int of a subclass."""


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"id": Whole(7), "status": InvoiceStatus.OPEN, "channelId": Whole(3)}, '{"id":7,"status":0,"channelId":"3"}'),
        ({"id": 7, "customerId": Whole(3), "isPendingPayment": True}, '{"id":7,"customerId":"3","isPendingPayment":1}'),
    ],
)
def test_plain_values_are_made_of_what_python_offers(value: dict[str, Any], wanted: str) -> None:
    made = from_dict(Invoice, value)

    assert to_json(made) == wanted
    assert {type(each) for each in (made.id, made.channel_id) if each is not None} == {int}


@pytest.mark.parametrize(
    "bad",
    [Decimal("sNaN"), Decimal("NaN"), Decimal("Infinity"), 10**5000, -(10**5000)],
    ids=["sNaN", "NaN", "infinity", "long", "long, negative"],
)
@pytest.mark.parametrize("key", ["id", "customerId", "status", "dueDate", "isPendingPayment", "openBalance", "new"])
def test_a_number_that_is_none_is_an_error_that_names_its_place(key: str, bad: object) -> None:
    with pytest.raises(DecodeError) as caught:
        from_dict(Invoice, {"id": 1, key: bad})

    assert caught.value.path == f"Invoice.{key}"
    assert str(caught.value)


def test_what_is_no_class_is_a_type_error() -> None:
    cls: Any
    for cls in ("Invoice", None, 5):
        with pytest.raises(TypeError):
            from_json(cls, "{}")


def test_times_of_a_draft_are_kept_as_they_are_sent() -> None:
    time = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    changes = InvoiceChanges(due_date=time, created_at=time)

    assert changes.due_date == time.replace(microsecond=0)
    assert from_json(InvoiceChanges, to_json(changes)) == changes


def test_an_amount_that_could_not_be_read_back_is_not_read() -> None:
    with pytest.raises(DecodeError, match="out of range"):
        from_json(Invoice, '{"id": 1, "openBalance": {"code": "USD", "value": 0.' + "0" * 70 + "1}}")
