"""What must be true of the whole tree, so that a family, an endpoint or a method cannot be added in half."""

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
from faults.operations import OPERATIONS

from bigcommerce_b2b_invoices import CompanyInvoices, CompanyPayments, ExtraFields, Invoices, Payments, Receipts
from bigcommerce_b2b_invoices.wire import endpoints, payment_endpoints, receipt_endpoints

ROOT = Path(__file__).parent.parent
ENDPOINTS = (ROOT / "docs" / "endpoints.md").read_text(encoding="utf-8")
WRITING = {"create", "create_from_order", "update", "update_details", "delete", "record_payment"}
NOT_OF_A_COMPANY = {  # reading methods of `Invoices` that the company view does not have, and why
    "changes": "a cursor belongs to a store",
    "reconcile": "it walks the payments of the whole store",
}
PAYMENTS_IN_THE_MATRIX = {"iterate", "record", "set_status"}  # the others read, or are settled, as these or as `Invoices` are
AS_PAYMENTS = {"record_payment", "payment_history", "reconcile"}  # methods of `Invoices` made of calls that are in the matrix
PAYMENTS_OF_A_COMPANY = {"get", "of_invoice", "iterate"}  # no others, because the API cannot search for a company exactly
NAMES_IN_THE_MATRIX = {"iterate": "walk"}  # method -> operation, if they have different names


def methods(cls: type) -> set[str]:
    """The public methods of a resource."""
    return {name for name, _ in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")}


def endpoint_names(module: ModuleType) -> set[str]:
    """The functions that are titled with a route."""
    found = inspect.getmembers(module, inspect.isfunction)
    return {
        name
        for name, function in found
        if re.match(r"(GET|POST|PUT|DELETE) /", function.__doc__ or "") and function.__module__ == module.__name__
    }


@pytest.mark.parametrize(
    ("module", "table", "count"),
    [
        (endpoints, "test_endpoints.py", 8),
        (payment_endpoints, "test_payment_endpoints.py", 8),
        (receipt_endpoints, "test_payment_endpoints.py", 7),
    ],
)
def test_every_endpoint_is_in_the_endpoint_table(module: ModuleType, table: str, count: int) -> None:
    calls = (ROOT / "tests/wire" / table).read_text().split("CALLS")[1].split("def ")[0]

    assert [name for name in sorted(endpoint_names(module)) if f"endpoints.{name}(" not in calls] == []
    assert len(endpoint_names(module)) == count


def test_every_method_of_a_resource_meets_every_fault() -> None:
    operations = {operation.name for operation in OPERATIONS}
    wanted = {NAMES_IN_THE_MATRIX.get(name, name) for name in methods(Invoices) - AS_PAYMENTS}
    wanted |= {f"extra_fields.{name}" for name in methods(ExtraFields)}
    wanted |= {f"payments.{name}" for name in methods(Payments) & PAYMENTS_IN_THE_MATRIX}

    assert wanted == operations


def test_every_method_of_a_resource_is_in_the_docs() -> None:
    families = {"invoices": Invoices, "extra_fields": ExtraFields, "payments": Payments, "receipts": Receipts}
    shown = {f"client.{family}.{name}(" for family, cls in families.items() for name in methods(cls)}

    assert sorted(name for name in shown if name not in ENDPOINTS) == []


def test_every_reading_method_of_invoices_is_in_the_company_view_or_excepted() -> None:
    reading = methods(Invoices) - WRITING

    assert reading - methods(CompanyInvoices) == set(NOT_OF_A_COMPANY)
    assert methods(CompanyPayments) == PAYMENTS_OF_A_COMPANY


def test_250_stands_in_one_place() -> None:
    sources = [path for path in (ROOT / "bigcommerce_b2b_invoices").rglob("*.py") if "sandbox" not in str(path)]
    found = [path.name for path in sources for line in path.read_text().splitlines() if re.search(r"=\s*250\b", line)]

    assert found == ["messages.py"]
