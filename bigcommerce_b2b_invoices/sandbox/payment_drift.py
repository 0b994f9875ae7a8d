"""Other users of the store: they record, delete and edit payments between two requests for a list of payments or receipts."""

from decimal import Decimal
from random import Random

from .drift import Drift
from .payments import Payments
from .store import Store


class PaymentDrift:
    """As many payments are recorded, deleted and edited as `Drift` says for invoices. Balances follow the payments."""

    def __init__(self, payments: Payments, store: Store, drift: Drift, *, seed: int) -> None:
        self._payments = payments
        self._store = store
        self._drift = drift
        self._random = Random(f"{seed}:payment-drift")
        self._is_between = False  # whether there was a request for a list already

    def before_list(self) -> None:
        """Called before each request for a list."""
        payments = self._payments.payments
        if self._is_between:
            for _ in range(self._drift.inserts if self._store.rows else 0):
                self._record()
            for _ in range(min(self._drift.deletes, len(payments))):
                self._payments.delete(self._random.choice(tuple(payments)))
            for _ in range(self._drift.edits if payments else 0):
                body = payments[self._random.choice(tuple(payments))]
                body["externalCustomerId"] = f"C-{self._random.randrange(10**9):09d}"
                self._payments.touch(body)
        self._is_between = True

    def _record(self) -> None:
        row = self._store.rows[self._random.choice(tuple(self._store.rows))]
        balance = self._store.body(row)["openBalance"]
        code = balance.get("code") if isinstance(balance, dict) else "USD"
        sent = {"customerId": row.customer_id, "currency": code, "details": {"memo": "Check"}}
        self._payments.record(sent, [(row.id, Decimal(1))])
