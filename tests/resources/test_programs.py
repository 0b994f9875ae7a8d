"""What the writes say is true, whatever is lost, late, normalised or written by others. All: `python tests/resources/test_programs.py 10000`.

A program is one write in a store with random mishaps. The store's log tells what truly happened. Each statement of the library is
checked against it: a result, a refusal, a conflict, a taken number, and what `OutcomeUnknownError.resolve()` says afterwards.
"""

import asyncio
import json
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import attrs
import pytest

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1] / "support"))

import virtual_time
from odd_store import (
    DOES_NOTHING,
    FAILED_LOOKS,
    GATEWAY,
    LOST,
    NORMALISATIONS,
    REFUSED,
    SLOWEST,
    Body,
    Fault,
    OddStore,
    Version,
    invoices_of,
)  # fmt: skip

from bigcommerce_b2b_invoices import (
    B2BError,
    EditConflictError,
    ExtraField,
    Invoice,
    InvoiceChanges,
    InvoiceContents,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceNumberTakenError,
    LineItem,
    Money,
    OutcomeUnknownError,
)  # fmt: skip
from bigcommerce_b2b_invoices.resources.invoices import Invoices
from bigcommerce_b2b_invoices.wire import converter, endpoints

PROGRAMS = 1_000  # of each method
Edit: TypeAlias = Callable[[InvoiceDetails], InvoiceDetails]
MOST_LAG = 3  # looks; every method looks more often
KNOWN = {"strips", "folds case", "cuts", "rounds"}  # what the library says that a store may do to values
INVOICE = 1  # the invoice that is changed


@attrs.frozen
class Told:
    """What one program came to.

    Attributes:
        statement: What the library said.
        untrue: What is untrue about it; empty: nothing.
        doubt: Why it may be unknown; empty: one loss, and the state can be read.
        mishaps: What else happened, for the table of the unknown.
    """

    statement: str
    untrue: str
    doubt: str
    mishaps: str


# ---- random values ---------------------------------------------------------------------------------------------------


def usd(value: str) -> Money:
    return Money("USD", Decimal(value))


def line(sku: str) -> LineItem:
    return LineItem(sku=sku, quantity=Decimal(2), unit_price=usd("1.125"), comments=" two  words ")


def lines(*skus: str, kind: str | None = None) -> InvoiceDetails:
    return InvoiceDetails(type=kind, details=InvoiceContents(line_items=tuple(map(line, skus))))


VALUES: dict[str, list[Any]] = {
    "type": ["Invoice", " invoice ", "Credit  memo", "A very long type of invoice"],
    "purchase_order_number": ["PO 1", "po 1", "PO  number 12345678"],
    "external_id": ["E-1", "e-1 ", "007"],
    "open_balance": [usd("10"), usd("10.005"), usd("10.01")],
    "due_date": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)],
    "details": [lines("B", "A"), lines("A"), InvoiceDetails(type=" X  Y ")],
    "extra_fields": [(ExtraField("b", "2"), ExtraField("a", " 1 ")), (ExtraField("a", "1"),), ()],
    "external_pdf_url": ["", "https://x.example/a.pdf"],
    "invoice_number": ["N-9", "N-2"],
}


THEIRS: dict[str, list[Any]] = {"details": [{}, {"details": {"lineItems": [{"sku": "theirs"}]}}], "extraFields": [[]]}
FREE = (
    "type",
    "purchaseOrderNumber",
    "externalId",
    "details",
    "extraFields",
    "externalPdfUrl",
    "termsConditions",
)  # any value is one


def some_changes(random: Random) -> InvoiceChanges:
    names = random.sample(list(VALUES), random.choice([1, 1, 2, 3]))
    return InvoiceChanges(**{name: random.choice(VALUES[name]) for name in names})


def body_of(changes: InvoiceChanges) -> Body:
    body: Body = json.loads(endpoints.update_invoice(INVOICE, changes).request.body or b"", parse_float=Decimal)
    return body


def other_text(value: Any, random: Random) -> Any:
    """Nearly the same value."""
    changes: list[Callable[[str], str]] = [str.upper, str.strip, lambda text: f"{text} ", lambda text: text[:-1] or "x"]
    change = random.choice(changes)
    if isinstance(value, dict):
        return {key: each if key == "value" else other_text(each, random) for key, each in value.items()}
    if isinstance(value, list):
        return [other_text(each, random) for each in value]
    return change(value) if isinstance(value, str) else value


# ---- mishaps ---------------------------------------------------------------------------------------------------------


