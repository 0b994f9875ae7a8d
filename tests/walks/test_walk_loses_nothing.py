"""The walk against strangers who write between any two requests; beside it the naive walk and mutants, which must fail."""

from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from model_store import BY_CREATION, BY_NUMBER, START, ModelStore, Row, Scene, lagging, random_scene

from bigcommerce_b2b_invoices import IncompleteWalkError
from bigcommerce_b2b_invoices.walks.order import Mark, Order
from bigcommerce_b2b_invoices.walks.passes import Pass

ORDERS = [BY_CREATION, BY_NUMBER, Order("createdAt", descending=True, by_time=True), Order("updatedAt", by_time=True)]
PICK = st.integers(0, 999)


class StrangersMachine(RuleBasedStateMachine):
    """Between any two answers anything may happen; any request may fail; answers come in any order."""

    scene: Scene | None = None

    @initialize(
        count=st.integers(0, 40),
        ties=st.sampled_from([1, 2, 3, 9]),
        page_size=st.sampled_from([4, 5, 8]),
        prefetch=st.sampled_from([0, 1, 2, 4]),
        order=st.sampled_from(ORDERS),
        seed=st.integers(0, 2**32),
    )
    def start(self, count: int, ties: int, page_size: int, prefetch: int, order: Order, seed: int) -> None:
        self.store = ModelStore(count, Random(seed), ties=ties)
        self.store.cap = page_size  # of the closing page, too, or it would show the whole store at one instant
        self.scene = Scene(self.store, order, page_size=page_size, prefetch=prefetch)

    @precondition(lambda self: self.scene is not None)
    @rule(pick=PICK)
    def answer(self, pick: int) -> None:
        assert self.scene
        self.scene.answer(pick)

    @rule(age=st.sampled_from([0, 0, 30_000, 60_000]))
    def insert(self, age: int) -> None:
        self.store.insert(age)

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        self.store.delete(pick)

    @rule()
    def delete_the_first(self) -> None:
        self.store.delete(0)

    @rule(pick=PICK)
    def touch(self, pick: int) -> None:
        self.store.touch(pick)

    @rule(pick=PICK, age=st.integers(0, 60_000))
    def move_key(self, pick: int, age: int) -> None:
        self.store.move_key(pick, START - age)

    @rule(pick=PICK)
    def flap(self, pick: int) -> None:
        self.store.flap(pick)

    @rule(cap=st.sampled_from([3, 4, 6, 250]))
    def cap(self, cap: int) -> None:
        self.store.cap = cap

    @precondition(lambda self: self.scene is not None)
    @rule(pick=PICK)
    def fail(self, pick: int) -> None:
        assert self.scene
        self.scene.fail(pick)

    def teardown(self) -> None:
        if self.scene is None:
            return
        try:
            self.scene.finish()
            assert self.scene.verdict() == ""
        finally:
            self.scene.close()


StrangersMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50)
TestStrangers = StrangersMachine.TestCase


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.sort_by} {order.descending}")
def test_no_random_stranger_makes_the_walk_lose_a_row_or_bring_one_twice(order: Order) -> None:
    assert [seed for seed in range(120) if random_scene(seed, order)] == []


def absent(true: int) -> None:
    """A total count that is not there."""


def zero(true: int) -> int:
    return 0


@pytest.mark.parametrize("total", [absent, zero, lagging()], ids=["absent", "zero", "lagging"])
def test_the_total_count_is_no_part_of_the_proof(total: Callable[[int], int | None]) -> None:
    assert [seed for seed in range(60) if random_scene(seed, BY_CREATION, total=total, caps=())] == []


def test_the_naive_walk_fails_on_the_same_strangers() -> None:
    assert [seed for seed in range(50) if random_scene(seed, BY_CREATION, naive=True)] != []


# ---- mutants: each planted mistake must be caught --------------------------------------------------------------------


def no_anchor_check(self: Pass, marks: list[Mark]) -> bool:
    return True


def equal_keys_connect(self: Pass, marks: list[Mark]) -> bool:
    key = marks[0].key if marks else None
    return key is not None and self.frontier is not None and not self.order.before(self.frontier, key)


def advance_by_the_limit(self: Pass, page: object) -> None:
    self.offset = self.reach = self.offset + self.limit


def halved(true: int) -> int:
    return true // 2


def total_trusted(self: Pass, page: object, **_: object) -> None:
    offset, size = page.offset, page.size  # type: ignore[attr-defined] # the page that was accepted
    self.done = self._total is not None and offset + size >= self._total
    self.offset = self.reach = offset + max(1, size - 2)


