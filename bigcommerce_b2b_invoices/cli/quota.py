"""The command that shows what is left of the quota."""

import sys

from bigcommerce_b2b_invoices import InvoiceQuery
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.show import print_fields


async def show_quota(*, output: Output = PLAIN, settings: Settings = FROM_ENVIRONMENT) -> int:
    """Show how many requests the store still allows in this window. It costs one request.

    The quota belongs to the store: every program that uses the store's API takes from it, and so does this command.

    For example:

        b2b-invoices quota --json

    Args:
        output: What to print.
        settings: Where to connect.
    """
    async with connect(settings) as connection:
        await connection.client.invoices.page(InvoiceQuery(), limit=1)
        state = connection.client.rate_limiter.snapshot()
    reset = None if state.seconds_to_reset is None else round(state.seconds_to_reset, 1)
    if output.json:
        print_record({"allowed": state.allowed, "used": state.used, "remaining": state.remaining, "seconds_to_reset": reset})
        return 0
    fields = [
        ("this command may send", f"{state.allowed} requests a minute"),
        (
            "the store still allows",
            "unknown: its answers do not say" if state.remaining is None else f"{state.remaining} requests",
        ),
        ("the window ends in", "" if reset is None else f"{reset} s"),
    ]
    if sys.stdout.isatty():
        print_fields(fields)
    else:
        for name, value in fields:
            sys.stdout.write(f"{name}\t{value}\n")
    return 0
