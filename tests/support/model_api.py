"""The API's writes in memory, in virtual time: slow commits, lost answers, strangers, a list that lags behind."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import attrs

from bigcommerce_b2b_invoices import ConnectFailedError, OutcomeUnknownError, ResponseError, ServerError
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.messages import Request, Response

T = TypeVar("T")

POST_FAULTS = ["lost request", "lost answer", "slow commit", "500 after commit", "500 before", "not sent", "none"]
SLOWEST = 60.0  # seconds that the server may work on a request whose client has given up


@attrs.define
class Row:
    body: dict[str, Any]
    by_us: bool
    visible_from: float


class ModelAPI:
    """GET /invoices, GET, PUT and POST, with the fault that the program names next for each sending of ours."""

    def __init__(self, random: Random, faults: list[str], *, atomic: bool = True, lag: float = 0.0) -> None:
        self.random = random
        self.faults = faults
        self.atomic = atomic
        self.lag = lag
        self.rows: dict[int, Row] = {}
        self.deleted_by_strangers = 0
        self.commits = 0  # of our creates
        self.failing_gets: list[Exception] = []
        self.posts = 0
        self.puts = 0
        self.on_put: Callable[[], object] = lambda: None  # what a stranger does just before our PUT arrives
        self.writing = 0  # writes under way just now
        self.most_writing = 0
        self.next_id = 1
        self.pending: list[asyncio.Task[None]] = []

    async def send(self, call: Call[T], *, bulk: bool = False) -> T:
        assert not bulk  # writes and what settles them go first
        self.writing += call.request.method != "GET"
        self.most_writing = max(self.most_writing, self.writing)
        try:
            return call.decode(await self._answer(call.request))
        finally:
            self.writing -= call.request.method != "GET"

    async def settle(self) -> None:
        """Let everything that is under way arrive."""
        await asyncio.gather(*self.pending)

    async def _answer(self, request: Request) -> Response:
        await asyncio.sleep(0.1)
        if request.method == "GET":
            if self.failing_gets:
                raise self.failing_gets.pop(0)
            return self._list(request) if request.path == "/invoices" else self._get(request)
        self.posts += request.method == "POST"
        self.puts += request.method == "PUT"
        if request.method == "PUT":
            self.on_put()
        fault = self.faults.pop(0) if self.faults else "none"
        act = partial(self._create if request.method == "POST" else self._update, request)
        if fault == "number taken":
            return _response({"errMsg": "The invoice number already exists."}, 400)
        if fault == "not sent":
            raise ConnectFailedError("refused").of_request(request.method, request.path, 1)
        if fault in ("lost request", "500 before"):
            pass
        elif fault == "slow commit":
            self.pending.append(asyncio.create_task(self._later(act, request, self.random.uniform(0.5, SLOWEST - 1))))
        else:
            response = act()
            if fault == "none":
                return response
        reason = ServerError(status=500) if fault.startswith("500") else ResponseError("the connection broke")
        raise OutcomeUnknownError("it may or may not have happened", reason=reason).of_request(request.method, request.path, 1)

    async def _later(self, act: Callable[[], Response], request: Request, seconds: float) -> None:
        number = json.loads(request.body or b"{}").get("invoiceNumber")
        was_free = number is not None and not self._with_number(number)
        await asyncio.sleep(seconds)
        if request.method == "POST" and not self.atomic and was_free:
            self._insert(request)
        else:
            act()

    def _with_number(self, number: str) -> list[Row]:
        return [row for row in self.rows.values() if row.body["invoiceNumber"] == number]

    def _create(self, request: Request) -> Response:
        if self._with_number(json.loads(request.body or b"")["invoiceNumber"]):
            return _response({"errMsg": "The invoice number already exists."}, 400)
        return _response({"id": self._insert(request)})

    def _insert(self, request: Request) -> int:
        self.commits += 1
        body = json.loads(request.body or b"", parse_float=Decimal)
        for name in ("originalBalance", "openBalance"):
            body[name] = {**body[name], "value": f"{Decimal(body[name]['value']):.4f}"}
        return self.insert(body, by_us=True)

    def insert(self, body: dict[str, Any], *, by_us: bool = False) -> int:
        now = asyncio.get_running_loop().time()
        new_id, self.next_id = self.next_id, self.next_id + 1
        self.rows[new_id] = Row(
            {**body, "id": new_id, "createdAt": int(now) + 1, "updatedAt": int(now) + 1}, by_us, now + self.lag
        )
        return new_id

    def _update(self, request: Request) -> Response:
        invoice_id = int(request.path.rpartition("/")[2])
        if invoice_id not in self.rows:
            return _response({"errMsg": "Invoice does not exist"}, 404)
        self.change(invoice_id, json.loads(request.body or b""))
        return _response({"id": invoice_id})

    def change(self, invoice_id: int, keys: dict[str, Any]) -> None:
        body = self.rows[invoice_id].body
        body.update(keys, updatedAt=body["updatedAt"] + 1)

    def _get(self, request: Request) -> Response:
        row = self.rows.get(int(request.path.rpartition("/")[2]))
        return _response({"errMsg": "Invoice does not exist"}, 404) if row is None else _response(row.body)

    def _list(self, request: Request) -> Response:
        now, query = asyncio.get_running_loop().time(), dict(parse_qsl(urlencode(request.query)))
        found = [row.body for row in self.rows.values() if row.visible_from <= now and query["q"] in row.body["invoiceNumber"]]
        found.sort(key=lambda body: body["createdAt"])
        page = found[int(query["offset"]) :][: int(query["limit"])]
        return _response(
            page, pagination={"totalCount": len(found), "offset": int(query["offset"]), "limit": int(query["limit"])}
        )


def _response(content: object, code: int = 200, **meta: object) -> Response:
    body = json.dumps({"code": code, "data": content, "meta": {"message": "", **meta}}, default=str)
    return Response(200, {}, body.encode())


async def outcome(awaitable: Awaitable[T]) -> T | Exception:
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error
