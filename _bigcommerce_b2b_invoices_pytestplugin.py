"""The pytest plugin: two fixtures and a marker.

pytest loads this module at the start of every test run. It stands outside the package, because importing a module of the package
would import all of it, and aiohttp. The package is imported when a test uses a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bigcommerce_b2b_invoices import B2BClient
    from bigcommerce_b2b_invoices.sandbox import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, for --strict-markers."""
    config.addinivalue_line("markers", "b2b_sandbox(**settings): settings of the sandbox, such as invoices=50, quota=10")


@pytest.fixture
def b2b_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A running sandbox with 50 made-up invoices, in a thread of its own. `@pytest.mark.b2b_sandbox(...)` gives it settings."""
    from bigcommerce_b2b_invoices.integrations.pytest_plugin import started  # noqa: PLC0415 - see above

    with started(request.node) as sandbox:
        yield sandbox


@pytest.fixture
def b2b_client(b2b_sandbox: Sandbox) -> Iterator[B2BClient]:
    """An open client of `b2b_sandbox`, for the event loop that uses it first. It is closed after the test."""
    from bigcommerce_b2b_invoices.integrations.pytest_plugin import connected  # noqa: PLC0415 - see above

    with connected(b2b_sandbox) as client:
        yield client
