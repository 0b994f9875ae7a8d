"""Made-up invoices. The same seed and number give the same invoices on any day and any machine.

About 60 of 100 look like invoices that B2B Edition makes from orders. The others look like those of an ERP that uses the API.
"""

import time
from collections.abc import Iterator
from random import Random

from .rows import Row
from .words import CHANNELS, COMPANIES

NOW = 1_767_225_600  # 2026-01-01T00:00:00Z: the made-up past ends here
_PAST = 2 * 365 * 86_400  # seconds
_DAY = 86_400
_FIRST_ID = 1_041
_FIRST_ORDER_ID = 7_003  # B2B order ids are not BigCommerce order ids
OPEN_ORDERS = 200  # orders that have no invoice yet


def minor_digits(currency: str) -> int:
    """How many decimals the currency has: 2 if its smallest coin is 0.01."""
    return 0 if currency == "JPY" else 2


def make_rows(seed: int, number: int) -> Iterator[Row]:
    """This number of invoices, in the order of their ids. Each takes about 10 microseconds."""
    random = Random(f"{seed}:rows")
    invoice_id = _FIRST_ID
    step = _PAST / max(number, 1)
    created_at = NOW - _PAST
    for index in range(number):
        if random.random() > 0.04:  # otherwise it has the same second as the invoice before it
            created_at = NOW - _PAST + int(step * (index + random.random()))
        is_back_dated = random.random() < 0.03
        issued_at = max(NOW - _PAST, created_at - int(random.random() * 90 * _DAY)) if is_back_dated else created_at
        yield _row(random, invoice_id, index, issued_at)
        invoice_id += 1 if random.random() > 0.02 else 2 + int(random.random() * 9)  # a gap, as if invoices had been deleted


def make_order_ids() -> list[int]:
    """The ids of the orders that have no invoice yet."""
    return [_FIRST_ORDER_ID + 3 * index for index in range(OPEN_ORDERS)]


def make_row_from_order(seed: int, order_id: int, invoice_id: int, invoice_number: str, now: int) -> Row:
    """The invoice that B2B Edition makes from an order: open, and due in 30 days."""
    row = _row(Random(f"{seed}:order:{order_id}"), invoice_id, order_id, now)
    row.invoice_number = invoice_number
    row.source = 0
    row.external_id = row.external_customer_id = None
    row.order_number = 5_000_000 + order_id
    row.status = row.is_pending_payment = 0
    row.open_balance = row.original_balance
    row.updated_at = now
    row.due_date = now + 30 * _DAY
    return row


def _row(random: Random, invoice_id: int, index: int, created_at: int) -> Row:
    chance = random.random
    company = COMPANIES[int(chance() * len(COMPANIES))]
    from_erp = chance() < 0.4
    terms = chance()
    channel = chance()
    pending = chance()
    smallest = 10 ** (4 - minor_digits(company.currency))
    original = int(10 ** (2.5 + 3.5 * chance()))  # in the smallest coin: from 3.16 to 10,000.00
    state = chance()
    status = 0 if state < 0.45 else 2 if state < 0.85 else 1
    left = original if status == 0 else 0 if status == 2 else 1 + int(chance() * (original - 1))
    year = time.gmtime(created_at).tm_year
    return Row(
        id=invoice_id,
        customer_id=company.customer_id,
        customer_name=company.name,
        external_id=str(90_000_000 + 3 * index) if from_erp else None,
        external_customer_id=company.external_customer_id if from_erp else None,
        invoice_number=f"INV-{year}-{index + 1:06d}" if from_erp else f"{invoice_id:08d}",
        type="Invoice" if from_erp or chance() < 0.5 else "Invoice on Shipment",
        due_date=None if terms < 0.03 else created_at + (14 if terms < 0.3 else 30 if terms < 0.8 else 60) * _DAY,
        status=status,
        order_number=(str(2_000_000 + index) if chance() < 0.7 else None) if from_erp else 100 + index,
        purchase_order_number=f"PO-{index * 7919 % 100_000:05d}" if chance() < 0.6 else None,
        is_pending_payment=0 if pending < 0.7 else 1 if pending < 0.8 else None,
        source=1 if from_erp else 0,
        original_balance=original * smallest,
        open_balance=left * smallest,
        created_at=created_at,
        updated_at=created_at if chance() < 0.3 else min(NOW, created_at + int(chance() * 40 * _DAY)),
        channel_id=None if channel < 0.15 else "1" if channel < 0.8 else tuple(CHANNELS)[int(chance() * len(CHANNELS))],
    )
