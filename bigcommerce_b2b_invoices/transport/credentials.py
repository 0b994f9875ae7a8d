"""The store hash and the token: checked before anything is sent, and masked wherever they might be shown."""

import re
from typing import NoReturn

from bigcommerce_b2b_invoices.errors import ConfigurationError

_TOKEN = re.compile(r"[\x21-\x7e]+")  # what a header value can carry without being changed or refused
_STORE_HASH = re.compile(r"[A-Za-z0-9]+")
MASK = "***"


class Secret(str):
    """A text that every repr, and so every log and traceback, shows as stars. It cannot be pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def check_token(token: object) -> Secret:
    """The token as a Secret; a ConfigurationError, which does not repeat it, where it cannot be one."""
    if not isinstance(token, str):
        raise ConfigurationError(f"auth_token must be a text, not {type(token).__name__}")
    token = Secret(token)  # from here on: a traceback may show the values of names
    if not token:
        raise ConfigurationError("auth_token is empty")
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            "auth_token holds spaces, line ends or other characters that no token has: check how it was copied"
        )
    return token


def check_store_hash(store_hash: object) -> str:
    """The store hash; a ConfigurationError where it cannot be one."""
    if not isinstance(store_hash, str):
        raise ConfigurationError(f"store_hash must be a text, not {type(store_hash).__name__}")
    if not _STORE_HASH.fullmatch(store_hash):
        raise ConfigurationError(
            "store_hash must be letters and digits, as in the address of the store's control panel: store-HASH"
        )
    return store_hash