def random_faults(random: Random, told: list[str]) -> list[Fault]:
    answers = {**LOST, **GATEWAY, **REFUSED}
    faults = []
    for _ in range(random.choice([0, 1, 1, 1, 1, 1, 2, 2, 3, 5])):
        if random.randrange(20) == 0:
            faults.append(DOES_NOTHING)
        else:
            name = random.choice(told if random.randrange(6) else list(REFUSED))
            effect = "never" if name in REFUSED else random.choice(["never", "never", "now", "now", "late"])
            faults.append(Fault(name, answers[name], effect))  # type: ignore[arg-type] # one of the three
    return faults


def odd_store(random: Random, told: list[str]) -> OddStore:
    store = OddStore(random, lag=random.choice([0, 0, 0, 1, 2, MOST_LAG]))
    store.faults = random_faults(random, told)
    store.normalisations = random.sample(list(NORMALISATIONS), random.choice([0, 0, 1, 2]))
    if random.randrange(5) == 0:
        kinds = random.choice([[name] for name in FAILED_LOOKS] + [list(FAILED_LOOKS)])
        store.outage = [FAILED_LOOKS[random.choice(kinds)] for _ in range(random.choice([1, 2, 4, 9, 20]))]
    return store


def plan_strangers(store: OddStore, acts: list[Callable[[], object]]) -> None:
    """Let others act at random moments: before the call, at its requests, or at any time."""
    random = store.random
    for act in acts:
        moment = random.choice(["read", "edit", "sent", "done", "time", "before"])
        if moment == "time":
            asyncio.get_running_loop().call_later(random.uniform(0, 70), act)
        elif moment == "before":
            act()
        else:
            store.strangers[moment, random.choice([1, 1, 2, 3])].append(act)  # type: ignore[index] # one of the four


def others_change(store: OddStore, wanted: Body, original: Body) -> list[Callable[[], object]]:
    """Others change the invoice: the same or another field, to the same, a similar, the old or another value; or delete it."""
    random = store.random

    def some() -> Body:
        key = random.choice(list(wanted))
        return random.choice([
            {"termsConditions": f"T{random.randrange(9)}"},
            {key: wanted[key]},
            {key: other_text(wanted[key], random)},
            {key: original.get(key)},
            {key: random.choice(THEIRS.get(key, ["theirs"]))},
            body_of(some_changes(random)),
        ])  # fmt: skip

    def act() -> None:
        if random.randrange(10) == 0:
            store.delete(INVOICE)
        else:
            store.change(INVOICE, {key: value for key, value in some().items() if key in FREE})

    return [act] * random.choice([0, 0, 1, 2])


# ---- what is true ----------------------------------------------------------------------------------------------------


async def outcome(awaitable: Awaitable[object]) -> object:
    try:
        return await awaitable
    except B2BError as error:
        return error


@attrs.frozen
class Case:
    """A finished call and everything that is known about it.

    Attributes:
        wanted: The body of the write, as the store keeps it.
        start: Place in the log of the version that the first look could show.
        told_at: Length of the log when the call ended.
    """

    store: OddStore
    wanted: Body
    result: object
    start: int
    told_at: int

    def is_as_asked(self, version: Version | None) -> bool:
        body = version.body if version is not None else None
        return body is not None and all((body.get(key) or None) == (value or None) for key, value in self.wanted.items())

    @property
    def during(self) -> list[Version]:
        """Versions of the invoice that existed during the call, or that a look could still show."""
        return [version for version in self.store.log[self.start : self.told_at] if version.invoice_id == INVOICE]

    @property
    def before(self) -> Version | None:
        """What the first look showed."""
        return self.store.shown[0] if self.store.shown else None

    @property
    def theirs(self) -> list[Version]:
        """What others wrote after the version that the first look showed."""
        first = self.before.order if self.before is not None else -1
        return [version for version in self.during if version.order > first and not version.sending]

    @property
    def is_only_the_apis_word(self) -> bool:
        return DOES_NOTHING in self.store.struck

    def of_refusal(self) -> str:
        return "refused, and it happened" if self.store.effects else ""


def judge_update(case: Case) -> str:
    if case.result is None:
        done = case.store.effects or any(map(case.is_as_asked, case.during)) or case.is_only_the_apis_word
        return "" if done else "done, and it was not"
    if isinstance(case.result, InvoiceNumberTakenError):
        number = case.wanted["invoiceNumber"]
        holders = [version for version in case.store.log if version.body and version.body["invoiceNumber"] == number]
        return case.of_refusal() or ("" if holders else "number taken, and it is free")
    return case.of_refusal()


