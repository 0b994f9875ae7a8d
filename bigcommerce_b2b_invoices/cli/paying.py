"""The commands about payments: `payments list`, `get` and `record`, and `reconcile`."""

import re
import sys
from decimal import Decimal
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from bigcommerce_b2b_invoices import (
    MAX_LIMIT,
    BalanceCheck,
    ConfigurationError,
    Direction,
    Money,
    NotFoundError,
    Payment,
    PaymentQuery,
)
from bigcommerce_b2b_invoices.cli import show
from bigcommerce_b2b_invoices.cli.arguments import InvoiceId, MaybeInvoiceId, OneOrMore
from bigcommerce_b2b_invoices.cli.asking import ask
from bigcommerce_b2b_invoices.cli.doubt import books_code, list_code
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.table import Column
from bigcommerce_b2b_invoices.cli.text import complain, say
from bigcommerce_b2b_invoices.cli.verdict import BAD_FINDING, FAILED, IN_PART, error_text
from bigcommerce_b2b_invoices.export import iso_utc, plain_amount, word

PAYMENT_COLUMNS = (
    Column("id", is_number=True, rank=0),
    Column("company", is_text=True, rank=3),
    Column("reference", rank=4),
    Column("status", rank=5),
    Column("applied", rank=6),
    Column("total", is_number=True, rank=0),
    Column("", rank=0),  # the currency
    Column("created", rank=2),
    Column("invoices", is_text=True, rank=7),
)
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]{1,4})?")
LONGEST_REFERENCE = 255  # characters
BALANCE_COLUMNS = (
    Column("number", rank=4),
    Column("id", is_number=True, rank=0),
    Column("original", is_number=True, rank=5),
    Column("open", is_number=True, rank=3),
    Column("applied", is_number=True, rank=2),
    Column("drift", is_number=True, rank=0),
    Column("", rank=0),  # the currency
    Column("payments", is_text=True, rank=6),
)


