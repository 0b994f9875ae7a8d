"""Updates, edits of details and deletes whose answers are lost: looked for, and never sent again where that could do harm."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import attrs
import pytest
import virtual_time
from model_api import ModelAPI, outcome

from bigcommerce_b2b_invoices import (
    EditConflictError,
    ExtraField,
    Invoice,
    InvoiceChanges,
    InvoiceContents,
    InvoiceDetails,
    InvoiceNumberTakenError,
    LineItem,
    Money,
    NotFoundError,
    OutcomeUnknownError,
    RetryPolicy,
    ServerError,
)
from bigcommerce_b2b_invoices.resources.evidence import has_changes
from bigcommerce_b2b_invoices.resources.invoices import Invoices

ROW: dict[str, Any] = {"invoiceNumber": "N-1", "customerId": "3", "type": "Old", "details": {"type": "X", "note": [1]}}
CHANGES = InvoiceChanges(type="New")


def no_download(*_: object, **__: object) -> Any:
    raise AssertionError


def run(faults: list[str], use: Callable[[Invoices, ModelAPI], Awaitable[object]], **settings: Any) -> tuple[object, ModelAPI]:
    async def main() -> tuple[object, ModelAPI]:
        api = ModelAPI(Random(0), list(faults))
        api.insert(dict(ROW))
        settings.setdefault("attempts", 4)
        invoices = Invoices(api.send, no_download, "store", waits=RetryPolicy().settling, **settings)
        result = await outcome(use(invoices, api))
        await api.settle()
        return result, api

    return virtual_time.run(main())


def update(invoices: Invoices, _api: ModelAPI) -> Awaitable[None]:
    return invoices.update(1, CHANGES)


def test_an_update_whose_answer_is_lost_is_seen_to_have_happened() -> None:
    for fault in ("lost answer", "500 after commit"):
        done, api = run([fault], update)
        assert (done, api.puts, api.rows[1].body["type"]) == (None, 1, "New")


def test_an_update_that_never_arrives_is_reported_and_not_sent_again() -> None:
    unknown, api = run(["lost request"], update)
    assert isinstance(unknown, OutcomeUnknownError)
    assert (api.puts, api.rows[1].body["type"]) == (1, "Old")


def test_the_outcome_of_an_update_can_be_asked_for_later() -> None:
    async def use(invoices: Invoices, api: ModelAPI) -> list[int | None]:
        unknown = await outcome(invoices.update(1, CHANGES))
        assert isinstance(unknown, OutcomeUnknownError)
        first = await unknown.resolve()
        api.change(1, {"type": "New"})  # it arrives at last
        return [first, await unknown.resolve()]

    assert run(["lost request"], use)[0] == [None, 1]


def line(sku: str) -> Callable[[InvoiceDetails], InvoiceDetails]:
    return lambda details: attrs.evolve(details, details=InvoiceContents(line_items=(LineItem(sku=sku),)))


def edit(invoices: Invoices, _api: ModelAPI) -> Awaitable[Invoice]:
    return invoices.update_details(1, line("A"))


@pytest.mark.parametrize(
    ("faults", "puts"), [([], 1), (["lost answer"], 1), (["slow commit"], 1), (["lost request"], 2), (["lost request"] * 2, 3)]
)
def test_an_edit_is_written_once_and_keeps_what_it_does_not_know(faults: list[str], puts: int) -> None:
    after, api = run(faults, edit)
    assert isinstance(after, Invoice)
    assert after.line_items[0].sku == "A"
    assert (api.puts, api.rows[1].body["details"]["note"], api.rows[1].body["details"]["type"]) == (puts, [1], "X")


def test_an_edit_that_never_arrives_is_reported_after_three_sendings() -> None:
    unknown, api = run(["lost request"] * 9, edit)
    assert isinstance(unknown, OutcomeUnknownError)
    assert api.puts == 3


def test_an_edit_that_changes_nothing_is_not_written() -> None:
    after, api = run([], lambda invoices, _: invoices.update_details(1, lambda details: details))
    assert isinstance(after, Invoice)
    assert api.puts == 0


def test_an_edit_that_returns_something_else_is_refused_before_anything_is_written() -> None:
    error, api = run([], lambda invoices, _: invoices.update_details(1, lambda _details: None))  # type: ignore[arg-type, return-value] # that is the point
    assert isinstance(error, TypeError)
    assert api.puts == 0


def test_an_edit_that_was_accepted_but_cannot_be_read_back_is_not_said_to_have_failed() -> None:
    async def use(invoices: Invoices, api: ModelAPI) -> object:
        api.on_put = lambda: api.failing_gets.extend([ServerError(status=503)] * 4)  # each look for it fails
        unknown = await outcome(invoices.update_details(1, line("A")))
        assert isinstance(unknown, OutcomeUnknownError)
        assert isinstance(unknown.reason, ServerError)
        return await unknown.resolve()

    assert run([], use)[0] == 1


def test_a_stranger_who_writes_meanwhile_is_a_conflict_and_is_not_overwritten() -> None:
    def while_edited(invoices: Invoices, api: ModelAPI) -> Awaitable[object]:
        def both(details: InvoiceDetails) -> InvoiceDetails:
            api.change(1, {"type": "Theirs"})
            return line("A")(details)

        return invoices.update_details(1, both)

    conflict, api = run([], while_edited)
    assert isinstance(conflict, EditConflictError)
    assert (api.puts, conflict.attempts) == (0, 0)


def test_a_stranger_who_writes_after_a_lost_request_is_a_conflict_and_is_not_overwritten() -> None:
    async def use(invoices: Invoices, api: ModelAPI) -> object:
        api.on_put = lambda: api.change(1, {"details": {"type": "Theirs"}})
        return await invoices.update_details(1, line("A"))

    conflict, api = run(["lost request"], use)
    assert isinstance(conflict, EditConflictError)
    assert (api.puts, api.rows[1].body["details"]) == (1, {"type": "Theirs"})


def test_what_the_api_refuses_is_raised_as_it_is() -> None:
    for use in (update, edit):

        async def gone(invoices: Invoices, api: ModelAPI, use: Any = use) -> object:
            api.on_put = lambda: api.rows.clear()  # noqa: PLW0108 - rows is looked up when it is called
            return await use(invoices, api)

        assert isinstance(run([], gone)[0], NotFoundError)
    taken, _ = run(["number taken"], lambda invoices, _: invoices.update(1, InvoiceChanges(invoice_number="N-2")))
    assert isinstance(taken, InvoiceNumberTakenError)
    assert taken.invoice_number == "N-2"


def test_the_outcome_of_a_delete_can_be_asked_for() -> None:
    async def use(invoices: Invoices, api: ModelAPI) -> list[int | None]:
        unknown = await outcome(invoices.delete(1))
        assert isinstance(unknown, OutcomeUnknownError)
        there = await unknown.resolve()
        api.rows.clear()
        return [there, await unknown.resolve()]

    assert run(["lost request"], use)[0] == [None, 1]


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AS_WANTED: list[tuple[InvoiceChanges, dict[str, Any], bool]] = [
    (InvoiceChanges(type="a"), {"type": "a"}, True),
    (InvoiceChanges(type="a"), {"type": "b"}, False),
    (InvoiceChanges(type="a"), {}, False),
    (InvoiceChanges(open_balance=Money("USD", Decimal("1.5"))), {"open_balance": Money("USD", Decimal("1.5000"))}, True),
    (InvoiceChanges(open_balance=Money("USD", Decimal("1.00005"))), {"open_balance": Money("USD", Decimal("1.0001"))}, False),
    (InvoiceChanges(open_balance=Money("USD", Decimal("1.5"))), {"open_balance": Money("CAD", Decimal("1.5"))}, False),
    (InvoiceChanges(open_balance=Money("USD", Decimal("1.5"))), {}, False),
    (InvoiceChanges(due_date=NOON.replace(microsecond=5)), {"due_date": NOON}, True),
    (InvoiceChanges(due_date=NOON), {"due_date": NOON.replace(second=1)}, False),
    (InvoiceChanges(external_pdf_url=""), {"external_pdf_url": None}, True),
    (InvoiceChanges(external_pdf_url=""), {"external_pdf_url": "https://x"}, False),
    (
        InvoiceChanges(extra_fields=(ExtraField("a", "1"), ExtraField("b"))),
        {"extra_fields": (ExtraField("b"), ExtraField("a", "1"))},
        True,
    ),
    (InvoiceChanges(extra_fields=(ExtraField("a", "1"),)), {"extra_fields": (ExtraField("b"), ExtraField("a", "1"))}, False),
    (InvoiceChanges(extra_fields=()), {"extra_fields": (ExtraField("b"),)}, False),
    (InvoiceChanges(extra_fields=()), {}, True),
    (InvoiceChanges(external_id="007"), {"external_id": "7"}, False),
    (InvoiceChanges(purchase_order_number="PO 1 "), {"purchase_order_number": "po 1"}, False),
    (InvoiceChanges(open_balance=Money("usd", Decimal("1e29"))), {"open_balance": Money("USD", Decimal("1e29"))}, False),
    (InvoiceChanges(extra_fields=(ExtraField("a", "1"),)), {"extra_fields": (ExtraField("a", "2"),)}, False),
]


@pytest.mark.parametrize(("changes", "found", "expected"), AS_WANTED)
def test_a_lost_update_is_done_only_if_its_values_read_back_exactly(
    changes: InvoiceChanges, found: dict[str, Any], expected: bool
) -> None:
    assert has_changes(changes, Invoice(id=1, **found)) is expected
