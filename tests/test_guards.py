"""What must be true of the whole tree, so that a family, an endpoint or a method cannot be added in half."""

import inspect
import re
from pathlib import Path

from faults.operations import OPERATIONS

from bigcommerce_b2b_invoices import CompanyInvoices, ExtraFields, Invoices
from bigcommerce_b2b_invoices.wire import endpoints

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
WRITING = {"create", "create_from_order", "update", "update_details", "delete"}
NOT_OF_A_COMPANY = {  # reading methods of `Invoices` that the company view does not have, and why
    "changes": "a cursor belongs to a store",
}
NAMES_IN_THE_MATRIX = {"iterate": "walk"}  # method -> operation, if they have different names


def methods(cls: type) -> set[str]:
    """The public methods of a resource."""
    return {name for name, _ in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")}


def endpoint_names() -> set[str]:
    """The functions that are titled with a route."""
    found = inspect.getmembers(endpoints, inspect.isfunction)
    return {name for name, function in found if re.match(r"(GET|POST|PUT|DELETE) /", function.__doc__ or "")}


def test_every_endpoint_is_in_the_endpoint_table() -> None:
    table = (ROOT / "tests/wire/test_endpoints.py").read_text().split("CALLS")[1]

    assert [name for name in sorted(endpoint_names()) if f"endpoints.{name}(" not in table.split("def ")[0]] == []
    assert len(endpoint_names()) == 8


def test_every_method_of_a_resource_meets_every_fault() -> None:
    operations = {operation.name for operation in OPERATIONS}
    wanted = {NAMES_IN_THE_MATRIX.get(name, name) for name in methods(Invoices)}
    wanted |= {f"extra_fields.{name}" for name in methods(ExtraFields)}

    assert wanted == operations


def test_every_method_of_a_resource_is_in_the_docs() -> None:
    shown = {f"client.invoices.{name}(" for name in methods(Invoices)} | {
        f"client.extra_fields.{name}(" for name in methods(ExtraFields)
    }

    assert sorted(name for name in shown if name not in README) == []


def test_every_reading_method_of_invoices_is_in_the_company_view_or_excepted() -> None:
    reading = methods(Invoices) - WRITING

    assert reading - methods(CompanyInvoices) == set(NOT_OF_A_COMPANY)


def test_250_stands_in_one_place() -> None:
    sources = [path for path in (ROOT / "bigcommerce_b2b_invoices").rglob("*.py") if "sandbox" not in str(path)]
    found = [path.name for path in sources for line in path.read_text().splitlines() if re.search(r"=\s*250\b", line)]

    assert found == ["messages.py"]
