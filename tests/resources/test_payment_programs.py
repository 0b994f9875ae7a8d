"""`record` makes at most one payment for each client and says the truth, whatever is lost, late or written by others.

All: `python tests/resources/test_payment_programs.py 10000`. A program is one reference, recorded by one or two clients in a store
with random mishaps. The store knows who made which payment; each statement of the library is checked against that.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Awaitable
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1] / "support"))

import virtual_time
from payment_store import (
    FAILED_LOOKS,
    LONGEST_LAG,
    LOST_AFTER,
    LOST_BEFORE,
    NOT_TAKEN,
    SLOWEST,
    Client,
    PaymentStore,
    client_of,
)

from bigcommerce_b2b_invoices import (
    B2BError,
    DuplicatePaymentError,
    Money,
    OfflinePaymentDraft,
    OutcomeUnknownError,
    PaymentShare,
    RecordedPayment,
    ReferenceTakenError,
    RetryPolicy,
    UnprocessableError,
)
from bigcommerce_b2b_invoices.resources.settle import Locks

PROGRAMS = 1_000
REFERENCE = "R-1"


@attrs.frozen
class Told:
    """What one program came to.

    Attributes:
        statements: What the calls said, one after another.
        untrue: What is untrue about them; empty: nothing.
        kind: "no fault", "one lost answer", or what else happened.
    """

    statements: tuple[str, ...]
    untrue: str
    kind: str


@attrs.define
class Spoken:
    """What one call of `record` said, and what was true when it said so."""

    client: str
    result: RecordedPayment | B2BError
    sent: int
    there: list[int]


def usd(value: str) -> Money:
    return Money("USD", Decimal(value))


def some_draft(random: Random) -> OfflinePaymentDraft:
    amounts = random.sample(["10", "20.5", "0.0001", "99.9999"], random.choice([1, 1, 2, 3]))
    shares = [PaymentShare(number, usd(amount)) for number, amount in enumerate(amounts, 1)]
    return OfflinePaymentDraft(reference=REFERENCE, customer_id="3", shares=shares)


def body_of(draft: OfflinePaymentDraft, reference: str | None = REFERENCE, **changes: Any) -> dict[str, Any]:
    lines = [{"invoiceId": share.invoice_id, "amount": f"{share.amount.value:f}"} for share in draft.shares]
    body = {"lineItems": lines, "currency": "USD", "customerId": "3", "externalId": reference, "details": {"memo": "theirs"}}
    return {**body, **changes}


def is_as_drafted(draft: OfflinePaymentDraft, row: dict[str, Any]) -> bool:
    paid = {line["invoiceId"]: Decimal(line["amount"]["value"]) for line in row["lineItems"]}
    return row["customerId"] == "3" and paid == {share.invoice_id: share.amount.value for share in draft.shares}


def random_store(random: Random, draft: OfflinePaymentDraft) -> PaymentStore:
    store = PaymentStore(random)
    for number in range(1, 5):
        store.add_invoice(number)
    for near in random.sample(["R-10", "XR-1", "r-1", None], random.choice([0, 1, 4])):
        store.insert(body_of(draft, near), "stranger")
    losses = random.choice(
        [[], ["none"], [random.choice(LOST_AFTER)], [random.choice(LOST_AFTER)], [random.choice(LOST_BEFORE)], ["422"]]
    )
    store.faults = [*random.choices(NOT_TAKEN, k=random.choice([0, 0, 0, 1, 2])), *losses]
    store.lag = random.choice([(0.0, 0.0), (0.0, 0.0), (LONGEST_LAG, 0.2), (LONGEST_LAG, LONGEST_LAG)])
    store.drops_reference = random.randrange(10) == 0
    store.amounts_on_lists = random.randrange(4) > 0
    store.doubles = random.randrange(12) == 0
    if random.randrange(5) == 0:
        store.failing_looks = random.choices(FAILED_LOOKS, k=random.choice([1, 2, 4, 9, 30]))
    return store


async def record(client: Client, name: str, store: PaymentStore, draft: OfflinePaymentDraft) -> Spoken:
    before = store.taken.count(name)
    result: RecordedPayment | B2BError
    try:
        result = await client.payments.record(draft)
    except B2BError as error:
        result = error
    return Spoken(name, result, store.taken.count(name) - before, store.with_reference(REFERENCE))


async def later(seconds: float, doing: Awaitable[Spoken]) -> Spoken:
    await asyncio.sleep(seconds)
    return await doing


async def program(seed: int) -> Told:
    """One reference in a store with random mishaps."""
    random = Random(f"record {seed}")
    draft = some_draft(random)
    store = random_store(random, draft)
    locks, kind = Locks(), "one client"
    ours = client_of(store, "we", locks=locks)
    fails, drops, doubled = bool(store.failing_looks), store.drops_reference, bool(store.doubles)
    calls = [record(ours, "we", store, draft)]
    if random.randrange(6) == 0:  # the same again in the same client: at once, or while the first waits
        calls.append(later(random.uniform(0, 5), record(client_of(store, "we too", locks=locks), "we too", store, draft)))
        kind = "the same twice"
    elif random.randrange(6) == 0:
        theirs = client_of(store, "they")
        calls.append(
            later(random.choice([0.0, random.uniform(0, 1), random.uniform(0, 70)]), record(theirs, "they", store, draft))
        )
        kind = "two clients"
    elif random.randrange(8) == 0:
        other = random.choice(
            [body_of(draft), body_of(draft, customerId="4"), body_of(draft, lineItems=[{"invoiceId": 4, "amount": "1"}])]
        )
        asyncio.get_running_loop().call_later(
            random.choice([0.0, random.uniform(0, 1), random.uniform(0, 70)]), store.insert, other, "stranger"
        )
        kind = "a stranger takes the reference"
    spoken = list(await asyncio.gather(*calls))
    untrue = [judge(store, draft, each) for each in spoken]
    await store.come_to_rest()
    untrue += [await judge_unknown(store, draft, each) for each in spoken if isinstance(each.result, OutcomeUnknownError)]
    if kind == "one client" and isinstance(spoken[0].result, OutcomeUnknownError) and not drops:
        spoken.append(await record(ours, "we", store, draft))  # as the docs say: wait, then call again
        untrue.append(judge(store, draft, spoken[-1]))
    for client in ("we", "they") if not (drops and isinstance(spoken[0].result, OutcomeUnknownError)) else ():
        made = [payment_id for payment_id, each in store.payments.items() if each.by.startswith(client)]
        if len(made) > 1 + doubled:
            untrue.append(f"{client} made {len(made)} payments")
    losses = [fault for fault in store.struck if fault in (*LOST_AFTER, *LOST_BEFORE)]
    plain = kind in ("one client", "the same twice") and not fails and not doubled
    if plain and not (set(store.struck) - {"none", *NOT_TAKEN}):
        kind = "no fault"
    elif plain and not drops and len(losses) == 1 and losses[0] in LOST_AFTER:
        kind = "one lost answer"
    return Told(tuple(said(each.result) for each in spoken), "; ".join(filter(None, untrue)), kind)


def said(result: RecordedPayment | B2BError) -> str:
    if isinstance(result, RecordedPayment):
        return "already recorded" if result.already_recorded else "verified" if result.verified else "accepted"
    return type(result).__name__


# ---- what is true ----------------------------------------------------------------------------------------------------


def judge(store: PaymentStore, draft: OfflinePaymentDraft, spoken: Spoken) -> str:
    """What is untrue about a statement; empty: nothing."""
    result = spoken.result
    if spoken.sent > 1:
        return f"sent {spoken.sent} times"
    if isinstance(result, RecordedPayment):
        return of_recorded(store, draft, spoken, result)
    if isinstance(result, DuplicatePaymentError):
        ids = result.payment_ids
        return "" if len(ids) > 1 and set(ids) <= set(spoken.there) else f"duplicates {ids}, and there are {spoken.there}"
    if isinstance(result, ReferenceTakenError):
        strangers = [each for each in result.payment_ids if not is_as_drafted(draft, store.payments[each].body)]
        return "" if strangers and not spoken.sent else "reference taken, and it is not, or a payment was sent"
    if isinstance(result, OutcomeUnknownError):
        return "" if spoken.sent else "unknown, and nothing was sent"
    if isinstance(result, UnprocessableError):
        return ""
    return "" if not spoken.sent else f"{type(result).__name__}, and a payment was sent"


def of_recorded(store: PaymentStore, draft: OfflinePaymentDraft, spoken: Spoken, result: RecordedPayment) -> str:
    made = store.payments.get(result.payment_id)
    if made is None or not is_as_drafted(draft, made.body) or made.reference != REFERENCE:
        return "recorded, and it is not"
    if result.already_recorded and spoken.sent:
        return "already recorded, and it was sent again"
    if not result.already_recorded and not spoken.sent:
        return "recorded by this call, which sent nothing"
    if result.verified and made.body["externalId"] != REFERENCE:
        return "verified, and the store shows no reference"
    return ""


async def judge_unknown(store: PaymentStore, draft: OfflinePaymentDraft, spoken: Spoken) -> str:
    """Whether `resolve` tells the truth, after everything has come to rest."""
    assert isinstance(spoken.result, OutcomeUnknownError)
    if spoken.result.reference != REFERENCE:
        return "the error does not name the reference"
    shown = [each for each in store.with_reference(REFERENCE) if store.payments[each].body["externalId"] == REFERENCE]
    try:
        seen = await spoken.result.resolve()
    except DuplicatePaymentError as error:
        return "" if set(error.payment_ids) == set(shown) and len(shown) > 1 else "resolve: several, and there are not"
    except OutcomeUnknownError:
        foreign = [each for each in shown if not is_as_drafted(draft, store.payments[each].body)]
        return "" if foreign else "resolve: unknown, and all can be seen"
    if seen is None:
        return "resolve: not so far, and it is" if shown else ""
    return "" if seen in shown and is_as_drafted(draft, store.payments[seen].body) else "resolve: it is, and it is not"


# ---- tests -----------------------------------------------------------------------------------------------------------


def run(seeds: range) -> list[Told]:
    async def main() -> list[Told]:
        return await asyncio.gather(*map(program, seeds))

    return virtual_time.run(main())


@cache
def some_told() -> list[Told]:
    return run(range(PROGRAMS))


def test_no_client_makes_two_payments_and_every_outcome_is_true() -> None:
    told = some_told()

    assert {each.untrue for each in told} == {""}
    assert {text for each in told for text in each.statements} >= {
        "verified", "accepted", "already recorded", "DuplicatePaymentError", "ReferenceTakenError", "OutcomeUnknownError", "UnprocessableError",
    }  # fmt: skip


def test_without_a_fault_every_payment_is_recorded() -> None:
    told = [each for each in some_told() if each.kind == "no fault"]

    assert len(told) > PROGRAMS / 20
    assert {text for each in told for text in each.statements} <= {"verified", "accepted", "already recorded"}


def test_after_one_lost_answer_nearly_every_payment_is_recorded() -> None:
    told = [each for each in some_told() if each.kind == "one lost answer"]
    recorded = [each for each in told if each.statements[0] == "verified"]

    assert len(told) > PROGRAMS / 20
    assert len(recorded) >= 0.95 * len(told)


# ---- the two documented races ----------------------------------------------------------------------------------------


def simple_store(seed: int = 1) -> tuple[PaymentStore, OfflinePaymentDraft]:
    store = PaymentStore(Random(seed))
    store.add_invoice(1)
    return store, OfflinePaymentDraft(reference=REFERENCE, customer_id="3", shares=[PaymentShare(1, usd("10"))])


def test_two_processes_that_record_one_reference_at_one_moment_are_told_of_both_payments() -> None:
    async def main() -> tuple[PaymentStore, list[Spoken]]:
        store, draft = simple_store()
        return store, list(await asyncio.gather(*(record(client_of(store, name), name, store, draft) for name in ("we", "they"))))

    store, spoken = virtual_time.run(main())
    errors = [each.result for each in spoken if isinstance(each.result, DuplicatePaymentError)]

    assert (len(store.by("we")), len(store.by("they"))) == (1, 1)
    assert errors
    assert errors[0].payment_ids == tuple(store.payments)


def test_a_repeat_before_the_first_payment_is_committed_makes_a_second_one_which_is_found() -> None:
    async def main() -> tuple[PaymentStore, list[Spoken], object]:
        store, draft = simple_store()
        store.faults = ["slow commit"]
        client = client_of(store, "we", RetryPolicy(attempts=1))  # without settling, nobody waits for the first one
        spoken = [await record(client, "we", store, draft), await record(client, "we", store, draft)]
        await asyncio.sleep(SLOWEST)
        try:
            found: object = await client.payments.find(REFERENCE)
        except DuplicatePaymentError as error:
            found = error
        return store, spoken, found

    store, (first, second), found = virtual_time.run(main())

    assert isinstance(first.result, OutcomeUnknownError)
    assert isinstance(second.result, RecordedPayment)
    assert isinstance(found, DuplicatePaymentError)
    assert found.payment_ids == tuple(store.payments)


@pytest.mark.parametrize("seed", range(20))
def test_settling_outlasts_the_slowest_commit_so_a_repeat_sends_nothing(seed: int) -> None:
    async def main() -> tuple[PaymentStore, list[Spoken]]:
        store, draft = simple_store(seed)
        store.faults, store.lag = ["slow commit"], (LONGEST_LAG, LONGEST_LAG)
        client = client_of(store)
        return store, [await record(client, "we", store, draft), await record(client, "we", store, draft)]

    store, (first, second) = virtual_time.run(main())

    assert (said(first.result), said(second.result)) == ("verified", "already recorded")
    assert len(store.payments) == 1


@pytest.mark.parametrize("lag", [(1e9, 0.0), (0.0, 1e9)])
def test_what_one_way_of_looking_never_shows_is_found_by_the_other(lag: tuple[float, float]) -> None:
    async def main() -> tuple[PaymentStore, list[Spoken]]:
        store, draft = simple_store()
        store.faults, store.lag = ["slow commit"], lag
        first = await record(client_of(store), "we", store, draft)
        return store, [first, await record(client_of(store, "we later"), "we later", store, draft)]

    store, (first, second) = virtual_time.run(main())

    assert (said(first.result), said(second.result)) == ("verified", "already recorded")
    assert len(store.payments) == 1


def main(count: int) -> int:
    """Print the counts; 1 if anything was untrue."""
    logging.disable(logging.WARNING)  # values that cannot be read are among the mishaps
    parts = [range(start, min(start + 500, count)) for start in range(0, count, 500)]
    with ProcessPoolExecutor() as processes:
        told = [each for some in processes.map(run, parts) for each in some]
    wrong = Counter(each.untrue for each in told if each.untrue)
    lines = [f"record: {len(told):,} programs; untrue: {sum(wrong.values())}"]
    lines += [f"    {number:6,}  UNTRUE: {text}" for text, number in wrong.most_common()]
    for kind in sorted({each.kind for each in told}):
        statements = Counter(each.statements[0] for each in told if each.kind == kind)
        lines.append(f"    {kind}: " + ", ".join(f"{text} {number:,}" for text, number in statements.most_common()))
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
