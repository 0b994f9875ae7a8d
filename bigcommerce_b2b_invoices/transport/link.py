"""Decides which link to a file the client may follow, and which address it may connect to. Does no I/O.

A link comes from the API, but another integration may have put it there. Its query is a credential until the link expires.

- The client follows an https link on port 443 to a public address. It also follows any link to the API's own origin (scheme,
  host and port), because the sandbox serves its PDFs from there. It never follows a link with a user name in it.
- A host name is not judged by its spelling. `localhost`, `0x7f000001` and a name that changes its address are all judged by the
  address that the client is about to connect to.
- The client sends path and query byte for byte as they came. So the link must already be a URL: printable ASCII, with nothing
  left to encode.
- No error text of this module, and no repr, shows more of a link than its host.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import attrs
from yarl import URL

from bigcommerce_b2b_invoices.errors import UnsafeURLError
from bigcommerce_b2b_invoices.transport.credentials import Secret

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_GIVEN_OUT = IPv6Network("2000::/3")  # IANA has assigned public unicast addresses only in this part of IPv6
_AROUND_IPV4 = (
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("64:ff9b::/96"),
)  # mapped (RFC 4291) and NAT64 (RFC 6052): the last 32 bits are an IPv4 address
_SPECIAL = tuple(
    ip_network(block)
    for block in (  # from IANA's special-purpose registries: some Python versions from 3.11 on treat these as global
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # IETF protocol assignments, including Teredo
        "2002::/16",  # 6to4: contains an IPv4 address, which may be private
        "3fff::/20",  # documentation
    )
)


@attrs.frozen
class Link:
    """A URL whose repr shows only its host."""

    url: URL = attrs.field(repr=False)
    host: str
    is_own: bool  # at the API's own origin


def check_link(text: Secret, own_origin: URL | None) -> Link:
    """The link, if the client may follow it.

    Args:
        text: The link as it came.
        own_origin: The API's origin. If None, no origin is exempt from the rules.

    Raises:
        UnsafeURLError: The client must not follow the link.
    """
    link = _read(text, own_origin)
    problem = "the link is not a URL" if link is None else _problem(link)
    if link is None or problem:  # raised here: a traceback may print variables, and no variable here shows the URL
        raise UnsafeURLError(problem)
    return link


def is_public(address: str) -> bool:
    """Whether this IP address is a public one. Raises ValueError if the text is not an IP address."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if any(ip in block for block in _AROUND_IPV4):
            ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
        elif ip not in _GIVEN_OUT:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in _SPECIAL)


def _read(text: Secret, own_origin: URL | None) -> Link | None:
    if not _PRINTABLE.fullmatch(text):
        return None
    try:
        url = URL(text, encoded=True)
        return Link(url, url.raw_host, url.origin() == own_origin) if url.raw_host else None
    except ValueError:  # not absolute, or an impossible host or port
        return None


def _problem(link: Link) -> str:
    """Why the client must not follow the link; empty if it may."""
    if "@" in link.url.raw_authority:
        return f"the link to {link.host} has a user name in it"
    if link.is_own:
        return ""
    if link.url.scheme != "https" or link.url.port != 443:
        return f"the link to {link.host} is not https on port 443"
    if "%" in link.host:
        return f"the link leads to {link.host}, which is neither a name nor a public address"
    try:
        public = is_public(link.host)
    except ValueError:  # a name
        return ""
    return "" if public else f"the link leads to {link.host}, which is not a public address"