@pytest.mark.parametrize(
    ("method", "mutant"),
    [("_connects", no_anchor_check), ("_connects", equal_keys_connect), ("_choose_next", total_trusted)],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_each_planted_mistake_loses_a_row(monkeypatch: pytest.MonkeyPatch, method: str, mutant: Callable[..., object]) -> None:
    monkeypatch.setattr(Pass, method, mutant)
    verdicts: list[str] = []
    for seed in range(3000):
        with suppress(IncompleteWalkError):
            verdicts.append(random_scene(seed, BY_CREATION, total=halved, caps=()))
        if verdicts and verdicts[-1]:
            break
    assert verdicts[-1].startswith("lost")


def test_to_advance_by_the_limit_is_caught_by_the_cost_of_a_quiet_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The anchor check makes good for it, one step back for each page."""
    assert quiet_costs() == (14, 0)
    monkeypatch.setattr(Pass, "_go_on", advance_by_the_limit)
    assert quiet_costs() > (20, 10)


def quiet_costs() -> tuple[int, int]:
    """Requests and step backs for a hundred rows where nobody writes, and the server puts ten on a page, not twelve."""
    store = ModelStore(100, Random(0))
    store.cap = 10
    scene = Scene(store, BY_CREATION, page_size=12, prefetch=2)
    assert play(scene, []) == ""
    return scene.walk.report.requests, scene.walk.report.step_backs


# ---- the counter-examples --------------------------------------------------------------------------------------------


def play(scene: Scene, steps: list[Callable[[], None]]) -> str:
    """Answer one request before each step and the rest afterwards."""
    try:
        for step in steps:
            scene.answer()
            step()
        scene.finish()
        return scene.verdict()
    finally:
        scene.close()


def skip(store: ModelStore) -> list[Callable[[], None]]:
    """CE1: a row before the offset is deleted, and the next one slips past."""
    return [lambda: store.delete(0)]


def certificate(store: ModelStore) -> list[Callable[[], None]]:
    """CE2: as many are inserted as deleted, so that every count agrees."""

    def step() -> None:
        store.delete(0)
        store.insert()

    return [step]


def cap(store: ModelStore) -> list[Callable[[], None]]:
    """CE4: the server puts fewer rows on a page than were asked for."""
    store.cap = 3
    return []


def moved_key(store: ModelStore) -> list[Callable[[], None]]:
    """CE5: a row that is still to come is moved to where the walk has been."""
    return [lambda: store.move_key(len(store.rows) - 1, START - 50_001)]


def filter_flap(store: ModelStore) -> list[Callable[[], None]]:
    """CE6: a delivered row leaves the filter, and comes back later."""
    return [lambda: store.flap(0), lambda: store.flap(0)]


@pytest.mark.parametrize("example", [skip, certificate, cap, moved_key, filter_flap], ids=lambda example: example.__name__)
@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_each_counter_example_defeats_the_naive_walk_and_not_ours(
    example: Callable[[ModelStore], list[Callable[[], None]]], prefetch: int
) -> None:
    verdicts = []
    for naive in (True, False):
        store = ModelStore(11, Random(0))
        scene = Scene(store, BY_CREATION, page_size=4, prefetch=prefetch, naive=naive)
        verdicts.append(play(scene, example(store)))
    assert verdicts[0].startswith("lost")
    assert verdicts[1] == ""


def test_ties_in_another_order_every_time_defeat_the_naive_walk_and_not_ours() -> None:
    """CE3: nobody writes, but rows of equal key come as they like."""
    naive: list[str] = []
    ours: list[str] = []
    for seed in range(30):
        for verdicts, is_naive in ((naive, True), (ours, False)):
            scene = Scene(ModelStore(30, Random(seed), ties=3), BY_CREATION, page_size=8, prefetch=2, naive=is_naive)
            verdicts.append(play(scene, []))
    assert [verdict for verdict in naive if verdict] != []
    assert [verdict for verdict in ours if verdict] == []


def test_a_store_where_nothing_changes_is_walked_completely_and_says_so() -> None:
    for count in (0, 1, 2, 3, 4, 5, 11, 40):
        scene = Scene(ModelStore(count, Random(0)), BY_CREATION, page_size=5, prefetch=2)
        assert play(scene, []) == ""
        assert scene.walk.report.guarantee == "complete"
        assert scene.walk.report.anomalies == ()


@pytest.mark.parametrize("ties", [100, 200, 230, 245, 247])
def test_one_crowded_second_costs_a_few_requests_and_no_more(ties: int) -> None:
    store = ModelStore(6000, Random(0))
    store.cap = 250
    for row in store.rows.values():
        row.updated = row.id  # long ago
    for row_id in range(251 - ties, 251):  # at the end of the first page
        store.rows[row_id].created = store.rows[250].created
    scene = Scene(store, BY_CREATION, page_size=250, prefetch=4)
    assert play(scene, []) == ""
    assert scene.walk.report.guarantee == "complete"
    assert scene.walk.report.requests <= 36


def newest_first_whatever_is_asked(row: Row, _order: Order) -> tuple[int, str]:
    return -row.created, ""


def test_a_server_that_ignores_the_order_is_never_called_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelStore, "sort_key", staticmethod(newest_first_whatever_is_asked))
    for seed in range(10):
        store = ModelStore(60, Random(seed), ties=4)
        store.cap = 10
        scene = Scene(store, BY_CREATION, page_size=10, prefetch=2)
        play(scene, [])
        assert scene.walk.report.guarantee == "best_effort"
