"""The command that deletes invoices."""

import sys

from bigcommerce_b2b_invoices import B2BError, ConfigurationError
from bigcommerce_b2b_invoices.cli.arguments import InvoiceId
from bigcommerce_b2b_invoices.cli.asking import ask
from bigcommerce_b2b_invoices.cli.outcomes import Outcomes, verdict_of
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect


async def delete_invoices(
    *ids: InvoiceId,
    yes: bool = False,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Delete invoices. The command shows them and asks first; without a terminal, it needs --yes.

    It prints one line for each invoice, with tabs between four fields: line number (empty here), id, invoice number and outcome.
    It exits with 3 if only some could be deleted.

    For example:

        b2b-invoices delete 1041 1042

        b2b-invoices delete 1041 --yes --json

    Args:
        ids: The API's own ids of the invoices.
        yes: Delete without asking. Nothing is read first.
        output: What to print.
        settings: Where to connect.
    """
    if not ids:
        raise ConfigurationError("name the invoices to delete by their ids")
    if not yes and not (sys.stdin and sys.stdin.isatty()):
        raise ConfigurationError("there is no terminal to ask at: use --yes to delete without asking")
    outcomes = Outcomes(output)
    async with connect(settings) as connection:
        invoices = connection.client.invoices
        wanted = dict.fromkeys(ids)
        numbers: dict[int, str | None] = {}
        if not yes:
            for invoice_id in [*wanted]:
                try:
                    invoice = await invoices.get(invoice_id)
                except B2BError as error:
                    outcomes.tell("failed", invoice_id=invoice_id, error=error)
                    del wanted[invoice_id]
                    continue
                numbers[invoice_id] = invoice.invoice_number
                money = invoice.open_balance
                ask.show(
                    f"{invoice_id}  {invoice.invoice_number or ''}  {invoice.customer_name or ''}  "
                    f"{f'open: {money.value:f} {money.code}' if money else ''}"
                )
            if not wanted:
                return outcomes.exit_code
            if not await ask.whether(f"Delete {len(wanted)} invoices? This cannot be undone."):
                for invoice_id in wanted:
                    outcomes.tell("skipped", invoice_id=invoice_id, invoice_number=numbers[invoice_id])
                return outcomes.exit_code
        for invoice_id in wanted:
            try:
                await invoices.delete(invoice_id)
            except B2BError as error:
                number = numbers.get(invoice_id)
                outcomes.tell(verdict_of(error), invoice_id=invoice_id, invoice_number=number, error=error)
            else:
                outcomes.tell("done", invoice_id=invoice_id, invoice_number=numbers.get(invoice_id))
    return outcomes.exit_code
