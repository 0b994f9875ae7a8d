"""The payments of the sandbox, and what they do to the balances of invoices."""

from collections.abc import Callable

from .answers import Body
from .assumptions import Assumptions
from .made_payments import make_payments
from .money import to_text, to_ticks
from .payment_bodies import FROM_ORDER, Share, made_up_payment, new_payment, shares_as_lines, shares_of
from .receipts import COMPLETED, Receipts
from .rows import amount_of
from .store import Store
from .words import CHANNELS, COMPANIES

APPLY, REVERT, PULL = 0, 1, 2
REFUNDED = 4


class Payments:
    """Payments by id, with their receipts. They are made up at the first use, so a sandbox without them starts fast."""

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
        self._receipts = Receipts()
        self._next_id = 1

    @property
    def payments(self) -> dict[int, Body]:
        """Every payment."""
        if self._payments is None:
            self._payments = {}
            for made in make_payments(*self._made):
                self._keep(self._next_id, made_up_payment(self._next_id, made, self._store, self._store_hash))
        return self._payments

    @property
    def receipts(self) -> Receipts:
        """The receipts of all payments."""
        assert self.payments is not None  # noqa: S101 - makes them up
        return self._receipts

    def shown(self, body: Body) -> Body:
        """A payment as the API shows it: with what may be done with it now."""
        return {"allowedOperations": self.operations(body), "allowedStatuses": self.statuses(body), **body}

    def has_external_id(self, external_id: object) -> bool:
        """Whether a payment has this `externalId`."""
        return any(body["externalId"] == external_id for body in self.payments.values())

    def operations(self, body: Body) -> list[int]:
        """The operations that the payment allows now."""
        change = REVERT if body["appliedStatus"] == 1 else APPLY
        allowed = [] if body["processingStatus"] == REFUNDED and change == APPLY else [change]
        return [*allowed, PULL] if body["moduleName"] == FROM_ORDER else allowed

    def statuses(self, body: Body) -> list[int]:
        """The statuses that can be set now."""
        return [REFUNDED] if body["processingStatus"] == REFUNDED else [1, 2, 3, 4]

    # ---- writing -----------------------------------------------------------------------------------------------------

    def record(self, sent: Body, shares: list[Share]) -> int:
        """A new offline payment from a body that was checked. Returns its id."""
        customer_id, status = str(sent["customerId"]), sent.get("processingStatus", COMPLETED)
        payment_id, body = self._new(customer_id)
        body |= {
            "externalId": sent.get("externalId") if self.assume.keeps_external_id else None,
            "externalCustomerId": sent.get("externalCustomerId"),
            "payerName": sent.get("payerName", body["payerName"]),
            "payerCustomerId": sent.get("payerCustomerId", customer_id),
            "details": sent["details"],
            "processingStatus": status,
            **shares_as_lines(payment_id, sent["currency"], shares, self._store),
        }
        if "channelId" in sent:
            channel_id = str(sent["channelId"])
            body |= {"channelId": channel_id, "channelName": CHANNELS.get(channel_id, "")}
        self._keep(payment_id, body)
        if status in self.assume.applied_at:
            self._apply(body, applied=1)
        return payment_id

    def add(self, fields: Body) -> int:
        """A payment with these fields, checked for nothing; the rest is made up. No balance changes. Returns its id."""
        payment_id, body = self._new(str(fields.get("customerId", COMPANIES[0].customer_id)), fields.get("id"))
        self._keep(payment_id, body | fields)
        return payment_id

    def set_status(self, payment_id: int, status: int) -> bool:
        """Set the processing status. False if the payment does not allow it."""
        body = self.payments[payment_id]
        if status not in self.statuses(body):
            return False
        body["processingStatus"] = status
        self.touch(body)
        if status in self.assume.applied_at and body["appliedStatus"] == 0:
            self._apply(body, applied=1)
        elif status == REFUNDED and body["appliedStatus"] == 1 and self.assume.refund_reverts:
            self._apply(body, applied=0)
        self._receipts.follow(payment_id, body)
        return True

    def perform(self, payment_id: int, operation: int) -> bool:
        """Carry out an operation. False if the payment does not allow it."""
        body = self.payments[payment_id]
        is_repeated = operation == (APPLY if body["appliedStatus"] == 1 else REVERT)
        if is_repeated and self.assume.repeats_operations:
            return True
        if operation not in self.operations(body):
            return False
        if operation in (APPLY, REVERT):
            self._apply(body, applied=1 if operation == APPLY else 0)
        self.touch(body)
        return True

    def delete(self, payment_id: int) -> None:
        """Delete a payment. Its receipt stays."""
        body = self.payments.pop(payment_id)
        if body["appliedStatus"] == 1 and self.assume.delete_reverts:
            self._apply(body, applied=0)

    def touch(self, body: Body) -> None:
        """The payment was changed now."""
        body["updatedAt"] = int(self._clock())

    def _new(self, customer_id: str, wanted: object = None) -> tuple[int, Body]:
        """The wanted id, if the API could have it, or the next one, and a payment with this id."""
        assert self.payments is not None  # noqa: S101 - makes up those before it
        is_possible = isinstance(wanted, int) and not isinstance(wanted, bool) and 0 < wanted < 10**18
        payment_id = wanted if is_possible and isinstance(wanted, int) else self._next_id
        now = int(self._clock())
        return payment_id, new_payment(payment_id, customer_id=customer_id, store_hash=self._store_hash, now=now)

    def _keep(self, payment_id: int, body: Body) -> None:
        self.payments[payment_id] = body
        self._next_id = max(self._next_id, payment_id + 1)
        self._receipts.follow(payment_id, body)

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
