"""The payments and receipts of the sandbox, and what they do to the balances of invoices."""

from collections.abc import Callable
from decimal import Decimal

from .answers import Body
from .assumptions import Assumptions
from .made_payments import MadePayment, make_payments
from .money import to_text, to_ticks
from .rows import amount_of
from .store import Store
from .words import CHANNELS, COMPANIES

APPLY, REVERT, PULL = 0, 1, 2
COMPLETED, REFUNDED = 3, 4
OFFLINE, FROM_ORDER = "payments_offline", "payments_bigcommerce_sales_order"
_COMPANIES = {company.customer_id: company for company in COMPANIES}


class Payments:
    """Payments, receipts and receipt lines by id. They are made up at the first use, so a sandbox without them starts fast."""

    def __init__(
        self,
        store: Store,
        *,
        seed: int,
        invoices: int,
        store_hash: str,
        assume: Assumptions,
        clock: Callable[[], float],
    ) -> None:
        self.assume: Assumptions = assume
        self._store = store
        self._made = (seed, invoices)
        self._store_hash = store_hash
        self._clock = clock
        self._payments: dict[int, Body] | None = None
        self._receipts: dict[int, Body] = {}
        self._lines: dict[int, Body] = {}
        self._with_receipt: set[object] = set()  # ids of payments
        self._next_id = self._next_receipt_id = self._next_line_id = 1

    # ---- reading -----------------------------------------------------------------------------------------------------

    @property
    def payments(self) -> dict[int, Body]:
        """Every payment, in the order of the ids."""
        if self._payments is None:
            self._payments = {}
            for made in make_payments(*self._made):
                self._keep(self._body_of(made))
        return self._payments

    @property
    def receipts(self) -> dict[int, Body]:
        """Every receipt."""
        assert self.payments is not None  # noqa: S101 - makes them up
        return self._receipts

    @property
    def lines(self) -> dict[int, Body]:
        """Every receipt line."""
        assert self.payments is not None  # noqa: S101 - makes them up
        return self._lines

    # ---- writing -----------------------------------------------------------------------------------------------------

    def record(self, sent: Body, shares: list[tuple[int, Decimal]]) -> int:
        """A new offline payment from a body that was checked. Returns its id."""
        now = int(self._clock())
        status = sent.get("processingStatus", COMPLETED)
        assert isinstance(status, int)  # noqa: S101 - was checked
        customer_id = str(sent["customerId"])
        body = self._new(customer_id, now)
        body |= {
            "externalId": sent.get("externalId") if self.assume.keeps_external_id else None,
            "externalCustomerId": sent.get("externalCustomerId"),
            "payerName": sent.get("payerName", "Store offline payment"),
            "payerCustomerId": str(sent.get("payerCustomerId", customer_id)),
            "details": sent["details"],
            "processingStatus": status,
            "total": _money(sent["currency"], sum((amount for _, amount in shares), Decimal(0))),
            "lineItems": [
                self._line(payment_id=self._next_id, invoice_id=invoice_id, amount=_money(sent["currency"], amount))
                for invoice_id, amount in shares
            ],
        }
        if "channelId" in sent:
            channel_id = str(sent["channelId"])
            body |= {"channelId": channel_id, "channelName": CHANNELS.get(channel_id, "")}
        payment_id = self._keep(body)
        if status in self.assume.applied_at:
            self._apply(body, applied=1)
        return payment_id

    def set_status(self, body: Body, status: int) -> bool:
        """Set the processing status. False if the payment does not allow it."""
        if body["processingStatus"] == REFUNDED != status:
            return False
        body["processingStatus"] = status
        self._touch(body)
        if status in self.assume.applied_at and body["appliedStatus"] == 0:
            self._apply(body, applied=1)
        elif status == REFUNDED and body["appliedStatus"] == 1 and self.assume.refund_reverts:
            self._apply(body, applied=0)
        self._make_receipt(body)
        for line in self._lines.values():
            if line["paymentId"] == body["id"]:
                line["paymentStatus"] = status
        return True

    def perform(self, body: Body, operation: int) -> bool:
        """Carry out an operation. False if the payment does not allow it."""
        if operation not in self.operations(body):
            return False
        if operation in (APPLY, REVERT):
            self._apply(body, applied=1 if operation == APPLY else 0)
        self._touch(body)
        return True

    def operations(self, body: Body) -> list[int]:
        """The operations that the payment allows now."""
        change = REVERT if body["appliedStatus"] == 1 else APPLY
        allowed = [] if body["processingStatus"] == REFUNDED and change == APPLY else [change]
        return [*allowed, PULL] if body["moduleName"] == FROM_ORDER else allowed

    def statuses(self, body: Body) -> list[int]:
        """The statuses that can be set now."""
        return [REFUNDED] if body["processingStatus"] == REFUNDED else [1, 2, 3, 4]

    def delete(self, body: Body) -> None:
        """Delete a payment."""
        if body["appliedStatus"] == 1 and self.assume.delete_reverts:
            self._apply(body, applied=0)
        del self.payments[_id(body)]

    def delete_receipt(self, receipt_id: int) -> None:
        """Delete a receipt with its lines. No balance changes."""
        del self.receipts[receipt_id]
        for line_id in [_id(line) for line in self._lines.values() if line["receiptId"] == receipt_id]:
            del self._lines[line_id]

    def delete_line(self, line_id: int) -> None:
        """Delete a line of a receipt."""
        del self.lines[line_id]

    def add(self, fields: Body) -> int:
        """A payment with these fields, checked for nothing; the rest is made up. No balance changes."""
        now = int(self._clock())
        total = fields.get("total", {"code": "USD", "value": "100.0000"})
        body = self._new(str(fields.get("customerId", COMPANIES[0].customer_id)), now) | {"total": total} | fields
        return self._keep(body)

    # ---- helpers -----------------------------------------------------------------------------------------------------

    def _new(self, customer_id: str, now: int) -> Body:
        assert self.payments is not None  # noqa: S101 - makes up those before it
        company = _COMPANIES.get(customer_id)
        return {
            "id": self._next_id,
            "createdAt": now,
            "updatedAt": now,
            "storeHash": self._store_hash,
            "customerId": customer_id,
            "externalId": None,
            "externalCustomerId": None,
            "payerName": "Store offline payment",
            "payerCustomerId": customer_id,
            "details": {"memo": ""},
            "moduleName": OFFLINE,
            "fees": [],
            "moduleData": {"transactions": [{"type": "OfflineTransaction", "memo": "k", "rawTransaction": None}]},
            "processingStatus": COMPLETED,
            "appliedStatus": 0,
            "fundingStatus": 2,
            "total": None,
            "lineItems": [],
            "customerName": company.name if company else "",
            "channelId": "1",
            "channelName": CHANNELS.get("1", ""),
        }

    def _body_of(self, made: MadePayment) -> Body:
        company = _COMPANIES[made.customer_id]
        payment_id = self._next_id
        body = self._new(made.customer_id, made.created_at)
        amounts = [_money(company.currency, Decimal(ticks).scaleb(-4)) for _, ticks in made.shares]
        body |= {
            "details": {"memo": f"Check#:{10_000 + payment_id}" if made.is_offline else "payment"},
            "processingStatus": made.status,
            "appliedStatus": int(made.is_applied),
            "total": _money(company.currency, Decimal(sum(ticks for _, ticks in made.shares)).scaleb(-4)),
            "lineItems": [
                self._line(payment_id=payment_id, invoice_id=invoice_id, amount=amount)
                for (invoice_id, _), amount in zip(made.shares, amounts, strict=True)
            ],
        }
        if not made.is_offline:
            card = {"type": "CreditCardTransaction", "memo": "k", "rawTransaction": None}
            module = {"cartId": f"cart-{payment_id}", "orderId": 100 + payment_id, "transactions": [card]}
            body |= {"moduleName": FROM_ORDER, "moduleData": module, "payerName": f"{company.name} Admin"}
        return body

    def _line(self, *, payment_id: int, invoice_id: int, amount: Body) -> Body:
        row = self._store.rows.get(invoice_id)
        number = row.invoice_number if row else ""
        return {"paymentId": payment_id, "invoiceId": invoice_id, "invoiceNumber": number, "amount": amount}

    def _keep(self, body: Body) -> int:
        payment_id = _id(body)
        self.payments[payment_id] = body
        self._next_id = max(self._next_id, payment_id + 1)
        self._make_receipt(body)
        return payment_id

    def _touch(self, body: Body) -> None:
        body["updatedAt"] = int(self._clock())

    def _apply(self, body: Body, *, applied: int) -> None:
        """Take the amounts off the open balances, or give them back."""
        body["appliedStatus"] = applied
        for invoice_id, code, amount in shares_of(body):
            row = self._store.rows.get(invoice_id)
            if row is None:
                continue
            invoice = self._store.body(row)
            balance, original = invoice["openBalance"], amount_of(invoice["originalBalance"])
            before = amount_of(balance)
            if before is None or not isinstance(balance, dict) or balance.get("code") != code:
                continue
            left = before - amount if applied else before + amount
            status = 2 if left <= 0 else 0 if original is None or left >= original else 1
            changes: Body = {"openBalance": {"code": code, "value": to_text(to_ticks(left))}, "status": status}
            if self.assume.moves_updated_at:
                changes["updatedAt"] = int(self._clock())
            self._store.put_body({**invoice, **changes}, key=row.id)

    def _make_receipt(self, body: Body) -> None:
        """The server makes a receipt for a completed payment, once."""
        if body["processingStatus"] != COMPLETED or body["id"] in self._with_receipt:
            return
        self._with_receipt.add(body["id"])
        memo = body["details"].get("memo") if isinstance(body["details"], dict) else None
        is_offline = body["moduleName"] == OFFLINE
        reference = str(memo or "") if is_offline else f"{300_000 + _id(body)}"
        head = {key: body[key] for key in ("createdAt", "updatedAt", "storeHash", "customerId")}
        head |= {"externalId": "", "externalCustomerId": ""}
        kind = {"transactionType": "Paid", "paymentType": "Offline" if is_offline else "Visa ending in 1111"}
        receipt_id = self._next_receipt_id
        self._next_receipt_id += 1
        self._receipts[receipt_id] = {
            "id": receipt_id,
            **head,
            "payerName": body["payerName"],
            "payerCustomerId": body["payerCustomerId"],
            "details": {"paymentDetails": {"memo": memo}},
            **kind,
            "referenceNumber": reference,
            "paymentId": body["id"],
            "total": body["total"],
        }
        for line in _objects(body["lineItems"]):
            line_id = self._next_line_id
            self._next_line_id += 1
            self._lines[line_id] = {
                "id": line_id,
                **head,
                "receiptId": receipt_id,
                "invoiceId": line["invoiceId"],
                "amount": line.get("amount"),
                "paymentStatus": body["processingStatus"],
                "paymentType": kind["paymentType"],
                "invoiceNumber": line.get("invoiceNumber", ""),
                "paymentId": body["id"],
                "referenceNumber": reference,
                "transactionType": "Paid",
            }


def shares_of(body: Body) -> list[tuple[int, str, Decimal]]:
    """Invoice, currency and amount of each line that has them."""
    shares = []
    for line in _objects(body["lineItems"]):
        money, invoice_id = line.get("amount"), line.get("invoiceId")
        amount = amount_of(money)
        if isinstance(invoice_id, int) and isinstance(money, dict) and amount is not None:
            shares.append((invoice_id, str(money.get("code")), amount))
    return shares


def _objects(value: object) -> list[Body]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _money(code: object, amount: Decimal) -> Body:
    return {"code": code, "value": to_text(to_ticks(amount))}


def _id(body: Body) -> int:
    found = body["id"]
    return found if isinstance(found, int) and not isinstance(found, bool) else 0