def judge_details(case: Case) -> str:
    store, result = case.store, case.result
    old = ((case.before.body if case.before is not None else None) or {}).get("details")
    if any((version.body or {}).get("details") != old for version in store.overwrote):
        return "sent over a change that was seen, or could be"
    if isinstance(result, Invoice):
        if not store.sent or case.is_only_the_apis_word:
            return ""
        if not (store.effects or any(map(case.is_as_asked, case.during))):
            return "edited, and it was not"
        return "" if any(map(case.is_as_asked, case.during)) else "edited, and the details are others"
    if not isinstance(result, EditConflictError):
        return case.of_refusal()
    if not case.theirs:
        return "a conflict, and nobody else wrote"
    if result.attempts == 0:
        return "nothing written, and it was" if store.sent else ""
    if "changed them" in str(result) and all((each.body or {}).get("details") == old for each in case.theirs):
        return "somebody changed the details, and nobody did"
    if case.during[-1].sending and case.is_as_asked(case.during[-1]):
        return "a conflict, and the details are ours"
    if any(version.order >= case.told_at for version in store.effects):
        return "a conflict, and ours came afterwards"
    return ""


def judge_delete(case: Case) -> str:
    gone = case.during[-1].body is None
    if case.result is None:
        return "" if gone or case.is_only_the_apis_word else "deleted, and it is there"
    return case.of_refusal()


async def judge_unknown(case: Case, method: str) -> str:
    """Whether `resolve` tells the truth, after everything has come to rest."""
    assert isinstance(case.result, OutcomeUnknownError)
    seen = await outcome(case.result.resolve())
    if isinstance(seen, B2BError):
        return "" if not isinstance(seen, InvoiceNumberTakenError) else judge_taken(case, seen)
    if method == "create":
        ids = [version.invoice_id for version in case.store.effects if case.store.current(version.invoice_id).body]  # type: ignore[union-attr] # it is in the log
        holders = [version.invoice_id for version in case.store.numbered(case.wanted["invoiceNumber"])]
        if seen is None:
            return "resolve: not made, and it was" if holders else ""
        return "" if seen in ids else of_claim(case, int(str(seen)))
    current = case.store.current(INVOICE)
    is_there = case.is_as_asked(current) if method != "delete" else current is not None and current.body is None
    if seen is None:
        return "resolve: not so far, and it is" if is_there else ""
    return "" if is_there else "resolve: it is, and it is not"


# ---- creates ---------------------------------------------------------------------------------------------------------

TELLING = ("customerId", "originalBalance", "type", "purchaseOrderNumber", "externalId")


def of_claim(case: Case, invoice_id: int) -> str:
    """What is untrue about saying that we made this invoice."""
    first = next((version for version in case.store.log if version.invoice_id == invoice_id), None)
    if first is None:
        return "an id that nothing has"
    if first.sending or first.body is None:
        return ""
    other = [key for key, value in case.wanted.items() if first.body.get(key) != value]
    return f"somebody else's invoice, which differs in {', '.join(sorted(other))}" if other else ""  # a twin harms nobody


def judge_taken(case: Case, error: InvoiceNumberTakenError) -> str:
    holders = [version for version in case.store.log if version.body and version.body["invoiceNumber"] == error.invoice_number]
    if not set(error.invoice_ids) <= {version.invoice_id for version in holders} or not holders:
        return "number taken by invoices that never had it"
    if len(error.invoice_ids) != 1:
        return ""
    first = next(version for version in holders if version.invoice_id == error.invoice_ids[0])
    if first.sending:
        return "number taken by somebody else, and it is ours"
    if error.is_same and ((first.body or {})["customerId"] != "3" or "7" in (first.body or {})["originalBalance"]["value"][:1]):
        return "the same, and it is another company's or another amount"
    differs = any((first.body or {}).get(key) != case.wanted.get(key) for key in TELLING if key in case.wanted)
    return "not the same, and it is" if error.is_same is False and not differs else ""


def judge_create(case: Case) -> str:
    removed = any(version.body is None for version in case.store.log)
    if len(case.store.effects) > 1 and not removed:
        return "made twice"
    if isinstance(case.result, int):
        return "" if case.is_only_the_apis_word else of_claim(case, case.result)
    if isinstance(case.result, InvoiceNumberTakenError) and (untrue := judge_taken(case, case.result)):
        return untrue
    return "" if removed else case.of_refusal()


