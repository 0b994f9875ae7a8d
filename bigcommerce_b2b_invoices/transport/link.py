"""Which link to a file may be followed, and which address may be connected to. Decides only.

A link comes from the API, but another integration may have put it there, and its query is a credential for as long as it lives:
- Followed is https on port 443, without a user name, to a public address; or whatever the API's own origin (scheme, host and
  port) serves, for there the sandbox keeps its PDFs.
- A name is not judged by its looks: `localhost`, `0x7f000001` and a name that changes its mind are all judged by the address that
  is about to be connected to.
- Path and query go out byte for byte as they came, so the link must be a URL already: printable ASCII, nothing left to encode.
- No text here, and no repr, shows more of a link than its host.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import attrs
from yarl import URL

from bigcommerce_b2b_invoices.errors import UnsafeURLError
from bigcommerce_b2b_invoices.transport.credentials import Secret

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_GIVEN_OUT = IPv6Network("2000::/3")  # the only part of IPv6 in which IANA has given out public unicast addresses
_AROUND_IPV4 = (
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("64:ff9b::/96"),
)  # mapped (RFC 4291) and NAT64 (RFC 6052): the last 32 bits
_SPECIAL = tuple(
    ip_network(block)
    for block in (  # of the special-purpose registries of IANA: what some Python from 3.11 on still takes for global
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2002::/16",  # 6to4: an IPv4 address inside, which may be private
        "3fff::/20",  # documentation
    )
)


@attrs.frozen
class Link:
    """A URL that shows nothing but its host."""

    url: URL = attrs.field(repr=False)
    host: str
    is_own: bool  # at the API's own origin


def check_link(text: Secret, own_origin: URL | None) -> Link:
    """The link, if it may be followed.

    Args:
        text: As it came.
        own_origin: The API's origin; None: no origin is exempt from the rules.

    Raises:
        UnsafeURLError: It must not be followed.
    """
    link = _read(text, own_origin)
    problem = "the link is no URL" if link is None else _problem(link)
    if link is None or problem:  # raised here, where no frame holds the URL: a traceback may show its frames
        raise UnsafeURLError(problem)
    return link


def is_public(address: str) -> bool:
    """Whether anybody on the internet may have this IP address. ValueError where it is none."""
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
    except ValueError:  # not absolute, or a host or port that cannot be
        return None


def _problem(link: Link) -> str:
    """Why the link must not be followed, or nothing."""
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
