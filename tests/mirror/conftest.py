"""A mirror in each database."""

from collections.abc import Iterator
from pathlib import Path

import postgres_server
import pytest
import sqlalchemy as sa

from bigcommerce_b2b_invoices.sandbox import Sandbox


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres_server.PostgresServer]:
    if reason := postgres_server.missing():
        pytest.skip(reason)
    with postgres_server.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mirror.db'}"
        return
    server: postgres_server.PostgresServer = request.getfixturevalue("postgres")
    engine = sa.create_engine(server.url)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema public cascade"))
        connection.execute(sa.text("create schema public"))
    engine.dispose()
    yield server.url


@pytest.fixture
def store() -> Iterator[Sandbox]:
    with Sandbox(invoices=600) as sandbox:
        yield sandbox
