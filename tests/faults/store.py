"""A small store behind a server that spoils some of its answers, and remembers what truly happened."""

import asyncio
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
from scripted_server import Bytes, Reply, ScriptedServer, Seen, raw

Spoil = Callable[[bytes], Reply]  # the body of the true answer -> what is sent in its place

CONFIG = {"id": 1, "fieldName": "Region", "fieldType": 0, "isRequired": True}
PDF = b"%PDF-1.7\n" + b"0" * 3000 + b"\n%%EOF\n"
COMMIT_DELAY = 0.5  # seconds, longer than the clients of the matrix wait: the server acts when they have given up


def invoice(invoice_id: int, number: str, **fields: Any) -> dict[str, Any]:
    """A row as the API sends it."""
    money = {"code": "USD", "value": "349.5000"}
    return {
        "id": invoice_id, "invoiceNumber": number, "customerId": "3", "type": "Invoice", "status": 0,
        "externalId": f"E-{invoice_id}", "originalBalance": money, "openBalance": money, "createdAt": 1_700_000_000 + invoice_id,
        "updatedAt": 1_700_000_000 + invoice_id, **fields,
    }  # fmt: skip


def payment(payment_id: int, **fields: Any) -> dict[str, Any]:
    """A payment as the API sends it."""
    money = {"code": "USD", "value": "10.0000"}
    return {
        "id": payment_id, "customerId": "3", "externalId": f"P-{payment_id}", "processingStatus": 3, "appliedStatus": 1,
        "total": money, "lineItems": [{"paymentId": payment_id, "invoiceId": 1, "invoiceNumber": "N-1", "amount": money}],
        "createdAt": 1_700_000_000 + payment_id, "updatedAt": 1_700_000_000 + payment_id, **fields,
    }  # fmt: skip


@attrs.define
class Plan:
    """Which answers are spoilt, and what the server does before it spoils one.

    Attributes:
        skip: So many answers are left alone first.
        times: So many are spoilt then.
        acts: "yes": the server does what it is asked for; "no"; "late": after the client has given up.
        path: Only answers to requests whose path ends so.
        method: Only answers to requests of this method; empty: of any.
    """

    spoil: Spoil
    skip: int = 0
    times: int = 1_000_000
    acts: str = "yes"
    path: str = ""
    method: str = ""