def some_draft(random: Random) -> InvoiceDraft:
    values = {
        name: random.choice(VALUES[name]) for name in ("type", "purchase_order_number", "external_id") if random.randrange(2)
    }
    amount = usd(random.choice(["10.5", "10.125", "1234.5678"]))
    return InvoiceDraft(invoice_number="N-1", customer_id="3", original_balance=amount, open_balance=amount, **values)


def others_create(store: OddStore, draft: Body) -> list[Callable[[], object]]:
    """Others make an invoice with our number, or remove the one that has it."""
    random = store.random

    def act() -> None:
        holders = store.numbered("N-1")
        if not holders:
            store.insert(random.choice([
                draft, {**draft, "customerId": "4"}, {**draft, "originalBalance": {"code": "USD", "value": "7"}},
            ]))  # fmt: skip
        elif random.randrange(4) == 0:
            store.delete(holders[0].invoice_id)

    return [act] * random.choice([0, 0, 1, 2])


# ---- programs --------------------------------------------------------------------------------------------------------


def append(sku: str) -> Edit:
    def edit(details: InvoiceDetails) -> InvoiceDetails:
        contents = details.details or InvoiceContents()
        return attrs.evolve(details, details=attrs.evolve(contents, line_items=(*contents.line_items, line(sku))))

    return edit


def retype(kind: str) -> Edit:
    return lambda details: attrs.evolve(details, type=kind)


def one_invoice(store: OddStore) -> Body:
    """Fill the store with the invoice and one other; what the invoice is at first."""
    random = store.random
    original: Body = {"customerId": "3", "termsConditions": "T"}
    for name in random.sample(list(VALUES), 6):
        original.update(body_of(InvoiceChanges(**{name: random.choice(VALUES[name])})))
    if random.randrange(3) == 0:
        original["details"] = random.choice([None, {}, {"note": [1], "details": {"lineItems": [{"sku": "A", "comments": None}]}}])
    store.insert({**original, "invoiceNumber": "N-1"})
    store.insert({**original, "invoiceNumber": "N-2"})
    store.looks += store.lag
    return store.log[0].body or {}


def create(store: OddStore, invoices: Invoices) -> tuple[Body, Awaitable[object]]:
    for number in ("N-10", "XN-1"):
        store.insert({"invoiceNumber": number, "customerId": "3"})
    draft = some_draft(store.random)
    body: Body = json.loads(endpoints.create_invoice(draft).request.body or b"", parse_float=Decimal)
    store.looks += store.lag
    plan_strangers(store, others_create(store, body))
    return body, invoices.create(draft)


def update(store: OddStore, invoices: Invoices) -> tuple[Body, Awaitable[object]]:
    original, changes = one_invoice(store), some_changes(store.random)
    body = body_of(changes)
    plan_strangers(store, others_change(store, body, original))
    return body, invoices.update(INVOICE, changes)


def update_details(store: OddStore, invoices: Invoices) -> tuple[Body, Awaitable[object]]:
    original = one_invoice(store)
    edit = store.random.choice([append("C"), append(" c  d "), retype("X"), retype("a long  type")])
    before = converter.read(InvoiceDetails, original.get("details") or {})
    body = body_of(InvoiceChanges(details=edit(before)))
    plan_strangers(store, others_change(store, body, original))

    def disturbed(details: InvoiceDetails) -> InvoiceDetails:
        store.happen("edit", 1)
        store.edited = len(store.log)
        return edit(details)

    return body, invoices.update_details(INVOICE, disturbed)


def delete(store: OddStore, invoices: Invoices) -> tuple[Body, Awaitable[object]]:
    plan_strangers(store, others_change(store, {"type": "T"}, one_invoice(store)))
    return {}, invoices.delete(INVOICE)


METHODS = {
    "create": (create, judge_create),
    "update": (update, judge_update),
    "update_details": (update_details, judge_details),
    "delete": (delete, judge_delete),
}


EFFECTS = {"never", "now", "late"}
SETTLED = [
    ("create", EFFECTS),
    ("update", {"now"}),
    ("update_details", EFFECTS),
    ("delete", EFFECTS),
]  # an update is sent only once


