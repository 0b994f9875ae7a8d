"""A create makes at most one invoice, whatever fails, and what it says is true."""

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

PROGRAMS = 10_000
TEN = Money("USD", Decimal("10.5"))
DRAFT = InvoiceDraft(invoice_number="N-1", customer_id="3", original_balance=TEN, open_balance=TEN)
OURS = {
    "invoiceNumber": "N-1",
    "customerId": "3",
    "originalBalance": {"code": "USD", "value": "10.5000"},
    "openBalance": {"code": "USD", "value": "10.5000"},
}
THEIRS = {**OURS, "customerId": "4"}


async def no_download(*_: object, **__: object) -> Any:
    raise AssertionError


def invoices_of(api: ModelAPI, *, waits: tuple[float, ...] = RetryPolicy().settling, attempts: int = 4) -> Invoices:
    return Invoices(api.send, no_download, "store", waits=waits, attempts=attempts)


async def strangers(api: ModelAPI, random: Random) -> None:
    """Somebody who uses the same number, or deletes an invoice that has it, at some time or other."""
    for _ in range(random.randrange(3)):
        await asyncio.sleep(random.uniform(0, 90))
        holders = api._with_number("N-1")
        if not holders and random.randrange(2):
            api.insert(THEIRS)
        elif holders and not random.randrange(4):
            del api.rows[holders[0].body["id"]]
            api.deleted_by_strangers += 1


async def program(seed: int, *, atomic: bool, with_strangers: bool) -> str:
    """One create against one random mishap after another; returns what it came to."""
    random = Random(seed)
    faults = [random.choice(POST_FAULTS) for _ in range(random.randrange(4))]
    lag = random.choice([0.0, 0.0, 5.0])
    api = ModelAPI(random, faults, atomic=atomic, lag=lag)
    if with_strangers:
        api.pending.append(asyncio.create_task(strangers(api, random)))
    result = await outcome(invoices_of(api).create(DRAFT))
    ours_at_the_end = [row for row in api._with_number("N-1") if row.by_us]
    await api.settle()
    holders = api._with_number("N-1")
    assert len(holders) <= 1, "two invoices"
    assert api.commits <= 1 + api.deleted_by_strangers, "made twice"
    if isinstance(result, int):
        assert result in [row.body["id"] for row in ours_at_the_end] or api.deleted_by_strangers, "an id of nothing of ours"
        return "made"
    if isinstance(result, OutcomeUnknownError):
        truth = [row.body["id"] for row in holders]
        await asyncio.sleep(lag)
        seen = await outcome(result.resolve())
        if isinstance(seen, InvoiceNumberTakenError):
            assert not holders[0].by_us
        else:
            assert seen == (truth[0] if truth else None)
        return "unknown"
    assert isinstance(result, Exception)
    assert api.commits == 0 or api.deleted_by_strangers, f"{result} although it was made"
    return type(result).__name__


def run_programs(seeds: range, *, atomic: bool, with_strangers: bool) -> dict[str, int]:
    async def main() -> list[str]:
        return await asyncio.gather(*(program(seed, atomic=atomic, with_strangers=with_strangers) for seed in seeds))

    results = virtual_time.run(main())
    return {result: results.count(result) for result in set(results)}


@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_mishaps_make_at_most_one_invoice_each_and_are_told_truly(part: int) -> None:
    size = PROGRAMS // 4
    counts = run_programs(range(part * size, (part + 1) * size), atomic=True, with_strangers=True)
    assert set(counts) == {"made", "unknown", "InvoiceNumberTakenError", "ConnectFailedError"}
    assert counts["made"] > size / 2


def test_a_store_that_looks_and_then_inserts_gets_one_too_because_the_waits_outlast_its_work() -> None:
    assert sum(RetryPolicy().settling) > SLOWEST
    assert run_programs(range(1500), atomic=False, with_strangers=False)["made"] > 700


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
        async with invoices._writes._alone("N-1"):
            inside.set()
            await asyncio.to_thread(leave.wait)

    async def main() -> object:
        invoices = invoices_of(ModelAPI(Random(0), []))
        inside, leave = threading.Event(), threading.Event()
        other = threading.Thread(target=lambda: asyncio.run(hold(invoices, inside, leave)))
        other.start()
        await asyncio.to_thread(inside.wait)
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
