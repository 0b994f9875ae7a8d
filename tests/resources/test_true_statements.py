"""Statements about writes that were untrue once, each in the smallest store that shows it."""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import attrs
import pytest
import virtual_time
from odd_store import Body, Fault, OddStore, answer, invoices_of, page_of_gateway

from bigcommerce_b2b_invoices import (
    AuthenticationError,
    B2BError,
    BadRequestError,
    EditConflictError,
    ForbiddenError,
    Invoice,
    InvoiceChanges,
    InvoiceContents,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceNumberTakenError,
    LineItem,
    Money,
    OutcomeUnknownError,
    PayloadTooLargeError,
    RateLimitError,
)  # fmt: skip
from bigcommerce_b2b_invoices.wire.messages import Response

ROW: Body = {"invoiceNumber": "N-1", "customerId": "3", "type": "Old", "details": {"type": "X"}}
AMOUNT = Money("USD", Decimal("10.125"))
DRAFT = InvoiceDraft(invoice_number="N-2", customer_id="3", original_balance=AMOUNT, open_balance=AMOUNT)
NEW_TYPE = InvoiceChanges(type=" New  type ")


def add_line(details: InvoiceDetails) -> InvoiceDetails:
    lines = details.details.line_items if details.details else ()
    return attrs.evolve(details, details=InvoiceContents(line_items=(*lines, LineItem(sku="C", comments="two  words"))))


CALLS: dict[str, Callable[[Any], Any]] = {
    "create": lambda invoices: invoices.create(DRAFT),
    "update": lambda invoices: invoices.update(1, NEW_TYPE),
    "update_details": lambda invoices: invoices.update_details(1, add_line),
    "delete": lambda invoices: invoices.delete(1),
}


def lost(effect: Any) -> Fault:
    return Fault("504", lambda: page_of_gateway(504), effect)


def run(
    method: str, faults: list[Fault], *, normalisation: str = "", lag: int = 0, prepare: Callable[[OddStore], object] = id
) -> tuple[object, OddStore, object]:
    """What the call came to, the store, and what `resolve` said if the outcome was unknown; everything has come to rest."""

    async def main() -> tuple[object, OddStore, object]:
        store = OddStore(Random(0), lag=lag)
        store.insert(ROW)
        store.looks += lag
        store.faults = faults
        store.normalisations = [normalisation] if normalisation else []
        prepare(store)
        result: object = None
        said: object = None
        try:
            result = await CALLS[method](invoices_of(store))
        except B2BError as error:
            result = error
        store.come_to_rest()
        if isinstance(result, OutcomeUnknownError):
            try:
                said = await result.resolve()
            except B2BError as error:
                said = error
        return result, store, said

    return virtual_time.run(main())


def test_an_accepted_edit_is_no_conflict_because_a_lagging_read_shows_anothers_change_first() -> None:
    def others(store: OddStore) -> None:
        store.strangers["read", 2].append(lambda: store.change(1, {"termsConditions": "T"}))

    for faults in ([], [lost("now")]):
        result, store, _ = run("update_details", list(faults), lag=2, prepare=others)

        current = store.current(1)
        assert current is not None
        assert current.sending == 1  # a caller who takes a conflict for a failure adds the line twice
        assert isinstance(result, Invoice)


def test_a_lost_edit_that_comes_late_is_no_conflict_because_somebody_wrote_before() -> None:
    def others(store: OddStore) -> None:
        store.strangers["done", 1].append(lambda: store.change(1, {"details": {"type": "theirs"}}))

    result, store, _ = run("update_details", [lost("late")], prepare=others)

    assert store.effects
    assert isinstance(result, Invoice)


def test_a_change_of_another_field_is_not_called_a_change_of_the_details() -> None:
    def others(store: OddStore) -> None:
        store.strangers["done", 1].append(lambda: store.change(1, {"termsConditions": "T"}))

    result, _, _ = run("update_details", [lost("never")], prepare=others)

    assert isinstance(result, EditConflictError)
    assert "somebody else changed them" not in str(result)


