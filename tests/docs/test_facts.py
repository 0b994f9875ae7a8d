"""What the documentation says about the code is true."""

import importlib
import re
import tomllib
from pathlib import Path

import fault_matrix
import pytest
from doc_pages import DOCS, ROOT

import bigcommerce_b2b_invoices as package

WINGS = {  # a public module -> its public names
    "export": None,  # those of its __all__
    "mirror": None,
    "sandbox": None,
    "bulk": ["run"],
    "reports": ["AgingRow", "aging"],
    "integrations.redis": ["RedisRateLimiter"],
    "integrations.opentelemetry": ["instrument"],
    "integrations.dlt": ["b2b_invoices", "StoreError"],
    "integrations.pyspark": ["B2BInvoices"],
}
FAMILIES = {
    "invoices": package.Invoices,
    "extra_fields": package.ExtraFields,
    "payments": package.Payments,
    "receipts": package.Receipts,
}


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def public_names(module: str) -> set[str]:
    names = WINGS[module]
    if names is None:
        names = importlib.import_module(f"{package.__name__}.{module}").__all__
    return {f"{package.__name__}.{module}.{name}" for name in names}


@pytest.fixture(scope="module")
def documented() -> list[str]:
    """Each name on a page of the reference."""
    pages = [path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")]
    return [name for page in pages for name in re.findall(r"^::: (\S+)$", page, re.MULTILINE)]


def test_every_name_of_the_package_is_on_one_page_of_the_reference(documented: list[str]) -> None:
    wanted = {f"{package.__name__}.{name}" for name in package.__all__}

    assert {name for name in documented if name.count(".") == 1} == wanted
    assert sorted(documented) == sorted(set(documented))


@pytest.mark.parametrize("module", WINGS)
def test_every_name_of_a_wing_is_on_a_page_of_the_reference(module: str, documented: list[str]) -> None:
    pytest.importorskip({"integrations.redis": "redis", "integrations.opentelemetry": "opentelemetry"}.get(module, "attrs"))

    beginning = f"{package.__name__}.{module}."
    assert {name for name in documented if name.startswith(beginning)} == public_names(module)


def test_the_table_of_endpoints_has_every_method_and_no_other() -> None:
    shown = set(re.findall(r"client\.(invoices|extra_fields|payments|receipts)\.(\w+)\(", read("endpoints.md")))
    methods = {
        (family, name)
        for family, cls in FAMILIES.items()
        for name, value in vars(cls).items()
        if callable(value) and not name.startswith("_")
    }

    assert methods - shown == set()
    assert [name for family, name in shown if not hasattr(FAMILIES[family], name)] == []


def test_the_totals_of_the_fault_matrix_are_those_that_it_prints() -> None:
    assert fault_matrix.totals() in read("promises.md")


def test_the_picture_of_the_cpu_is_that_of_the_benchmarks() -> None:
    """After a new run of the benchmarks, copy `benchmarks/cpu.svg` to `docs/`."""
    assert read("cpu.svg") == (ROOT / "benchmarks" / "cpu.svg").read_text(encoding="utf-8")


def test_the_files_that_contributing_names_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+/)+[\w-]*(?:\.\w+)?)`", text))
    inside = Path(package.__file__).parent
    missing = [name for name in named if not (ROOT / name).exists() and not (inside / name).exists()]

    assert len(named) > 25
    assert missing == []


def test_every_extra_is_on_the_first_page() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    users = set(extras) - {"test", "dev", "docs"}

    assert sorted(extra for extra in users if f"`{extra}`" not in read("index.md")) == []


def test_one_file_holds_the_place_of_the_address() -> None:
    written = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.*")]

    assert [path.name for path in written if "placeholder: contact" in path.read_text(encoding="utf-8")] == ["contact.md"]