async def program(method: str, seed: int, told: list[str]) -> Told:
    """One write in a store with random mishaps."""
    store = odd_store(Random(f"{method} {seed}"), told)
    write, judge = METHODS[method]
    body, doing = write(store, invoices_of(store))
    first, fails = store.visible(INVOICE), bool(store.outage)
    result = await outcome(doing)
    told_at = len(store.log)
    await asyncio.sleep(SLOWEST + 80)  # everything arrives, and nothing happens any more
    store.come_to_rest()
    wanted = store.kept(store.sent[-1] if method == "update_details" and store.sent else body)
    case = Case(store, wanted, result, first.order if first is not None else 0, told_at)
    untrue = await judge_unknown(case, method) if isinstance(result, OutcomeUnknownError) else judge(case)
    losses = [fault for fault in store.struck if fault.is_loss]
    others = any(not version.sending for version in store.log[2:])
    effect = losses[0].effect if losses and (store.effects or method == "create") else "never" if losses else ""
    mishaps = [*[effect] * bool(effect), *kinds_of(store.normalisations), *["others write"] * others]
    return Told(said(result), untrue, doubt_of(method, store, losses, fails=fails), ", ".join(mishaps))


def doubt_of(method: str, store: OddStore, losses: list[Fault], *, fails: bool) -> str:
    """Why the outcome may be unknown; empty: one loss, and the state can be read."""
    current = store.current(INVOICE)
    if not losses:
        return "no loss"
    if len(losses) > 1:
        return "several losses"
    if fails or (method.startswith("update") and (current is None or current.body is None)):
        return "looks fail"
    more = [fault for fault in store.struck if not fault.is_loss and fault.told is not None]
    return "a loss and a refusal" if more or (store.refusals and method != "create") else ""


def kinds_of(normalisations: list[str]) -> list[str]:
    return [] if not normalisations else ["normalised"] if set(normalisations) <= KNOWN else ["normalised oddly"]


def said(result: object) -> str:
    if isinstance(result, EditConflictError):
        return "conflict" if result.attempts else "conflict, nothing written"
    if isinstance(result, OutcomeUnknownError):
        return "unknown"
    return type(result).__name__ if isinstance(result, B2BError) else "done"


def run(method: str, seeds: range, told: list[str]) -> list[Told]:
    async def main() -> list[Told]:
        return await asyncio.gather(*(program(method, seed, told) for seed in seeds))

    return virtual_time.run(main())


@cache
def some_told(method: str) -> list[Told]:
    return run(method, range(PROGRAMS), list(LOST))


@pytest.mark.parametrize("method", METHODS)
def test_what_a_write_says_is_true_whatever_happens(method: str) -> None:
    told = some_told(method)

    assert {each.untrue for each in told} == {""}
    assert {each.statement for each in told} >= {"done", "unknown", "UnprocessableError"}


@pytest.mark.parametrize(("method", "effects"), SETTLED)
def test_one_lost_answer_leaves_nothing_unknown(method: str, effects: set[str]) -> None:
    told = [each for each in some_told(method) if not each.doubt and each.mishaps in effects]

    assert len(told) > PROGRAMS / 20
    assert "unknown" not in {each.statement for each in told}


# ---- as a program ----------------------------------------------------------------------------------------------------


def report(method: str, told: list[Told]) -> str:
    """The counts of one method."""
    statements = Counter(each.statement for each in told)
    untrue = Counter(each.untrue for each in told if each.untrue)
    lines = [f"{method}: {len(told):,} programs; untrue: {sum(untrue.values())}"]
    lines += [f"    {count:6,}  {statement}" for statement, count in statements.most_common()]
    lines += [f"    {count:6,}  UNTRUE: {text}" for text, count in untrue.most_common()]
    for doubt in ("", "several losses", "a loss and a refusal", "looks fail", "no loss"):
        among = [each for each in told if each.doubt == doubt]
        unknown = [each for each in among if each.statement == "unknown"]
        lines.append(f"    unknown, {doubt or 'one loss, readable'}: {len(unknown):,} of {len(among):,}")
        if not doubt:
            of_all = Counter(each.mishaps for each in among)
            parts = Counter(each.mishaps for each in unknown)
            lines += [f"        {parts[name]:6,} of {of_all[name]:6,}  {name}" for name in sorted(of_all)]
    return "\n".join(lines)


def main(count: int, kinds: list[str]) -> int:
    """Print the counts of all methods; 1 if anything was untrue."""
    logging.disable(logging.WARNING)  # values that cannot be read are among the mishaps
    parts = [range(start, min(start + 500, count)) for start in range(0, count, 500)]
    wrong = 0
    with ProcessPoolExecutor() as processes:
        for method in METHODS:
            told = [each for some in processes.map(partial(run, method, told=kinds), parts) for each in some]
            sys.stdout.write(report(method, told) + "\n")
            wrong += sum(bool(each.untrue) for each in told)
    return 1 if wrong else 0


if __name__ == "__main__":
    with_gateway = "gateway" in sys.argv[2:]
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, [*LOST, *(GATEWAY if with_gateway else ())]))
