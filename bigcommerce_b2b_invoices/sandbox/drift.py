"""Other users of the store: they insert, delete and edit invoices between two requests for a list."""

from collections.abc import Callable
from random import Random

from .generate import make_row_from_order
from .store import Store

_ORDERS = 10_000_000  # their orders have ids above this, so that no order of the sandbox is used up


class Drift:
    """What the others do between any two requests for a list: so many inserts, deletes and edits."""

    def __init__(self, store: Store, *, seed: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._seed = seed
        self._clock = clock
        self._random = Random(f"{seed}:drift")
        self._is_between = False  # whether there was a request for a list already
        self.inserts = self.deletes = self.edits = 0

    def before_list(self) -> None:
        """Called before each request for a list."""
        if self._is_between:
            for _ in range(self.inserts):
                self._insert()
            for _ in range(min(self.deletes, len(self._store.rows))):
                self._store.delete(self._any())
            for _ in range(self.edits if self._store.rows else 0):
                self._edit()
        self._is_between = True

    def _insert(self) -> None:
        invoice_id, now = self._store.next_id, int(self._clock())
        self._store.put(make_row_from_order(self._seed, _ORDERS + invoice_id, invoice_id, self._store.new_number(), now))

    def _edit(self) -> None:
        row = self._store.rows[self._any()]
        changes = {"purchaseOrderNumber": f"PO-{self._random.randrange(10**9):09d}", "updatedAt": int(self._clock())}
        self._store.put_body({**self._store.body(row), **changes}, key=row.id)

    def _any(self) -> int:
        return self._random.choice(tuple(self._store.rows))
