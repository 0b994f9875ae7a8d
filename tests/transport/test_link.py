"""Links that may be followed, and those that must not; addresses that anybody may have, and those inside somebody's network."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, strategies
from yarl import URL

from bigcommerce_b2b_invoices import UnsafeURLError
from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.link import check_link, is_public

API = URL("https://api-b2b.bigcommerce.com")
LOCAL = URL("http://127.0.0.1:8080")

FOLLOWED = [
    "https://example.com/a%2Fb.pdf?X-Amz-Credential=a%2Fb%2bc&X=%7e~&empty=&&",
    "https://example.com:443/x.pdf",
    "https://example.com./x.pdf",
    "https://EXAMPLE.com/x.pdf",
    "https://xn--mller-kva.de/x.pdf",
    "https://8.8.8.8/x.pdf",
    "https://[2606:4700::1111]/x.pdf",
    "https://localhost/x.pdf",  # a name: judged by the address it leads to
    "https://0x7f000001/x.pdf",
    "https://127.0.0.1./x.pdf",
]
REFUSED = [
    ("http://example.com/x.pdf", "not https"),
    ("http://example.com:443/x.pdf", "not https"),
    ("https://example.com:8443/x.pdf", "port 443"),
    ("https://example.com:80/x.pdf", "port 443"),
    ("ftp://example.com/x.pdf", "not https"),
    ("ws://example.com/x.pdf", "not https"),
    ("gopher://example.com:443/x.pdf", "not https"),
    ("file:///etc/passwd", "not a URL"),
    ("data:application/pdf,x", "not a URL"),
    ("//example.com/x.pdf", "not a URL"),
    ("/x.pdf", "not a URL"),
    ("x.pdf", "not a URL"),
    ("https:///x.pdf", "not a URL"),
    ("https://:443/x.pdf", "not a URL"),
    ("https://example.com:99999/x.pdf", "not a URL"),
    ("https://example.com:x/x.pdf", "not a URL"),
    ("https://[::1", "not a URL"),
    ("https://example.com/a b.pdf", "not a URL"),
    ("https://example.com/x.pdf\r\nX-Auth-Token: y", "not a URL"),
    ("https://example.com/\N{SNOWMAN}.pdf", "not a URL"),
    ("https://\N{CIRCLED DIGIT ONE}27.0.0.1/x.pdf", "not a URL"),
    (" https://example.com/x.pdf", "not a URL"),
    ("", "not a URL"),
    ("https://user@example.com/x.pdf", "user name"),
    ("https://user:password@example.com/x.pdf", "user name"),
    ("https://@example.com/x.pdf", "user name"),
    ("https://:@example.com/x.pdf", "user name"),
    ("https://example.com%2F@10.0.0.1/x.pdf", "user name"),
    ("https://127.0.0.1/x.pdf", "public address"),
    ("https://10.0.0.1/x.pdf", "public address"),
    ("https://169.254.169.254/latest/meta-data", "public address"),
    ("https://[::1]/x.pdf", "public address"),
    ("https://[::ffff:127.0.0.1]/x.pdf", "public address"),
    ("https://[64:ff9b::7f00:1]/x.pdf", "public address"),
    ("https://[2002:7f00:1::1]/x.pdf", "public address"),
    ("https://[fe80::1%25eth0]/x.pdf", "neither"),
    ("https://[2606:4700::1111%25eth0]/x.pdf", "neither"),
    ("https://%31%32%37.0.0.1/x.pdf", "neither"),
]


@pytest.mark.parametrize("link", FOLLOWED)
def test_a_link_that_may_be_followed_is_kept_byte_for_byte(link: str) -> None:
    for origin in (API, None):
        checked = check_link(Secret(link), origin)
        assert checked.url.raw_path_qs == "/" + link.split("/", 3)[3]
        assert not checked.is_own
        assert repr(checked) == f"Link(host={checked.host!r}, is_own=False)"


@pytest.mark.parametrize(("link", "reason"), REFUSED)
def test_a_link_that_must_not_be_followed_is_refused_with_its_host_at_most(link: str, reason: str) -> None:
    for origin in (API, LOCAL, None):
        with pytest.raises(UnsafeURLError, match=reason) as raised:
            check_link(Secret(link and f"{link}?canary"), origin)
        assert "canary" not in str(raised.value)
        assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("link", "is_allowed"),
    [
        ("http://127.0.0.1:8080/x.pdf", True),
        ("https://127.0.0.1:8080/x.pdf", False),
        ("http://127.0.0.1:8081/x.pdf", False),
        ("http://127.0.0.1/x.pdf", False),
        ("https://127.0.0.1/x.pdf", False),
        ("http://127.0.0.1.:8080/x.pdf", False),
        ("http://localhost:8080/x.pdf", False),
        ("http://[::ffff:127.0.0.1]:8080/x.pdf", False),
        ("http://user@127.0.0.1:8080/x.pdf", False),
    ],
)
def test_only_the_apis_own_origin_is_exempt_and_that_to_the_letter(link: str, *, is_allowed: bool) -> None:
    if is_allowed:
        assert check_link(Secret(link), LOCAL).is_own
    else:
        with pytest.raises(UnsafeURLError):
            check_link(Secret(link), LOCAL)
    with pytest.raises(UnsafeURLError):
        check_link(Secret(link), None)


PUBLIC = "8.8.8.8 52.218.0.1 2606:4700::1111 2a05:d078::1 ::ffff:8.8.8.8 64:ff9b::808:808"
PRIVATE = """
    127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 198.18.0.1 192.0.0.8 192.0.0.9
    192.0.2.1 203.0.113.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    ::1 :: ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe
    64:ff9b:1::7f00:1 2002:7f00:1::1 2002:808:808::1 2001::7f00:1 2001:20::1 2001:db8::1 3fff::1 100::1 5f00::1
    fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""


def test_an_address_is_public_when_anybody_on_the_internet_may_have_it() -> None:
    assert [address for address in PUBLIC.split() if not is_public(address)] == []
    assert [address for address in PRIVATE.split() if is_public(address)] == []


PIECES = [
    "https",
    "http",
    "://",
    ":",
    "/",
    "//",
    "@",
    "[",
    "]",
    "::1",
    "%",
    "25",
    "\\",
    "?",
    "#",
    "a.b",
    "127.1",
    "443",
    "\0",
    "é",
]


@given(strategies.lists(strategies.sampled_from(PIECES) | strategies.text(max_size=3)).map("".join))
def test_any_text_is_a_link_or_unsafe(text: str) -> None:
    link: Any = None
    with contextlib.suppress(UnsafeURLError):
        link = check_link(Secret(text), API)
    assert link is None or (link.url.scheme, link.url.port, link.url.raw_user) == ("https", 443, None)
