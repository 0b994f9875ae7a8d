"""The endpoints of payments and receipts. Each has a literal route, and is a thin step between a request and the store."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from aiohttp import web

from . import answers
from .answers import Body, Refused
from .faults import BASE
from .payment_checks import checked_shares, refused
from .payment_queries import Found, payments_page, receipts_page
from .payments import FROM_ORDER, Payments
from .routes import digits, read_body
from .store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OPTIONAL = ("fees", "moduleData", "allowedOperations", "allowedStatuses", "channelId", "channelName")  # on lists


class PaymentRoutes:
    """Fifteen of the sixteen endpoints: what `PUT /payments/offline/{paymentId}` does is unknown."""

    def __init__(self, payments: Payments, store: Store, *, max_limit: int, clock: Callable[[], float]) -> None:
        self._payments = payments
        self._store = store
        self._max_limit = max_limit
        self._clock = clock

    def table(self) -> list[web.RouteDef]:
        """Which request goes where."""
        payments, receipts = f"{BASE}/payments", f"{BASE}/receipts"
        line = f"{receipts}/{{receiptId}}/lines/{{receiptLineId}}"

        def get(path: str, handler: Handler) -> web.RouteDef:
            return web.get(path, handler, allow_head=False)

        return [
            get(payments, self._get_payments),
            web.post(f"{payments}/offline", self._record),
            get(f"{payments}/{{paymentId}}", self._get_payment),
            web.delete(f"{payments}/{{paymentId}}", self._delete_payment),
            get(f"{payments}/{{paymentId}}/operations", self._get_operations),
            web.post(f"{payments}/{{paymentId}}/operations", self._perform),
            web.put(f"{payments}/{{paymentId}}/processing-status", self._set_status),
            get(f"{payments}/{{paymentId}}/transactions", self._get_transactions),
            get(receipts, self._get_receipts),
            get(f"{receipts}/{{receiptId}}", self._get_receipt),
            web.delete(f"{receipts}/{{receiptId}}", self._delete_receipt),
            get(f"{BASE}/receipt-lines", self._get_all_lines),
            get(f"{receipts}/{{receiptId}}/lines", self._get_lines),
            get(line, self._get_line),
            web.delete(line, self._delete_line),
        ]

    # ---- payments ----------------------------------------------------------------------------------------------------

    async def _get_payments(self, request: web.Request) -> web.Response:
        assume = self._payments.assume
        latest = self._clock() - assume.search_lag

        def is_searchable(body: Body) -> bool:
            created = body["createdAt"]
            return not assume.search_lag or (isinstance(created, int) and created <= latest)

        limit = min(self._max_limit, assume.max_limit)
        found = payments_page(request.rel_url, self._payments.payments.values(), max_limit=limit, is_searchable=is_searchable)
        return _page(found, [self._listed(body) for body in found.rows])

    def _listed(self, body: Body) -> Body:
        """A payment as lists have it: every third one lacks what lists may leave out."""
        whole = self._shown(body)
        return {key: whole[key] for key in whole if key not in _OPTIONAL} if _whole(body["id"]) % 3 == 0 else whole

    def _shown(self, body: Body) -> Body:
        return {
            "allowedOperations": self._payments.operations(body),
            "allowedStatuses": self._payments.statuses(body),
            **body,
        }

    async def _get_payment(self, request: web.Request) -> web.Response:
        return answers.success(self._shown(self._payment(request)))

    async def _record(self, request: web.Request) -> web.Response:
        sent = await read_body(request)
        taken = {body["externalId"] for body in self._payments.payments.values()}
        shares: list[tuple[int, Decimal]] = checked_shares(sent, self._store, self._payments.assume, taken)
        return answers.success({"paymentId": self._payments.record(sent, shares)})

    async def _delete_payment(self, request: web.Request) -> web.Response:
        body = self._payment(request)
        self._payments.delete(body)
        return answers.success({"id": body["id"]})

    async def _get_operations(self, request: web.Request) -> web.Response:
        body = self._payment(request)
        statuses = [str(status) for status in self._payments.statuses(body)]  # as texts, here alone
        return answers.success({"allowedOperations": self._payments.operations(body), "allowedStatuses": statuses}, "Success")

    async def _perform(self, request: web.Request) -> web.Response:
        body, sent = self._payment(request), await read_body(request)
        code = sent.get("operationCode")
        if isinstance(code, bool) or not isinstance(code, int):
            raise refused({"operationCode": ["Must be a number."]})
        if not self._payments.perform(body, code):
            raise _not_allowed("The payment operation is not allowed.")
        return answers.success({"id": body["id"]})

    async def _set_status(self, request: web.Request) -> web.Response:
        body, sent = self._payment(request), await read_body(request)
        status = sent.get("processingStatus")
        if isinstance(status, bool) or not isinstance(status, int):
            raise refused({"processingStatus": ["Must be a number."]})
        if status not in (1, 2, 3, 4) or not self._payments.set_status(body, status):
            raise _not_allowed("The payment processing status is not allowed.")
        return answers.success({"id": body["id"]})

    async def _get_transactions(self, request: web.Request) -> web.Response:
        body = self._payment(request)
        if body["moduleName"] != FROM_ORDER:
            return answers.success([{"type": "OfflineTransaction", "rawTransaction": None}])
        card = {"type": "Visa", "last4": "1111", "expiryYear": 2050, "expiryMonth": 12}
        transaction = {
            "type": "CreditCardTransaction",
            "gateway": "test",
            "transactionId": f"{500_000 + _whole(body['id'])}",
            "authCode": "",
            "event": "capture",
            "card": card,
            "rawTransaction": "",
        }
        return answers.success([transaction])

    def _payment(self, request: web.Request) -> Body:
        return _found(self._payments.payments, request.match_info["paymentId"], "Payment does not exist")

    # ---- receipts ----------------------------------------------------------------------------------------------------

    async def _get_receipts(self, request: web.Request) -> web.Response:
        return self._receipts_page(request, [*self._payments.receipts.values()], is_line=False)

    async def _get_all_lines(self, request: web.Request) -> web.Response:
        return self._receipts_page(request, [*self._payments.lines.values()], is_line=True)

    async def _get_lines(self, request: web.Request) -> web.Response:
        receipt = self._receipt(request)
        lines = [line for line in self._payments.lines.values() if line["receiptId"] == receipt["id"]]
        return self._receipts_page(request, lines, is_line=True)

    def _receipts_page(self, request: web.Request, rows: list[Body], *, is_line: bool) -> web.Response:
        statuses: dict[object, object] = {number: body["processingStatus"] for number, body in self._payments.payments.items()}
        found = receipts_page(request.rel_url, rows, max_limit=self._max_limit, statuses=statuses, is_line=is_line)
        return _page(found, found.rows)

    async def _get_receipt(self, request: web.Request) -> web.Response:
        return answers.success(self._receipt(request))

    async def _delete_receipt(self, request: web.Request) -> web.Response:
        receipt_id = _whole(self._receipt(request)["id"])
        self._payments.delete_receipt(receipt_id)
        return answers.success({"id": receipt_id})

    async def _get_line(self, request: web.Request) -> web.Response:
        return answers.success(self._line(request))

    async def _delete_line(self, request: web.Request) -> web.Response:
        line_id = _whole(self._line(request)["id"])
        self._payments.delete_line(line_id)
        return answers.success({"id": line_id})

    def _receipt(self, request: web.Request) -> Body:
        return _found(self._payments.receipts, request.match_info["receiptId"], "Receipt does not exist")

    def _line(self, request: web.Request) -> Body:
        receipt = self._receipt(request)
        line = _found(self._payments.lines, request.match_info["receiptLineId"], "Receipt line does not exist")
        if line["receiptId"] != receipt["id"]:
            raise answers.not_found("Receipt line does not exist")
        return line


def _found(bodies: dict[int, Body], text: str, message: str) -> Body:
    body = bodies.get(digits(text))
    if body is None:
        raise answers.not_found(message)
    return body


def _page(found: Found, rows: list[Body]) -> web.Response:
    return answers.page(map(answers.dump, rows), total_count=found.total, offset=found.offset, limit=found.limit)


def _not_allowed(message: str) -> Refused:
    return Refused(400, {"code": 400, "data": {"errMsg": message}, "meta": {"message": "Not Found Error"}})


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