async def list_payments(
    *,
    invoice: MaybeInvoiceId = None,
    limit: OneOrMore = 50,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """List payments, the newest first, or all payments of one invoice, the oldest first.

    For example:

        b2b-invoices payments list --limit 20

        b2b-invoices payments list --invoice 1041 --json

    Args:
        invoice: Only the payments that have a share for this invoice.
        limit: The largest number of payments to show; not with --invoice.
        output: What to print; the JSON has the API's own names.
        settings: Where to connect.
    """
    code = 0
    async with connect(settings) as connection:
        payments = connection.client.payments
        if invoice is not None:
            found = list(await payments.of_invoice(invoice))
        else:
            walk = payments.iterate(PaymentQuery(order_by=Direction.DESCENDING), page_size=min(limit, MAX_LIMIT), prefetch=0)
            found = []
            async for payment in walk:
                found.append(payment)
                if len(found) == limit:
                    break
            else:
                code = list_code(walk.report)
    if output.json:
        for payment in found:
            show.print_json(payment)
    else:
        show.print_rows(PAYMENT_COLUMNS, [_payment_cells(payment) for payment in found])
    return code


async def get_payments(
    payment_id: InvoiceId, /, *more: InvoiceId, output: Output = PLAIN, settings: Settings = FROM_ENVIRONMENT
) -> int:
    """Show payments: readable at a terminal, otherwise as JSON under the API's own names.

    For example:

        b2b-invoices payments get 20

    Args:
        payment_id: The API's own id of the payment.
        more: Any number of other ids.
        output: What to print.
        settings: Where to connect.
    """
    shown = missing = 0
    async with connect(settings) as connection:
        for wanted in (payment_id, *more):
            try:
                payment = await connection.client.payments.get(wanted)
            except NotFoundError as error:
                complain(f"error: {error_text(error)}")
                missing += 1
                continue
            shown += 1
            if sys.stdout.isatty() and not output.json:
                _print_payment(payment)
            else:
                show.print_json(payment)
    return 0 if not missing else IN_PART if shown else FAILED


async def record_payment(
    invoice_id: InvoiceId,
    amount: str,
    /,
    *,
    reference: str,
    memo: str | None = None,
    allow_overpayment: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Record that an invoice was paid, at most once for a reference. The currency is the invoice's.

    The command shows what it will do and asks; --yes is for scripts. If the answer is lost, run the same command again: it looks
    for the reference first, and sends only if it finds nothing. Payments were not verified on a live store.

    For example:

        b2b-invoices payments record 1041 120.50 --reference BANK-2026-0131-7 --dry-run

        b2b-invoices payments record 1041 120.50 --reference BANK-2026-0131-7 --yes --json

    Args:
        invoice_id: The API's own id of the invoice.
        amount: Above 0, with a point and at most 4 decimals.
        reference: What distinguishes this payment from all others, such as the bank's number. Choose it before the first try.
        memo: A note; the reference by default.
        allow_overpayment: Record more than the open balance.
        dry_run: Check everything, but record nothing. Only reads are sent.
        yes: Record without asking.
        output: What to print.
        settings: Where to connect.
    """
    value = _amount(amount)
    if not reference or reference != reference.strip() or len(reference) > LONGEST_REFERENCE:
        raise ConfigurationError(f"a reference has 1 to {LONGEST_REFERENCE} characters, and no blanks at its ends")
    if not (yes or dry_run) and not (sys.stdin and sys.stdin.isatty()):
        raise ConfigurationError("there is no terminal to ask at: use --yes to record without asking")
    async with connect(settings) as connection:
        invoices = connection.client.invoices
        invoice = await invoices.get(invoice_id)
        balance = invoice.open_balance
        if balance is None:
            complain(f"error: invoice {invoice_id} has no open balance, so its currency is unknown")
            return FAILED
        money = Money(balance.code, value)
        say(
            f"invoice {invoice.invoice_number or invoice_id} of {invoice.customer_name or invoice.customer_id}: "
            f"{plain_amount(balance.value)} {balance.code} open; "
            f"to record: {plain_amount(value)} {money.code}, reference {reference}"
        )
        if dry_run:
            there = await connection.client.payments.find(reference)
            if there is not None and there.amount_for(invoice_id) == money and there.customer_id == invoice.customer_id:
                say(f"payment {there.id} is recorded already: nothing would be sent")
                there = None
            problem = _problem(there, money, balance, allow_overpayment=allow_overpayment)
            if output.json:
                told = {"type": "PaymentRefusedError", "message": problem} if problem else None
                print_record({"outcome": "failed" if problem else "skipped", "reference": reference, "error": told})
            if problem:
                complain(f"error: {problem}")
            return FAILED if problem else 0
        if not yes and not await ask.whether("Record this payment?"):
            return 0
        recorded = await invoices.record_payment(
            invoice_id, money, reference=reference, memo=memo, allow_overpayment=allow_overpayment
        )
    if output.json:
        print_record(attrs.asdict(recorded))
    else:
        done = "was recorded already" if recorded.already_recorded else "recorded"
        checked = "" if recorded.verified else "; it could not be read back"
        sys.stdout.write(f"payment {recorded.payment_id} {done}{checked}\n")
    return 0


async def reconcile_invoices(
    *,
    all_invoices: Annotated[bool, Parameter(name="--all")] = False,
    output: Output = PLAIN,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Compare the balances of invoices with their payments, and show those that disagree. Only reads are sent.

    drift = original balance - open balance - applied payments. The command reads an invoice that seems to disagree again,
    until two readings in a row say the same, or three were different: then it reports the last. The command exits with 4 if an
    invoice disagrees, and otherwise with 3 if disagreements may be missing because a list may lack rows.

    For example:

        b2b-invoices reconcile

        b2b-invoices reconcile --customer-id 95075 --json

    Args:
        all_invoices: Show the invoices whose books agree as well.
        output: What to print; amounts in the JSON are texts.
        filters: Which invoices to check.
        settings: Where to connect.
    """
    if filters.needs_rows:
        raise ConfigurationError("reconcile takes only the filters that the API has, not those by due date")
    found: list[BalanceCheck] = []
    wrong = 0
    async with connect(settings) as connection:
        checks = connection.client.invoices.reconcile(filters.as_query(), all_invoices=all_invoices)
        async for check in checks:
            wrong += not check.ok
            if output.json:
                print_record({**_plain(check), "ok": check.ok})
            else:
                found.append(check)
    if not output.json:
        show.print_rows(BALANCE_COLUMNS, [_balance_cells(check) for check in found])
    doubt = books_code(*checks.reports)
    if wrong:
        say(f"{wrong} invoices disagree with their payments")
        return BAD_FINDING
    say("no disagreement was found" if doubt else "the books agree")
    return doubt


def _problem(there: Payment | None, money: Money, balance: Money, *, allow_overpayment: bool) -> str | None:
    """Why a payment would not be recorded, as far as reads can tell."""
    if there is not None:
        return f"payment {there.id} has this reference already"
    if money.value > balance.value and not allow_overpayment:
        return f"{plain_amount(money.value)} is more than the open balance of {plain_amount(balance.value)}"
    return None


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text) or not (value := Decimal(text)):
        raise ConfigurationError(f"an amount is above 0 and has at most 4 decimals, such as 120.50, not {text!r}")
    return value


def _payment_cells(payment: Payment) -> tuple[str, ...]:
    total = payment.total
    return (
        str(payment.id),
        payment.customer_name or payment.customer_id or "",
        payment.external_id or "",
        word(payment.processing_status).replace("_", "-"),
        "" if payment.applied_status is None else "yes" if payment.is_applied else "no",
        show.amount(total),
        total.code if total else "",
        iso_utc(payment.created_at)[:10],
        ", ".join(str(line.invoice_id) for line in payment.line_items),
    )


def _print_payment(payment: Payment) -> None:
    cells = dict(zip((column.name or "currency" for column in PAYMENT_COLUMNS), _payment_cells(payment), strict=True))
    show.print_fields([*cells.items(), ("memo", payment.memo or ""), ("payer", payment.payer_name or "")])
    for line in payment.line_items:
        share = f"{show.amount(line.amount)} {line.amount.code}" if line.amount else "no amount"
        show.print_fields([(f"invoice {line.invoice_id}", f"{share}  {line.invoice_number or ''}")])


def _balance_cells(check: BalanceCheck) -> tuple[str, ...]:
    return (
        check.invoice_number or "",
        str(check.invoice_id),
        plain_amount(check.original),
        plain_amount(check.open),
        plain_amount(check.applied),
        plain_amount(check.drift),
        check.currency or "",
        ", ".join(f"{number}{' (odd)' if number in check.odd_payment_ids else ''}" for number in check.payment_ids),
    )


def _plain(check: BalanceCheck) -> dict[str, object]:
    return {
        name: plain_amount(value) if isinstance(value, Decimal) else list(value) if isinstance(value, tuple) else value
        for name, value in attrs.asdict(check, recurse=False).items()
    }


def payments_app() -> App:
    """The commands below `payments`."""
    app = App(name="payments", help="List, show and record payments.")
    app.command(list_payments, name="list")
    app.command(get_payments, name="get")
    app.command(record_payment, name="record")
    return app
