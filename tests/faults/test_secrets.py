"""The token is shown by nothing, from the first line on."""

import copy
import pickle
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from conftest import TOKEN

from bigcommerce_b2b_invoices import B2BClient, B2BError, ConfigurationError
from bigcommerce_b2b_invoices.transport.credentials import Secret, check_token


def shown(error: BaseException) -> str:
    """What a traceback with the values of names shows, from the library's first frame on."""
    frames = traceback.TracebackException.from_exception(error.with_traceback(_ours(error)), capture_locals=True)
    return "".join(frames.format()) + repr(error) + str(error)


def _ours(error: BaseException) -> Any:
    found = error.__traceback__
    while found and "bigcommerce_b2b_invoices" not in found.tb_frame.f_globals["__name__"]:
        found = found.tb_next
    assert found
    return found


BAD: list[tuple[str, Callable[[], object]]] = [
    ("a token with a line end", lambda: B2BClient(store_hash="abc123", auth_token=TOKEN + "\n")),
    ("a token with a space", lambda: B2BClient(store_hash="abc123", auth_token=" " + TOKEN)),
    ("a bad store hash", lambda: B2BClient(store_hash="a b", auth_token=TOKEN)),
    ("a bad time-out", lambda: B2BClient(store_hash="abc123", auth_token=TOKEN, timeout=3)),  # type: ignore[arg-type]
    ("a bad address", lambda: B2BClient(store_hash="abc123", auth_token=TOKEN, base_url="ftp://example.com")),
    ("a bad environment", lambda: B2BClient.from_env(_environ(BIGCOMMERCE_STORE_HASH="a b"))),
    ("a bad token in it", lambda: B2BClient.from_env(_environ(BIGCOMMERCE_ACCESS_TOKEN=TOKEN + "\n"))),
]


def _environ(**variables: str) -> Mapping[str, str]:
    return {"BIGCOMMERCE_STORE_HASH": "abc123", "BIGCOMMERCE_ACCESS_TOKEN": TOKEN, **variables}


@pytest.mark.parametrize("make", [make for _, make in BAD], ids=[name for name, _ in BAD])
def test_a_setting_that_is_refused_does_not_show_the_token(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert TOKEN not in shown(raised.value)
    assert isinstance(raised.value, B2BError)


def test_a_client_shows_no_token_and_cannot_be_pickled() -> None:
    client = B2BClient(store_hash="abc123", auth_token=TOKEN)
    assert TOKEN not in repr(client) + repr(vars(client)) + repr(client._transport)
    for take in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            take(client)


def test_a_secret_is_equal_to_its_text_and_shown_as_stars() -> None:
    secret = check_token(TOKEN)
    assert (secret, repr(secret), repr([secret])) == (TOKEN, "'***'", "['***']")
    with pytest.raises(TypeError, match="cannot be pickled") as raised:
        pickle.dumps(secret)
    assert TOKEN not in shown(raised.value)
    assert type(secret) is Secret
