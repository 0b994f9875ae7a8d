"""The commands and their names."""

from collections.abc import Callable

from cyclopts import App, Parameter

from bigcommerce_b2b_invoices import __version__
from bigcommerce_b2b_invoices.cli.aging import show_aging
from bigcommerce_b2b_invoices.cli.deleting import delete_invoices
from bigcommerce_b2b_invoices.cli.docs import restore_docs
from bigcommerce_b2b_invoices.cli.doctor.command import run_doctor
from bigcommerce_b2b_invoices.cli.exporting import FileOptions, export_invoices
from bigcommerce_b2b_invoices.cli.filters import Filters
from bigcommerce_b2b_invoices.cli.following import show_changes
from bigcommerce_b2b_invoices.cli.importing import InputOptions, create_invoices, update_invoices
from bigcommerce_b2b_invoices.cli.listing import count_invoices, get_invoices, list_extra_fields, list_invoices
from bigcommerce_b2b_invoices.cli.mirroring import mirror_invoices
from bigcommerce_b2b_invoices.cli.output import Output
from bigcommerce_b2b_invoices.cli.paying import get_payments, list_payments, payments_app, reconcile_invoices, record_payment
from bigcommerce_b2b_invoices.cli.pdfs import download_pdfs
from bigcommerce_b2b_invoices.cli.quota import show_quota
from bigcommerce_b2b_invoices.cli.sandboxing import run_sandbox
from bigcommerce_b2b_invoices.cli.settings import Settings

COMMANDS: dict[str, Callable[..., object]] = {
    "list": list_invoices,
    "get": get_invoices,
    "count": count_invoices,
    "export": export_invoices,
    "extra-fields": list_extra_fields,
    "create": create_invoices,
    "update": update_invoices,
    "delete": delete_invoices,
    "pdf": download_pdfs,
    "changes": show_changes,
    "aging": show_aging,
    "reconcile": reconcile_invoices,
    "mirror": mirror_invoices,
    "quota": show_quota,
    "doctor": run_doctor,
    "sandbox": run_sandbox,
}
restore_docs(*COMMANDS.values(), list_payments, get_payments, record_payment)
restore_docs(FileOptions, Filters, InputOptions, Output, Settings)
app: App = App(
    name="b2b-invoices",
    help="""Invoices of BigCommerce B2B Edition.

    Set BIGCOMMERCE_STORE_HASH and BIGCOMMERCE_ACCESS_TOKEN, or try a command with --sandbox.""",
    version=__version__,
    default_parameter=Parameter(negative=()),  # no --no-json
)
for _name, _command in COMMANDS.items():
    app.command(_command, name=_name)
app.command(payments_app())
app.register_install_completion_command(
    add_to_startup=False, help="Install the completion of commands and options for the shell."
)
