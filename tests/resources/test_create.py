"""A create makes at most one invoice, whatever fails. `test_programs.py` checks what it says in random stores."""

import asyncio
import pickle
import threading
from decimal import Decimal
from random import Random
from typing import Any

import attrs
import pytest
import virtual_time
from model_api import POST_FAULTS, SLOWEST, ModelAPI, outcome

from bigcommerce_b2b_invoices import InvoiceDraft, InvoiceNumberTakenError, Money, OutcomeUnknownError, RetryPolicy
from bigcommerce_b2b_invoices.resources.invoices import Invoices

TEN = Money("USD", Decimal("10.5"))
DRAFT = InvoiceDraft(invoice_number="N-1", customer_id="3", original_balance=TEN, open_balance=TEN)
OURS = {
    "invoiceNumber": "N-1",
    "customerId": "3",
    "originalBalance": {"code": "USD", "value": "10.5000"},
    "openBalance": {"code": "USD", "value": "10.5000"},
}
THEIRS = {**OURS, "customerId": "4"}


NO_PDF: Any = None  # no create reads one


def invoices_of(api: ModelAPI, *, waits: tuple[float, ...] = RetryPolicy().settling, attempts: int = 4) -> Invoices:
    return Invoices(api.send, NO_PDF, "store", waits=waits, attempts=attempts)


async def made_in_a_store_that_looks_and_then_inserts(seed: int) -> int:
    """How many invoices one create makes there, whatever is lost."""
    random = Random(seed)
    faults = [random.choice(POST_FAULTS) for _ in range(random.randrange(4))]
    api = ModelAPI(random, faults, atomic=False, lag=random.choice([0.0, 0.0, 5.0]))
    await outcome(invoices_of(api).create(DRAFT))
    await api.settle()
    return len(api.rows)


def test_a_store_that_looks_and_then_inserts_gets_one_too_because_the_waits_outlast_its_work() -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(made_in_a_store_that_looks_and_then_inserts(seed) for seed in range(1500)))

    made = virtual_time.run(main())

    assert sum(RetryPolicy().settling) > SLOWEST
    assert max(made) == 1
    assert sum(made) > 700


def test_without_the_waits_such_a_store_gets_two() -> None:
    async def main() -> int:
        api = ModelAPI(Random(1), ["slow commit"], atomic=False)
        await outcome(invoices_of(api, waits=(1.0, 2.0)).create(DRAFT))
        await api.settle()
        return len(api.rows)

    assert virtual_time.run(main()) == 2


@attrs.frozen
class Run:
    """What a create returned or raised, and the store afterwards."""

    result: object
    api: ModelAPI

    @property
    def posts(self) -> int:
        """How often it was sent."""
        return self.api.posts

    @property
    def invoices_made(self) -> int:
        return self.api.commits

    @property
    def taken(self) -> InvoiceNumberTakenError:
        assert isinstance(self.result, InvoiceNumberTakenError)
        return self.result

    @property
    def unknown(self) -> OutcomeUnknownError:
        assert isinstance(self.result, OutcomeUnknownError)
        return self.result


FIRST_ID = 1  # of the model store


def create(faults: list[str], *rows: dict[str, Any], draft: InvoiceDraft = DRAFT, **settings: Any) -> Run:
    """One create in a store with these rows, whose answers to it have these faults."""

    async def main() -> Run:
        api = ModelAPI(Random(0), list(faults))
        for row in rows:
            api.insert(row)
        return Run(await outcome(invoices_of(api, **settings).create(draft)), api)

    return virtual_time.run(main())


def test_a_lost_answer_is_found_at_once() -> None:
    run = create(["lost answer"])

    assert run.result == FIRST_ID
    assert run.posts == 1


def test_a_lost_request_is_sent_again_after_a_minute_of_looking() -> None:
    run = create(["lost request"])

    assert run.result == FIRST_ID
    assert run.posts == 2


def test_three_lost_requests_are_enough() -> None:
    run = create(["lost request"] * 9)

    assert run.posts == 3
    assert run.unknown.invoice_number == "N-1"
    assert str(run.unknown.reason) == "the connection broke"