@pytest.mark.parametrize("normalisation", ["unifies blanks", "sorts", "rounds half to even", "drops what is empty"])
def test_what_a_store_does_to_details_is_not_told_as_somebodys_change(normalisation: str) -> None:
    def more(details: InvoiceDetails) -> InvoiceDetails:
        lines = tuple(
            LineItem(sku=sku, comments="two  words", type="", unit_price=Money("USD", Decimal("1.125"))) for sku in "BA"
        )
        return attrs.evolve(details, details=InvoiceContents(line_items=lines))

    async def main() -> Invoice:
        store = OddStore(Random(0))
        store.normalisations = [normalisation]
        store.insert(ROW)
        return await invoices_of(store).update_details(1, more)

    assert len(virtual_time.run(main()).line_items) == 2


@pytest.mark.parametrize("method", ["update", "update_details"])
def test_a_lost_write_that_the_store_normalised_is_not_said_to_be_missing(method: str) -> None:
    result, store, said = run(method, [lost("now")], normalisation="folds case", prepare=lambda store: store.change(1, {}))

    assert store.effects
    assert result is None or said is not None


def test_an_amount_that_the_store_rounded_half_to_even_is_the_same() -> None:
    keys = {"invoiceNumber": "N-2", "customerId": "3", "originalBalance": {"code": "USD", "value": "10.12"}}
    result, _, _ = run("create", [], prepare=lambda store: store.insert(keys))

    assert isinstance(result, InvoiceNumberTakenError)
    assert result.is_same is True


# ---- a 4xx that is not in the API's envelope -------------------------------------------------------------------------

BODIES = {
    "html": b"<html>Sorry</html>",
    "text": b"Sorry",
    "empty": b"",
    "problem": b'{"title": "Sorry", "status": 400, "detail": "No"}',
    "other json": b'{"message": "Sorry"}',
    "code and message": b'{"code": 404, "message": "no route"}',
    "list": b"[]",
}
MEANT = {  # a gateway decides these before it forwards a request: the class says what to do, and nothing was written
    401: AuthenticationError, 403: ForbiddenError, 405: BadRequestError, 411: BadRequestError, 413: PayloadTooLargeError,
    414: BadRequestError, 415: BadRequestError, 417: BadRequestError, 426: BadRequestError, 429: RateLimitError,
    431: BadRequestError, 451: BadRequestError,
}  # fmt: skip


def of_gateway(status: int, body: str, effect: Any) -> Fault:
    return Fault(f"gateway's {status}", lambda: Response(status, {}, BODIES[body]), effect)


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("body", [name for name in BODIES if name != "code and message"])
@pytest.mark.parametrize(("status", "expected"), MEANT.items())
def test_a_4xx_that_means_nothing_was_forwarded_stays_a_clear_error(
    method: str, body: str, status: int, expected: type[B2BError]
) -> None:
    result, store, _ = run(method, [of_gateway(status, body, "never")] * 4)

    assert type(result) is expected
    assert not store.effects


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("status", [400, 404, 409, 422])
@pytest.mark.parametrize("http", ["as http", "in 200"])
def test_a_4xx_in_the_envelope_is_a_refusal(method: str, status: int, http: str) -> None:
    fault = Fault("refused", lambda: answer({"errMsg": "No"}, status, status=status if http == "as http" else 200), "never")

    result, store, _ = run(method, [fault])

    assert isinstance(result, B2BError)
    assert not isinstance(result, OutcomeUnknownError)
    assert not store.effects


@pytest.mark.parametrize("body", BODIES)
def test_a_gateways_404_after_a_lost_delete_does_not_mean_that_it_is_gone(body: str) -> None:
    result, store, said = run("delete", [lost("never"), of_gateway(404, body, "never"), *[lost("never")] * 9])

    assert isinstance(result, OutcomeUnknownError)
    assert said is None
    assert not store.effects
