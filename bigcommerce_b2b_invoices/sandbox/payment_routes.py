"""The endpoints of payments and receipts. Each has a literal route, and is a thin step between a request and the store."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from . import answers
from .answers import Body, Refused
from .faults import BASE
from .payment_bodies import FROM_ORDER
from .payment_checks import checked_shares, refused
from .payment_drift import PaymentDrift
from .payment_queries import Found, lines_page, payments_page, receipts_page
from .payments import Payments
from .routes import digits, read_body
from .store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OPTIONAL = ("details", "fees", "moduleData", "allowedOperations", "allowedStatuses", "channelId", "channelName")  # on lists


class PaymentRoutes:
    """Fifteen of the sixteen endpoints: what `PUT /payments/offline/{paymentId}` does is unknown."""

    def __init__(
        self, payments: Payments, store: Store, drift: PaymentDrift, *, max_limit: int, clock: Callable[[], float]
    ) -> None:
        self._payments = payments
        self._store = store
        self._drift = drift
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

        self._drift.before_list()
        limit = min(self._max_limit, assume.max_limit)
        found = payments_page(request.rel_url, self._payments.payments.values(), max_limit=limit, is_searchable=is_searchable)
        return _page(found, [self._listed(body) for body in found.rows])

    def _listed(self, body: Body) -> Body:
        """A payment as lists have it: every third one lacks what lists may leave out."""
        whole = self._payments.shown(body)
        return {key: whole[key] for key in whole if key not in _OPTIONAL} if _whole(body["id"]) % 3 == 0 else whole

    async def _get_payment(self, request: web.Request) -> web.Response:
        _, body = self._payment(request)
        return answers.success(self._payments.shown(body))

    async def _record(self, request: web.Request) -> web.Response:
        sent = await read_body(request)
        shares = checked_shares(sent, self._store, self._payments.assume, self._payments.has_external_id)
        return answers.success({"paymentId": self._payments.record(sent, shares)})

    async def _delete_payment(self, request: web.Request) -> web.Response:
        payment_id, _ = self._payment(request)
        self._payments.delete(payment_id)
        return answers.success({"id": payment_id})

    async def _get_operations(self, request: web.Request) -> web.Response:
        _, body = self._payment(request)
        statuses = [str(status) for status in self._payments.statuses(body)]  # as texts, here alone
        return answers.success({"allowedOperations": self._payments.operations(body), "allowedStatuses": statuses}, "Success")

    async def _perform(self, request: web.Request) -> web.Response:
        (payment_id, _), sent = self._payment(request), await read_body(request)
        code = sent.get("operationCode")
        if isinstance(code, bool) or not isinstance(code, int):
            raise refused({"operationCode": ["Must be a number."]})
        if not self._payments.perform(payment_id, code):
            raise _not_allowed("The payment operation is not allowed.")
        return answers.success({"id": payment_id})

    async def _set_status(self, request: web.Request) -> web.Response:
        (payment_id, _), sent = self._payment(request), await read_body(request)
        status = sent.get("processingStatus")
        if isinstance(status, bool) or not isinstance(status, int):
            raise refused({"processingStatus": ["Must be a number."]})
        if not self._payments.set_status(payment_id, status):
            raise _not_allowed("The payment processing status is not allowed.")
        return answers.success({"id": payment_id})

    async def _get_transactions(self, request: web.Request) -> web.Response:
        payment_id, body = self._payment(request)
        if body["moduleName"] != FROM_ORDER:
            return answers.success([{"type": "OfflineTransaction", "rawTransaction": None}])
        card = {"type": "Visa", "last4": "1111", "expiryYear": 2050, "expiryMonth": 12}
        transaction = {
            "type": "CreditCardTransaction",
            "gateway": "test",
            "transactionId": f"{500_000 + payment_id}",
            "authCode": "",
            "event": "capture",
            "card": card,
            "rawTransaction": "",
        }
        return answers.success([transaction])

    def _payment(self, request: web.Request) -> tuple[int, Body]:
        return _found(self._payments.payments, request.match_info["paymentId"], "Payment does not exist")

    # ---- receipts ----------------------------------------------------------------------------------------------------

    async def _get_receipts(self, request: web.Request) -> web.Response:
        self._drift.before_list()
        payments, receipts = self._payments.payments, self._payments.receipts
        found = receipts_page(request.rel_url, receipts, payments, max_limit=self._max_limit)
        return _page(found, found.rows)

    async def _get_all_lines(self, request: web.Request) -> web.Response:
        return self._lines_page(request, None)

    async def _get_lines(self, request: web.Request) -> web.Response:
        receipt_id, _ = self._receipt(request)
        return self._lines_page(request, receipt_id)

    def _lines_page(self, request: web.Request, receipt_id: int | None) -> web.Response:
        self._drift.before_list()
        found = lines_page(request.rel_url, self._payments.receipts, receipt_id, max_limit=self._max_limit)
        return _page(found, found.rows)

    async def _get_receipt(self, request: web.Request) -> web.Response:
        _, receipt = self._receipt(request)
        return answers.success(receipt)

    async def _delete_receipt(self, request: web.Request) -> web.Response:
        receipt_id, _ = self._receipt(request)
        self._payments.receipts.delete(receipt_id)
        return answers.success({"id": receipt_id})

    async def _get_line(self, request: web.Request) -> web.Response:
        _, line = self._line(request)
        return answers.success(line)

    async def _delete_line(self, request: web.Request) -> web.Response:
        line_id, _ = self._line(request)
        self._payments.receipts.delete_line(line_id)
        return answers.success({"id": line_id})

    def _receipt(self, request: web.Request) -> tuple[int, Body]:
        return _found(self._payments.receipts.receipts, request.match_info["receiptId"], "Receipt does not exist")

    def _line(self, request: web.Request) -> tuple[int, Body]:
        receipt_id, _ = self._receipt(request)
        message = "Receipt line does not exist"
        line_id, line = _found(self._payments.receipts.lines, request.match_info["receiptLineId"], message)
        if line["receiptId"] != receipt_id:
            raise answers.not_found(message)
        return line_id, line


def _found(bodies: dict[int, Body], text: str, message: str) -> tuple[int, Body]:
    """The id in a piece of the path, and what has this id."""
    number = digits(text)
    if number not in bodies:
        raise answers.not_found(message)
    return number, bodies[number]


def _page(found: Found, rows: list[Body]) -> web.Response:
    return answers.page(map(answers.dump, rows), total_count=found.total, offset=found.offset, limit=found.limit)


def _not_allowed(message: str) -> Refused:
    return Refused(400, {"code": 400, "data": {"errMsg": message}, "meta": {"message": "Not Found Error"}})


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
