"""Where the token may be sent without TLS: to loopback, and to hosts that `allow_http` names."""

from typing import Any

import pytest

from bigcommerce_b2b_invoices import B2BClient, ConfigurationError

ENVIRON = {"BIGCOMMERCE_STORE_HASH": "abc123", "BIGCOMMERCE_ACCESS_TOKEN": "token"}


def connect(base_url: str, allow_http: Any) -> B2BClient:
    return B2BClient(store_hash="abc123", auth_token="token", base_url=base_url, allow_http=allow_http)


ALLOWED = [
    ("http://sandbox:8080/api", ["sandbox"]),
    ("http://Sandbox:8080/api", ("SANDBOX",)),
    ("http://sandbox.:8080", {"sandbox"}),
    ("http://sandbox", ["other", "sandbox"]),
    ("http://b2b_sandbox.default.svc.cluster.local", ["b2b_sandbox.default.svc.cluster.local"]),
    ("http://bücher", ["bücher"]),
    ("http://172.17.0.2:8080", ["172.17.0.2"]),
    ("http://[fd00::1]:8080", ["[FD00:0::1]"]),
    ("http://localhost", ["sandbox"]),
]


@pytest.mark.parametrize(("base_url", "allow_http"), ALLOWED, ids=str)
def test_http_is_accepted_for_a_host_that_is_named(base_url: str, allow_http: Any) -> None:
    assert "of store abc123" in repr(connect(base_url, allow_http))


@pytest.mark.parametrize("base_url", ["http://sandbox", "http://sandbox.example.com", "http://evil-sandbox", "http://10.0.0.1"])
def test_http_is_refused_for_every_other_host(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="must be https"):
        connect(base_url, ["other", "example.com", "10.0.0.2"])


def test_the_names_may_be_told_one_by_one() -> None:
    assert "of store abc123" in repr(connect("http://sandbox", (name for name in ("other", "sandbox"))))


def test_http_is_refused_by_default() -> None:
    with pytest.raises(ConfigurationError, match="must be https"):
        B2BClient(store_hash="abc123", auth_token="token", base_url="http://sandbox")


PUBLIC = ["8.8.8.8", "8.8.8.8.", "2001:4860:4860::8888", "[2001:4860:4860::8888]", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_refused_whatever_the_base_url(address: str) -> None:
    with pytest.raises(ConfigurationError, match="public address"):
        connect("https://example.com", [address])


OTHER_WAYS_TO_WRITE_AN_ADDRESS = ["134744072", "0x8080808", "8.8.2056", "010.8.8.8", "0x8.8.8.8", "8.8.8.8/32", "8.8.8.256"]
NO_NAMES = [
    "",
    " ",
    ".",
    "a b",
    "sandbox:8080",
    "http://sandbox",
    "sandbox/x",
    "*",
    "*.local",
    "a..b",
    "user@sandbox",
    "sandbox\n",
    5,
    None,
    b"sandbox",
]


@pytest.mark.parametrize("name", [*OTHER_WAYS_TO_WRITE_AN_ADDRESS, *NO_NAMES])
def test_what_is_no_host_name_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="allow_http must hold host names"):
        connect("https://example.com", [name])


@pytest.mark.parametrize("names", ["sandbox", b"sandbox", 5, None, True])
def test_one_text_is_not_several_names(names: Any) -> None:
    with pytest.raises(ConfigurationError, match="allow_http must be several host names"):
        connect("http://sandbox", names)


def test_it_is_a_setting_like_every_other() -> None:
    environ = {**ENVIRON, "BIGCOMMERCE_B2B_BASE_URL": "http://sandbox:8080/api/v3/io/ip"}

    assert "http://sandbox:8080" in repr(B2BClient.from_env(environ, allow_http=["sandbox"]))
    with pytest.raises(ConfigurationError, match="must be https"):
        B2BClient.from_env(environ)
