"""One consumer: a second one is refused before it takes a row, and the first goes on. What was left can be continued."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from conftest import TOKEN
from faults.store import StoreServer

from bigcommerce_b2b_invoices import B2BClient, DecodeError, Invoice, RateLimiter, bulk

ALL = list(range(1, 13))


@attrs.define
class Scene:
    """A stream of the store's twelve invoices, and the ids that its consumers got."""

    client: B2BClient
    server: StoreServer
    kind: str
    stream: Any = None
    ids: list[int] = attrs.field(factory=list)
    gate: asyncio.Event = attrs.field(factory=asyncio.Event)

    def open(self) -> None:
        """A new stream of the kind."""
        invoices = self.client.invoices
        streams: dict[str, Callable[[], Any]] = {
            "walk": lambda: invoices.iterate(page_size=5, prefetch=2),
            "feed": invoices.changes,
            "run": lambda: bulk.run(invoices.get, ALL, concurrency=5),
            "get_many": lambda: invoices.get_many(ALL),
        }
        self.stream, self.ids = streams[self.kind](), []

    def take(self, element: Any) -> None:
        """Keep the ids of a row, a page or an outcome."""
        found = getattr(element, "items", None) or [getattr(element, "result", element)]
        self.ids += [invoice.id for invoice in found]

    async def consume(self, how: str, most: int = 99, then: str = "break") -> None:
        """Take up to so many elements, and leave in that way."""
        taken = 0
        async for element in self.elements(how):
            self.take(element)
            taken += 1
            if taken == most:
                if then == "wait":
                    await self.gate.wait()
                    continue
                if then == "error":
                    raise KeyError("consumer")
                if then == "cancel":
                    current = asyncio.current_task()
                    assert current
                    current.cancel()
                    await asyncio.sleep(1)
                break

    def elements(self, how: str) -> AsyncIterator[Any]:
        if how == "pages":
            return self.stream.pages()  # type: ignore[no-any-return] # a walk's
        return Direct(self.stream) if how == "anext" else aiter(self.stream)