class StoreServer(ScriptedServer):
    """The invoices, unique by number; the plan says what goes wrong."""

    def __init__(self) -> None:
        super().__init__([])
        self.invoices = {number: invoice(number, f"N-{number}") for number in range(1, 13)}
        self.payments = {number: payment(number) for number in range(1, 13)}
        self.plan: Plan | None = None
        self.late: set[asyncio.TimerHandle] = set()
        self._next_id = 100

    def numbered(self, number: str) -> list[int]:
        """Ids of the invoices with this number."""
        return [row["id"] for row in self.invoices.values() if row["invoiceNumber"] == number]

    def referenced(self, reference: str) -> list[int]:
        """Ids of the payments with this reference."""
        return [row["id"] for row in self.payments.values() if row["externalId"] == reference]

    def reply(self, seen: Seen, /) -> Reply:
        """The true answer, or a spoilt one in its place."""
        plan, path = self.plan, urlsplit(seen.target).path
        if plan is None or not plan.times or not path.endswith(plan.path) or plan.method not in ("", seen.method):
            return self._good(self._act(seen))
        if plan.skip:
            plan.skip -= 1
            return self._good(self._act(seen))
        plan.times -= 1
        if plan.acts == "yes" or seen.method == "GET":
            return plan.spoil(self._act(seen)[1])
        if plan.acts == "late":
            self.late.add(asyncio.get_running_loop().call_later(COMMIT_DELAY, self._act, seen))
        return plan.spoil(b'{"code": 200, "data": {}}')

    def _good(self, answer: tuple[int, bytes]) -> Bytes:
        return raw(answer[1], answer[0])

    def _act(self, seen: Seen) -> tuple[int, bytes]:
        """Do what the request asks for; status and body of the true answer."""
        url = urlsplit(seen.target)
        path = url.path.removeprefix("/api/v3/io/ip")
        body = json.loads(seen.body, parse_float=Decimal) if seen.body else {}
        if path == "/invoices/extra-fields":
            offset = int(parse_qs(url.query)["offset"][0])
            return 200, _envelope([CONFIG][offset:], pagination={"totalCount": 1, "offset": offset, "limit": 250})
        if path == "/orders/7/invoices":
            status, answer = self._create({"invoiceNumber": "NEW"})
            return status, answer.replace(b'"id"', b'"invoiceNumber": "NEW", "invoiceId"')
        if path == "/file.pdf":
            return 200, PDF
        if path == "/invoices":
            return self._create(body) if seen.method == "POST" else self._list(parse_qs(url.query))
        if path.startswith("/payments"):
            return self._act_on_payments(seen.method, path, parse_qs(url.query), body)
        found = re.fullmatch(r"/invoices/(\d+)(/download-pdf)?", path)
        assert found, seen.target
        invoice_id = int(found[1])
        if invoice_id not in self.invoices:
            return 404, _envelope({"errMsg": "Invoice does not exist"}, code=404)
        if found[2]:
            return 200, _envelope({"url": f"http://{seen.headers['host']}/api/v3/io/ip/file.pdf"})
        if seen.method == "PUT":
            self.invoices[invoice_id] |= body
            return 200, _envelope({"id": invoice_id})
        if seen.method == "DELETE":
            del self.invoices[invoice_id]
            return 200, _envelope({})
        return 200, _envelope(self.invoices[invoice_id])

    def _create(self, body: dict[str, Any]) -> tuple[int, bytes]:
        if self.numbered(body["invoiceNumber"]):
            return 400, _envelope({"errMsg": "The invoice number already exists."}, code=400)
        self._next_id += 1
        kept = {name: value for name, value in body.items() if "Balance" not in name}
        balances = {name: _as_stored(value) for name, value in body.items() if "Balance" in name}
        self.invoices[self._next_id] = invoice(self._next_id, body["invoiceNumber"]) | kept | balances
        return 200, _envelope({"id": self._next_id})

    def _list(self, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Filtered by a part of the number, as loosely as the API does; sorted; cut."""
        text = query.get("q", [""])[0]
        wanted = query.get("externalId[]")
        rows = [row for row in self.invoices.values() if text in row["invoiceNumber"]]
        return self._page([row for row in rows if wanted is None or row["externalId"] in wanted], query)

    @staticmethod
    def _page(rows: list[dict[str, Any]], query: dict[str, list[str]]) -> tuple[int, bytes]:
        rows.sort(key=lambda row: (row[query.get("sortBy", ["id"])[0]], row["id"]), reverse=query.get("orderBy") == ["DESC"])
        offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["10"])[0])
        pagination = {"totalCount": len(rows), "offset": offset, "limit": limit}
        return 200, _envelope(rows[offset : offset + limit], pagination=pagination)

    def _act_on_payments(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, bytes]:
        if path == "/payments":
            invoice_id, text = query.get("invoiceId", ["1"])[0], query.get("q", [""])[0]
            rows = [row for row in self.payments.values() if text in row["externalId"]]
            return self._page([row for row in rows if str(row["lineItems"][0]["invoiceId"]) == invoice_id], query)
        if path == "/payments/offline":
            self._next_id += 1
            lines = [
                {"invoiceId": line["invoiceId"], "amount": _as_stored({"code": body["currency"], "value": line["amount"]})}
                for line in body["lineItems"]
            ]
            self.payments[self._next_id] = payment(self._next_id, externalId=body["externalId"], lineItems=lines)
            return 200, _envelope({"paymentId": self._next_id})
        row = self.payments[int(path.split("/")[2])]
        if method == "PUT":
            row |= body
            return 200, _envelope({"id": row["id"]})
        return 200, _envelope(row)


def _as_stored(money: dict[str, Any]) -> dict[str, Any]:
    """As the API gives money back: a text with four decimals."""
    return {"code": money["code"], "value": f"{Decimal(money['value']):.4f}"}


def _envelope(answer: Any, *, code: int = 200, **meta: Any) -> bytes:
    return json.dumps({"code": code, "data": answer, "meta": {"message": "SUCCESS", **meta}}).encode()
