"""Decides which base URL the client may send its token to. Does no I/O."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

from yarl import URL

from bigcommerce_b2b_invoices.errors import ConfigurationError
from bigcommerce_b2b_invoices.transport.link import is_public

BASE_URL = "https://api-b2b.bigcommerce.com/api/v3/io/ip"
_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
_NUMBER = re.compile(r"(.*\.)?(0[xX][0-9a-fA-F]*|[0-9]+)")  # the system would read such a name as an IPv4 address


def check_base_url(base_url: str | URL, allow_http: Iterable[str] = ()) -> URL:
    """The base URL, if it is safe to send the token there.

    Args:
        base_url: The base URL.
        allow_http: Host names for which http:// is also safe.

    Raises:
        ConfigurationError: A setting is invalid.
    """
    allowed = _check_allow_http(allow_http)
    try:
        url = URL(base_url.strip() if isinstance(base_url, str) else base_url)
        host, _ = url.host or "", url.port
    except (TypeError, ValueError):
        raise ConfigurationError("base_url is not a URL") from None
    if url.user or url.password or url.query_string or url.fragment:
        raise ConfigurationError("base_url must have no user, password, query or fragment")
    if url.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"base_url must be like {BASE_URL}, not {base_url}")
    if url.scheme == "http" and not _is_loopback(host) and _plain(host) not in allowed:
        raise ConfigurationError(f"base_url must be https: http would show the token to everyone on the way to {host}")
    return url


def _check_allow_http(names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise ConfigurationError("allow_http must be several host names, such as ['sandbox'], not one text")
    return frozenset(_check_name(name) for name in names)


def _check_name(name: object) -> str:
    host = _plain(name) if isinstance(name, str) else ""
    try:
        public = is_public(host)
    except ValueError:
        if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host):
            raise ConfigurationError(f"allow_http must hold host names without scheme and port, not {name!r}") from None
        return host
    if public:
        raise ConfigurationError(f"allow_http must not hold the public address {host}: http would show the token on the way")
    return host


def _plain(host: str) -> str:
    """A host name, or an address, in the one spelling that is compared."""
    host = host.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
