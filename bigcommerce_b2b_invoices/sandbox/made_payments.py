"""Made-up payments that agree with the made-up invoices: the applied shares of an invoice are what its balance lacks.

The same seed and number of invoices give the same payments.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from .generate import NOW, make_rows
from .rows import Row

_DAY = 86_400


@dataclass(slots=True)
class MadePayment:
    """A payment before it has an id."""

    customer_id: str
    created_at: int
    status: int
    is_applied: bool
    is_offline: bool
    shares: list[tuple[int, int]] = field(default_factory=list)  # invoice id, ten-thousandths


def make_payments(seed: int, invoices: int) -> Iterator[MadePayment]:
    """The payments of the made-up past, the oldest first."""
    made = list(_payments(Random(f"{seed}:payments"), make_rows(seed, invoices)))
    return iter(sorted(made, key=lambda payment: payment.created_at))


def _payments(random: Random, rows: Iterator[Row]) -> Iterator[MadePayment]:
    gathered: dict[str, MadePayment] = {}
    for row in rows:
        paid = row.original_balance - row.open_balance
        for part in _parts(random, paid) if paid > 0 else ():
            payment = gathered.setdefault(row.customer_id, _payment(random, row, status=3))
            payment.shares.append((row.id, part))
            is_split = part != paid  # the next part belongs to another payment
            if is_split or len(payment.shares) == 3 or random.random() < 0.7:
                yield gathered.pop(row.customer_id)
        if row.open_balance > 0 and random.random() < 0.05:
            waiting = _payment(random, row, status=random.choice((1, 2)))
            waiting.shares.append((row.id, row.open_balance))
            yield waiting
    yield from gathered.values()


def _parts(random: Random, paid: int) -> tuple[int, ...]:
    if random.random() < 0.9 or paid < 20_000:
        return (paid,)
    first = paid // 20_000 * 10_000  # about half, in whole units
    return (first, paid - first)


def _payment(random: Random, row: Row, *, status: int) -> MadePayment:
    created_at = min(NOW, row.created_at + int(random.random() * 40 * _DAY))
    is_offline = random.random() < 0.6
    return MadePayment(row.customer_id, created_at, status, is_applied=status == 3, is_offline=is_offline)