def test_without_retries_a_lost_create_is_looked_for_once_and_reported() -> None:
    lost = create(["lost request"], waits=RetryPolicy(1).settling, attempts=1)
    arrived = create(["lost answer"], waits=(), attempts=1)

    assert lost.unknown.invoice_number == "N-1"
    assert lost.posts == 1
    assert arrived.result == FIRST_ID


@pytest.mark.parametrize(("row", "is_same"), [(OURS, True), (THEIRS, False)], ids=["ours", "theirs"])
def test_a_taken_number_tells_a_strangers_invoice_from_ours_of_an_earlier_run(row: dict[str, Any], *, is_same: bool) -> None:
    run = create([], row)

    assert run.taken.is_same is is_same
    assert run.taken.invoice_number == "N-1"
    assert run.taken.invoice_ids == (FIRST_ID,)
    assert run.invoices_made == 0


def test_a_strangers_invoice_that_is_found_after_a_lost_answer_is_not_taken_for_ours() -> None:
    run = create(["lost answer"], THEIRS)

    assert run.taken.is_same is False
    assert "differs from the draft in customer_id" in str(run.taken)
    assert run.invoices_made == 0


def test_several_invoices_of_one_number_are_reported_and_none_is_deleted() -> None:
    run = create(["lost answer"], OURS, OURS)

    assert run.taken.invoice_ids == (1, 2)
    assert run.taken.is_same is None
    assert len(run.api.rows) == 2


def test_a_second_attempt_that_made_a_second_invoice_is_reported() -> None:
    async def main() -> object:
        api = ModelAPI(Random(0), ["lost answer"], lag=2.45)
        api._with_number = lambda number: []  # type: ignore[method-assign] # a store that keeps no number unique
        asyncio.get_running_loop().call_later(1.0, setattr, api, "lag", 0.0)
        return await outcome(invoices_of(api, waits=(1.0, 1.0)).create(DRAFT))

    taken = virtual_time.run(main())
    assert isinstance(taken, InvoiceNumberTakenError)
    assert taken.invoice_ids == (1, 2)


def test_creates_of_one_number_wait_for_each_other_in_this_process() -> None:
    async def main() -> tuple[list[object], ModelAPI]:
        api = ModelAPI(Random(0), ["lost answer"])
        invoices = invoices_of(api)
        return list(await asyncio.gather(*(outcome(invoices.create(DRAFT)) for _ in range(3)))), api

    (first, *others), api = virtual_time.run(main())
    assert (first, api.commits, api.most_writing) == (1, 1, 1)
    assert [getattr(error, "is_same", None) for error in others] == [True, True]


def test_creates_in_two_event_loops_do_not_wait_for_each_other() -> None:
    async def hold(invoices: Invoices, inside: threading.Event, leave: threading.Event) -> None:
        async with invoices._writes._locks.alone("N-1"):
            inside.set()
            await asyncio.to_thread(leave.wait)

    async def main() -> object:
        invoices = invoices_of(ModelAPI(Random(0), []))
        inside, leave = threading.Event(), threading.Event()
        other = threading.Thread(target=lambda: asyncio.run(hold(invoices, inside, leave)))
        other.start()
        assert await asyncio.to_thread(inside.wait, 10)
        try:
            async with asyncio.timeout(5):
                return await invoices.create(DRAFT)
        finally:
            leave.set()
            other.join()

    assert asyncio.run(main()) == 1


def test_an_unknown_outcome_can_be_pickled_but_not_settled_elsewhere() -> None:
    async def main() -> None:
        unknown = await outcome(invoices_of(ModelAPI(Random(0), ["lost request"]), waits=(), attempts=1).create(DRAFT))
        assert isinstance(unknown, OutcomeUnknownError)
        assert await unknown.resolve() is None
        elsewhere = pickle.loads(pickle.dumps(unknown))  # noqa: S301 - our own bytes
        assert (str(elsewhere), elsewhere.invoice_number) == (str(unknown), "N-1")
        with pytest.raises(OutcomeUnknownError):
            await elsewhere.resolve()

    virtual_time.run(main())


def test_looking_goes_by_the_exact_number() -> None:
    run = create(["lost answer"], {**OURS, "invoiceNumber": "N-10"}, {**OURS, "invoiceNumber": "XN-1"})

    assert run.result == FIRST_ID + 2
    assert run.invoices_made == 1
