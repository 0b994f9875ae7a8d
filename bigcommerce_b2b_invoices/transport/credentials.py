"""Checks the store hash and the token before anything is sent, and masks the token wherever it might be shown."""

import re
from typing import NoReturn

from bigcommerce_b2b_invoices.errors import ConfigurationError

_TOKEN = re.compile(r"[\x21-\x7e]+")  # the characters that a header value carries unchanged
_STORE_HASH = re.compile(r"[A-Za-z0-9]+")
MASK = "***"


class Secret(str):
    """A text whose repr is stars, so that no traceback and no log of a repr shows it. It cannot be pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def check_token(token: object) -> Secret:
    """The token as a Secret. Raises a ConfigurationError, which does not show the token, if it cannot be one."""
    if not isinstance(token, str):
        raise ConfigurationError(f"auth_token must be a text, not {type(token).__name__}")
    token = Secret(token)  # replaced at once, because a traceback may show the values of variables
    if not token:
        raise ConfigurationError("auth_token is empty")
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            "auth_token holds spaces, line ends or other characters that no token has: check how it was copied"
        )
    return token


def check_store_hash(store_hash: object) -> str:
    """The store hash. Raises a ConfigurationError if it cannot be one."""
    if not isinstance(store_hash, str):
        raise ConfigurationError(f"store_hash must be a text, not {type(store_hash).__name__}")
    if not _STORE_HASH.fullmatch(store_hash):
        raise ConfigurationError(
            "store_hash must be letters and digits, as in the address of the store's control panel: store-HASH"
        )
    return store_hash
