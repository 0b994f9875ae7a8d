"""The commands and their names."""

from cyclopts import App, Parameter

from bigcommerce_b2b_invoices import __version__
from bigcommerce_b2b_invoices.cli.docs import restore_docs
from bigcommerce_b2b_invoices.cli.exporting import export_invoices
from bigcommerce_b2b_invoices.cli.filters import Filters
from bigcommerce_b2b_invoices.cli.listing import get_invoices, list_extra_fields, list_invoices
from bigcommerce_b2b_invoices.cli.output import Output
from bigcommerce_b2b_invoices.cli.sandboxing import run_sandbox
from bigcommerce_b2b_invoices.cli.settings import Settings

restore_docs(list_invoices, get_invoices, export_invoices, list_extra_fields, run_sandbox, Filters, Output, Settings)
app: App = App(
    name="b2b-invoices",
    help="""Invoices of BigCommerce B2B Edition.

    Set BIGCOMMERCE_STORE_HASH and BIGCOMMERCE_ACCESS_TOKEN, or try a command with --sandbox.""",
    version=__version__,
    default_parameter=Parameter(negative=()),  # no --no-json
)
app.command(list_invoices, name="list")
app.command(get_invoices, name="get")
app.command(export_invoices, name="export")
app.command(list_extra_fields, name="extra-fields")
app.command(run_sandbox, name="sandbox")
