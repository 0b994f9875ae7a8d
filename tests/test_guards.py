"""What must be true of the whole tree, so that a family, an endpoint or a method cannot be added in half."""

import hashlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import attrs
import pytest
from faults.operations import OPERATIONS

from bigcommerce_b2b_invoices import (
    CompanyInvoices,
    CompanyPayments,
    ExtraFields,
    Invoice,
    InvoiceChanges,
    InvoiceDraft,
    Invoices,
    Payments,
    Receipts,
)
from bigcommerce_b2b_invoices.cli import show
from bigcommerce_b2b_invoices.mirror.columns import CHILDREN, INVOICE
from bigcommerce_b2b_invoices.mirror.database import State
from bigcommerce_b2b_invoices.mirror.schema import SCHEMA_VERSION
from bigcommerce_b2b_invoices.resources.evidence import TELLING
from bigcommerce_b2b_invoices.sandbox import writes as sandbox_writes
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
NOT_IN_THE_MIRROR = {"details": "`raw` has them, and the child tables their parts", "additional_properties": "`raw` has them"}
NOT_ON_THE_CARD = {
    "additional_properties", "channel_id", "details", "external_customer_id", "external_pdf_url", "is_pending_payment", "source",
    "type",
}  # fmt: skip
MIRRORS = {
    2: "e1c9c733a8cd08c4",
}  # version of the schema -> its columns; a new column needs a new version, so that older mirrors are read again
NOT_TELLING = {  # value of a draft -> why it does not tell our invoice from somebody else's
    "invoice_number": "the invoice was found by it",
    "customer_id": "is compared by itself, exactly",
    "open_balance": "changes with every payment",
    "status": "changes with every payment",
    "details": "are long, and stores normalise them",
    "extra_fields": "are edited by people",
    **dict.fromkeys(["issued_at", "source", "channel_id", "external_pdf_url", "terms_conditions"], "a store may set it"),
}
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


def test_every_value_of_an_invoice_is_in_the_mirror_or_excepted() -> None:
    names = {field.name for field in attrs.fields(Invoice)}

    assert names - set(INVOICE) - set(CHILDREN) == set(NOT_IN_THE_MIRROR)


def test_other_columns_of_the_mirror_have_another_version() -> None:
    tables = {"invoices": INVOICE, **{name: child.columns for name, child in CHILDREN.items()}}
    columns = [f"{table}.{name}: {kind.name}" for table, kinds in tables.items() for name, kind in kinds.items()]
    columns += [f"sync_state.{field.name}: {field.type}" for field in attrs.fields(State)]

    digest = hashlib.sha256("\n".join(columns).encode()).hexdigest()[:16]
    assert MIRRORS.get(SCHEMA_VERSION) == digest, f'raise SCHEMA_VERSION, and put into MIRRORS: <the new version>: "{digest}"'


def test_every_value_of_a_draft_tells_ours_from_another_or_is_excepted() -> None:
    assert {field.name for field in attrs.fields(InvoiceDraft)} - set(TELLING) == set(NOT_TELLING)


def test_every_value_of_an_invoice_is_on_the_card_or_excepted() -> None:
    card = inspect.getsource(show)

    assert {field.name for field in attrs.fields(Invoice) if f"invoice.{field.name}" not in card} == NOT_ON_THE_CARD


@pytest.mark.parametrize(("cls", "known"), [(InvoiceDraft, sandbox_writes._CREATE), (InvoiceChanges, sandbox_writes._CHANGE)])
def test_the_sandbox_takes_every_key_that_we_send(cls: type[attrs.AttrsInstance], known: dict[str, object]) -> None:
    assert {re.sub(r"_(\w)", lambda found: found[1].upper(), field.name) for field in attrs.fields(cls)} == set(known)
