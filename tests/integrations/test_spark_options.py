"""What the Spark source accepts as options, where it finds credentials, and what its errors must not show. Without Spark."""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from bigcommerce_b2b_invoices import ConfigurationError
from bigcommerce_b2b_invoices.integrations.loop_thread import loop_thread
from bigcommerce_b2b_invoices.integrations.spark_options import Options

CANARY = "canary-token-0123456789"
ACME = {"B2B_STORE_ACME_HASH": "abc", "B2B_STORE_ACME_TOKEN": CANARY}
ENTRY = {"store_hash": "abc", "auth_token": CANARY}


def refused(options: dict[str, str], environ: dict[str, str] | None = None) -> str:
    """The text of the error. The token is nowhere in what a log would show of it."""
    with pytest.raises(ConfigurationError) as raised:
        Options.read(options).access(environ or {})
    assert CANARY not in "".join(traceback.format_exception(raised.value))
    return str(raised.value)


def write(path: Path, content: object) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_names_lead_to_variables_of_the_environment() -> None:
    environ = {
        "B2B_STORE_ACME_CO__2_HASH": "abc",
        "B2B_STORE_ACME_CO__2_TOKEN": CANARY,
        "B2B_STORE_ACME_CO__2_BASE_URL": "http://127.0.0.1:1/api",
        "B2B_STORE_GLOBEX_HASH": "def",
        "B2B_STORE_GLOBEX_TOKEN": "other",
        "B2B_STORE_GLOBEX_BASE_URL": "",
    }

    options = Options.read({"Stores": " acme-co. 2, globex "})
    access = options.access(environ)
    client = access["acme-co. 2"].client()

    assert options == Options(("acme-co. 2", "globex"))
    assert (client.store_hash, str(client.base_url)) == ("abc", "http://127.0.0.1:1/api")
    assert access["globex"].client().base_url.host == "api-b2b.bigcommerce.com"
    assert CANARY not in repr(access)


def test_a_file_holds_the_credentials_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "stores.json", {"a-b": ENTRY, "a_b": {**ENTRY, "store_hash": "def"}, "unused": 1})

    access = Options.read({"stores": "a-b,a_b", "credentials": path}).access({})

    assert {name: each.store_hash for name, each in access.items()} == {"a-b": "abc", "a_b": "def"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "must hold the names of the stores"),
        ({"stores": "acme,,globex"}, "must hold the names of the stores"),
        ({"stores": "acme, acme"}, "a store twice"),
        ({"stores": "acme-x,acme_x"}, "acme-x and acme_x, which have the same environment variables"),
        ({"stores": "acme", "auth_token": CANARY}, "unknown option auth_token"),
        ({"stores": "acme", "path": "x"}, "unknown option path"),
        ({"stores": "acme", "redis": f"redis://:{CANARY}@host"}, "never the URL"),
        ({"stores": "acme", "redis": f"{CANARY}@host:6379"}, "never the URL"),
        ({"stores": "acme", "credentials": json.dumps(ENTRY)}, "never its content"),
        ({"stores": "acme", "credentials": " "}, "never its content"),
        ({"stores": "acme", "accept": CANARY}, "complete or best_effort"),
        ({"stores": "acme", "requests": "0"}, "option requests"),
        ({"stores": "acme", "requests": "many"}, "option requests"),
        ({"stores": "acme", "per": "nan"}, "per seconds above 0"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, str], problem: str) -> None:
    assert problem in refused(options, ACME)


@pytest.mark.parametrize(
    ("stores", "environ", "problem"),
    [
        ("acme", {"B2B_STORE_ACME_TOKEN": CANARY}, "set B2B_STORE_ACME_HASH in the environment of every executor"),
        ("acme", {"B2B_STORE_ACME_HASH": "abc", "B2B_STORE_ACME_TOKEN": ""}, "set B2B_STORE_ACME_TOKEN"),
        ("acme,b", ACME, "set B2B_STORE_B_HASH, B2B_STORE_B_TOKEN"),
        ("a,b,c,d", {}, "B2B_STORE_C_TOKEN and 2 more"),
        ("acme", {**ACME, "B2B_STORE_ACME_TOKEN": f"{CANARY}\n"}, "store acme: auth_token holds"),
        ("acme", {**ACME, "B2B_STORE_ACME_HASH": "?"}, "store acme: store_hash must be"),
        ("acme", {**ACME, "B2B_STORE_ACME_BASE_URL": "http://example.test"}, "store acme: base_url must be https"),
        ("acme,b", {**ACME, "B2B_STORE_B_HASH": "abc", "B2B_STORE_B_TOKEN": "t"}, "acme and b have the same store hash"),
    ],
)
def test_a_missing_or_wrong_credential_is_named_and_not_shown(stores: str, environ: dict[str, str], problem: str) -> None:
    assert problem in refused({"stores": stores}, environ)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"other": ENTRY}, "lacks store acme"),
        ({"acme": CANARY}, "store acme must be an object"),
        ({"acme": {"store_hash": "abc"}}, "store acme lacks auth_token"),
        ({"acme": {**ENTRY, "auth_token": ""}}, "store acme lacks auth_token"),
        ({"acme": {**ENTRY, "token": CANARY}}, "store acme has token, which is unknown"),
        ({"acme": {**ENTRY, "store_hash": 7}}, "store acme has store_hash, which is unknown or no text"),
        ([ENTRY], "is not a JSON object"),
        (f'{{"acme": "{CANARY}', "is not a JSON object"),
        (f'{{"acme": {json.dumps(ENTRY)}, "acme": {json.dumps(ENTRY)}}}', "names each store once"),
        ("[" * 100_000, "is not a JSON object"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: Any, problem: str) -> None:
    assert problem in refused({"stores": "acme", "credentials": write(tmp_path / "stores.json", content)})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff")

    assert f"{tmp_path / 'none'}: No such file" in refused({"stores": "acme", "credentials": str(tmp_path / "none")})
    assert f"{binary}: it is not UTF-8" in refused({"stores": "acme", "credentials": str(binary)})


def test_the_url_of_redis_comes_from_the_named_variable() -> None:
    options = Options.read({"stores": "acme", "redis": "QUOTA_URL"})

    assert options.redis_url({"QUOTA_URL": "redis://host"}) == "redis://host"
    assert Options.read({"stores": "acme"}).redis_url({"QUOTA_URL": "redis://host"}) is None
    with pytest.raises(ConfigurationError, match="QUOTA_URL"):
        options.redis_url({})


def test_a_loop_in_a_thread_hands_over_results_and_errors_and_cancels_what_is_left() -> None:
    import asyncio

    ended: list[str] = []

    async def wait_forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    async def start() -> str:
        started = asyncio.create_task(wait_forever())
        await asyncio.sleep(0)
        return started.get_name()

    async def fail() -> None:
        raise KeyError("of the coroutine")

    with loop_thread() as run:
        assert run(start()).startswith("Task")
        with pytest.raises(KeyError, match="of the coroutine"):
            run(fail())
    assert ended == ["cancelled"]
