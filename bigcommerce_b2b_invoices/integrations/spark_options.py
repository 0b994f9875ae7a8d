"""The options of the Spark source, which hold names only, and the clients that they name. Imports no pyspark.

Spark writes options into plans and event logs, so no option holds a credential. Each executor reads the credentials itself, from
its environment or from a file, when it begins to read a store.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from bigcommerce_b2b_invoices import B2BClient, ConfigurationError, RateLimiter

NAMES = ("stores", "credentials", "redis", "accept", "requests", "per")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARTS = {"store_hash": "HASH", "auth_token": "TOKEN", "base_url": "BASE_URL"}  # key in the file: end of the variable's name
_NEEDED = ("store_hash", "auth_token")
_SHOWN = 6  # names in the text of an error


@attrs.frozen
class Access:
    """How to reach one store. Its repr shows no token."""

    store_hash: str
    auth_token: str = attrs.field(repr=False)
    base_url: str | None = None

    def client(self, limiter: RateLimiter | None = None) -> B2BClient:
        """A client of the store. Sends no request.

        Raises:
            ConfigurationError: A part is invalid.
        """
        url: dict[str, Any] = {} if self.base_url is None else {"base_url": self.base_url}
        return B2BClient(store_hash=self.store_hash, auth_token=self.auth_token, rate_limiter=limiter, **url)

    def identity(self, store: str) -> tuple[object, str]:
        """What two names of the same store have in common.

        Raises:
            ConfigurationError: A part is invalid. The error names the store.
        """
        try:
            client = self.client()
        except ConfigurationError as error:
            problem = str(error)
        else:
            return client.base_url.origin(), client.store_hash
        raise ConfigurationError(f"store {store}: {problem}")


@attrs.frozen
class Options:
    """The options of one `load()`.

    Attributes:
        stores: The names of the stores, in the order of the option.
        credentials: The path of the JSON file with the credentials; None: they are in the environment.
        redis: The environment variable that holds the URL of Redis; None: each process counts on its own.
        best_effort: Whether to take a store's rows even if some may be missing.
        requests: Requests of a window, for each store.
        per: Seconds of the window.
    """

    stores: tuple[str, ...]
    credentials: str | None = None
    redis: str | None = None
    best_effort: bool = False
    requests: int = 150
    per: float = 60.0

    @classmethod
    def read(cls, options: Mapping[str, str | None]) -> "Options":
        """Check the options, whose names Spark compares without case.

        Raises:
            ConfigurationError: An option is unknown, missing or invalid. The error shows no value that could be a credential.
        """
        given = {name.lower(): value for name, value in options.items() if value is not None}
        if unknown := sorted(given.keys() - set(NAMES)):
            raise ConfigurationError(f"unknown option {_some(unknown)}: the options are {', '.join(NAMES)}")
        accept = given.get("accept", "complete")
        if accept not in ("complete", "best_effort"):
            raise ConfigurationError("option accept must be complete or best_effort")
        requests, per = _quota(given)
        return cls(
            _stores(given.get("stores", ""), in_environment="credentials" not in given),
            _path(given.get("credentials")),
            _variable(given.get("redis")),
            accept == "best_effort",
            requests,
            per,
        )

    def access(self, environ: Mapping[str, str] = os.environ) -> dict[str, Access]:
        """How to reach each store. Sends no request.

        All stores are checked, because two names of one store would double its invoices.

        Raises:
            ConfigurationError: A credential is missing or invalid, or two stores are the same. The error names it, without its
                value.
        """
        found = self._of_environment(environ) if self.credentials is None else self._of_file(self.credentials)
        access = {store: Access(**{part: text for part, text in found[store].items() if text}) for store in self.stores}
        same: dict[object, str] = {}
        for store, each in access.items():
            other = same.setdefault(each.identity(store), store)
            if other != store:
                raise ConfigurationError(f"stores {other} and {store} have the same store hash: each invoice would come twice")
        return access

    def redis_url(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """The URL of Redis, if the quota is shared.

        Raises:
            ConfigurationError: The environment variable is missing.
        """
        if self.redis is None:
            return None
        if not environ.get(self.redis):
            raise ConfigurationError(f"set the environment variable {self.redis} of every executor to the URL of Redis")
        return environ[self.redis]

    def _of_environment(self, environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
        named = {store: {part: variable(store, end) for part, end in _PARTS.items()} for store in self.stores}
        missing = [names[part] for names in named.values() for part in _NEEDED if not environ.get(names[part])]
        if missing:
            raise ConfigurationError(f"set {_some(missing)} in the environment of every executor, or give credentials")
        return {
            store: {part: environ[name] for part, name in names.items() if environ.get(name)} for store, names in named.items()
        }

    def _of_file(self, path: str) -> dict[str, dict[str, str]]:
        found = _read_file(path)
        if missing := [store for store in self.stores if store not in found]:
            raise ConfigurationError(f"the file of option credentials lacks store {_some(missing)}")
        for store in self.stores:
            _check_entry(store, found[store])
        return found


def variable(store: str, end: str) -> str:
    """The environment variable with a part of a store's credentials, such as B2B_STORE_ACME_TOKEN."""
    return f"B2B_STORE_{re.sub('[^A-Z0-9]', '_', store.upper())}_{end}"


def _stores(text: str, *, in_environment: bool) -> tuple[str, ...]:
    stores = tuple(name.strip() for name in text.split(","))
    if not all(stores):
        raise ConfigurationError("option stores must hold the names of the stores, such as 'acme,globex'")
    first: dict[str, str] = {}
    for store in stores:
        other = first.setdefault(variable(store, "HASH") if in_environment else store, store)
        if other != store:
            raise ConfigurationError(f"option stores names {other} and {store}, which have the same environment variables")
    if len(first) < len(stores):
        raise ConfigurationError("option stores names a store twice")
    return stores


def _path(path: str | None) -> str | None:
    if path is not None and (not path.strip() or "{" in path or "\n" in path):
        raise ConfigurationError("option credentials must be the path of a JSON file, never its content")
    return path


def _variable(name: str | None) -> str | None:
    if name is not None and not _VARIABLE.fullmatch(name):
        raise ConfigurationError("option redis must be the name of an environment variable that holds the URL, never the URL")
    return name


def _quota(given: Mapping[str, str]) -> tuple[int, float]:
    try:
        requests, per = int(given.get("requests", 150)), float(given.get("per", 60))
        RateLimiter(requests, per)
    except (ConfigurationError, ValueError):
        raise ConfigurationError("option requests must be a whole number of at least 1, and per seconds above 0") from None
    return requests, per


def _read_file(path: str) -> dict[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"cannot read the file of option credentials, {path}: {problem}") from None
    try:
        found = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):  # its context would show the text
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError(f"the file of option credentials, {path}, is not a JSON object that names each store once")
    return found


def _each_once(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    pairs = list(pairs)
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _check_entry(store: str, entry: object) -> None:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"store {store} must be an object with {', '.join(_PARTS)} in the file of option credentials")
    missing = [part for part in _NEEDED if not entry.get(part)]
    wrong = [part for part, value in entry.items() if part not in _PARTS or not isinstance(value, str)]
    if missing or wrong:
        problem = f"lacks {_some(missing)}" if missing else f"has {_some(wrong)}, which is unknown or no text,"
        raise ConfigurationError(f"store {store} {problem} in the file of option credentials")


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
