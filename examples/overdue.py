# python examples/overdue.py
"""A script that prints what each company owes past its due date, by currency. It exits with 1 if the list may lack invoices."""

import asyncio
import sys
from collections import Counter
from decimal import Decimal

from bigcommerce_b2b_invoices import B2BClient, InvoiceQuery, InvoiceStatus


async def main() -> int:
    """Walk over all open invoices, then over all partially paid ones."""
    owed: dict[tuple[str, str], Decimal] = {}
    names: dict[str, str] = {}
    late, guarantees = Counter[str](), set[str]()
    async with B2BClient.from_env() as client:
        for status in (InvoiceStatus.OPEN, InvoiceStatus.PARTIALLY_PAID):
            walk = client.invoices.iterate(InvoiceQuery(status=status), details=False)  # balances and dates are enough
            async for invoice in walk:
                if invoice.is_overdue() and invoice.open_balance:
                    company, amount = invoice.customer_id or "", invoice.open_balance
                    names[company] = invoice.customer_name or ""
                    late[company] += 1
                    owed[company, amount.code] = owed.get((company, amount.code), Decimal(0)) + amount.value
            guarantees.add(walk.report.guarantee)
    for (company, currency), total in sorted(owed.items()):
        print(f"{company}\t{names[company]}\t{late[company]} invoices\t{total} {currency}")
    if guarantees != {"complete"}:
        print("others changed the store meanwhile: invoices may be missing", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