class Direct(AsyncIterator[Any]):
    """Calls `anext` for each element, without a loop over the stream itself."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __anext__(self) -> Any:
        return anext(self.stream)


@pytest.fixture
async def scene(request: pytest.FixtureRequest) -> Any:
    server = StoreServer()
    limiter = RateLimiter(1_000_000, 1.0)
    async with server, B2BClient(store_hash="abc123", auth_token=TOKEN, base_url=server.base_url, rate_limiter=limiter) as client:
        scene = Scene(client, server, request.param)
        scene.open()
        yield scene


def over(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scene", kinds, indirect=True)


EACH = over("walk", "feed", "run", "get_many")
CONTINUED = over("walk", "feed")
PAIRS = [
    (kind, first, second)
    for kind in ("walk", "feed", "run", "get_many")
    for first in ("loop", "anext", "pages")
    for second in ("loop", "anext", "pages")
    if kind == "walk" or "pages" not in (first, second)
]


@pytest.mark.parametrize(("scene", "first", "second"), PAIRS, indirect=["scene"])
async def test_a_second_task_is_refused_at_any_row_and_the_first_gets_every_row(scene: Scene, first: str, second: str) -> None:
    for rows in range(1, 3 if first == "pages" else 12):
        scene.open()
        scene.gate.clear()
        consumer = asyncio.create_task(scene.consume(first, rows, "wait"))
        while len(scene.ids) < rows:
            await asyncio.sleep(0.001)
        with pytest.raises(RuntimeError, match="one consumer"):
            await asyncio.create_task(scene.consume(second))
        scene.gate.set()
        await consumer

        assert sorted(scene.ids) == ALL
        if scene.kind == "walk":
            assert scene.stream.report.guarantee == "complete"


@pytest.mark.parametrize(("scene", "how"), [("walk", "loop"), ("walk", "pages"), ("feed", "loop")], indirect=["scene"])
@pytest.mark.parametrize("then", ["break", "error", "cancel"])
@pytest.mark.parametrize("other_task", [False, True])
async def test_a_loop_that_was_left_can_be_continued(scene: Scene, then: str, other_task: bool, how: str) -> None:
    if then == "cancel" or other_task:
        task = asyncio.create_task(scene.consume(how, 1, then))
        await asyncio.wait([task])  # the task and its exception stay referred to
        await scene.consume("loop")
    elif then == "error":
        with pytest.raises(KeyError) as caught:
            await scene.consume(how, 1, then)
        await scene.consume("loop")
        assert isinstance(caught.value, KeyError)  # whose traceback still refers to the frame of the loop
    else:
        await scene.consume(how, 1)
        await asyncio.create_task(scene.consume("loop"))

    assert sorted(scene.ids) == ALL


@CONTINUED
async def test_after_an_error_of_the_stream_another_task_may_follow_though_the_iterator_is_still_there(scene: Scene) -> None:
    scene.server.invoices[5] |= {"openBalance": "a lot"}
    iterator = aiter(scene.stream)
    with pytest.raises(DecodeError):
        while True:
            scene.take(await anext(iterator))

    await asyncio.create_task(scene.consume("loop"))

    assert sorted(scene.ids) == [number for number in ALL if number != 5]


@EACH
async def test_anext_comes_first_and_a_loop_goes_on_and_the_other_way_round(scene: Scene) -> None:
    scene.take(await anext(scene.stream))
    async for element in scene.stream:
        scene.take(element)
        if len(scene.ids) < 6:
            scene.take(await anext(scene.stream))  # in the same task, which knows what it does

    assert sorted(scene.ids) == ALL


@CONTINUED
async def test_a_task_that_called_anext_is_followed_when_it_is_over_or_says_stop(scene: Scene) -> None:
    await asyncio.create_task(scene.consume("anext", 2))
    scene.take(await anext(scene.stream))
    with pytest.raises(RuntimeError, match="one consumer"):
        await asyncio.create_task(scene.consume("loop"))
    scene.stream.stop()
    await asyncio.create_task(scene.consume("loop"))

    assert sorted(scene.ids) == ALL


@EACH
async def test_of_nested_loops_the_inner_one_is_refused_and_the_outer_one_gets_every_row(scene: Scene) -> None:
    refused = 0
    async for element in scene.stream:
        scene.take(element)
        with pytest.raises(RuntimeError, match="one consumer"):
            await scene.consume("loop")
        refused += 1

    assert refused
    assert sorted(scene.ids) == ALL


@EACH
async def test_of_two_iterators_the_second_is_refused(scene: Scene) -> None:
    first, second = aiter(scene.stream), aiter(scene.stream)
    scene.take(await anext(first))

    with pytest.raises(RuntimeError, match="one consumer"):
        await anext(second)
    async for element in first:
        scene.take(element)

    assert sorted(scene.ids) == ALL


@CONTINUED
async def test_a_generator_around_a_loop_is_closed_before_the_next_loop(scene: Scene) -> None:
    async def one_by_one() -> AsyncIterator[Invoice]:
        async for invoice in scene.stream:
            yield invoice

    generator = one_by_one()
    scene.take(await anext(generator))
    with pytest.raises(RuntimeError, match=r"stop\(\)"):
        await scene.consume("loop")
    await generator.aclose()  # type: ignore[attr-defined] # an async generator
    await scene.consume("loop")

    assert sorted(scene.ids) == ALL


@EACH
async def test_each_row_may_be_awaited_in_a_task_of_its_own(scene: Scene) -> None:
    iterator: Any = scene.stream
    while True:
        try:
            scene.take(await asyncio.wait_for(asyncio.ensure_future(anext(iterator)), 5))
        except StopAsyncIteration:
            break
        iterator = aiter(scene.stream) if iterator is scene.stream else iterator

    assert sorted(scene.ids) == ALL


@over("walk")
async def test_a_refused_consumer_cancels_no_request_of_the_first(scene: Scene) -> None:
    async for element in scene.stream:
        scene.take(element)
        if len(scene.ids) == 1:
            before = list(scene.stream._ahead)
            with pytest.raises(RuntimeError, match="one consumer"):
                await asyncio.create_task(scene.consume("pages"))
            assert before
            assert list(scene.stream._ahead) == before
            assert not any(asked.task.cancelling() for asked in before)

    assert scene.ids == ALL


def test_an_event_loop_that_was_closed_leaves_no_consumer_behind() -> None:
    async def operation(number: int) -> int:
        return number

    async def rest() -> list[int | None]:
        return [outcome.result async for outcome in run]

    run = bulk.run(operation, ALL, concurrency=1)
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(anext(run)).result == 1
    loop.close()

    assert asyncio.run(rest()) == ALL[1:]
