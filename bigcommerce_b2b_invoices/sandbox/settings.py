"""Checks of settings. Each raises a ValueError that names the setting and the value."""

import math
import sys
from collections.abc import Collection
from contextlib import suppress
from decimal import Decimal
from ipaddress import ip_address


def check_whole(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> None:
    """A whole number in this range."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        span = "" if least == -math.inf else f", {least} or more" if most == math.inf else f" from {least} to {most}"
        raise ValueError(f"{name} must be a whole number{span}; got {value!r}")


def check_seconds(name: str, value: object, *, zero: bool) -> None:
    """A finite number of seconds. A Decimal is one, because JSON of the control routes is read with them."""
    seconds = value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else math.nan
    if not (0 < seconds < math.inf or (zero and seconds == 0)):
        raise ValueError(f"{name} must be a number of seconds, {'zero or more' if zero else 'more than zero'}; got {value!r}")


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """One of the choices."""
    if isinstance(value, list | dict) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")


def check_clock(clock: object) -> None:
    """A function."""
    if not callable(clock):
        raise ValueError(f"clock must be a function that returns epoch seconds; got {clock!r}")  # noqa: TRY004 - as all of them


def check_host(host: object, *, allow_remote: object) -> str:
    """The address to listen on. Other machines can reach it only if `allow_remote` is true."""
    check_choice("allow_remote", allow_remote, (False, True))
    if not isinstance(host, str) or not host:
        raise ValueError(f"host must be an address to listen on; got {host!r}")
    address = "127.0.0.1" if host == "localhost" else host
    if not allow_remote and not is_loopback(address):
        raise ValueError(f"host must be a loopback address such as 127.0.0.1 unless allow_remote is true; got {host!r}")
    return address


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a name
        return False


def reachable(address: str) -> str:
    """The host in the URL of a server that listens on the address: 0.0.0.0 and :: mean every address of this machine."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if ip.is_unspecified:
        return "127.0.0.1" if ip.version == 4 else "[::1]"
    return address if ip.version == 4 else f"[{address}]"


def warn(text: str) -> None:
    """Write a line to stderr, if there is one."""
    with suppress(AttributeError, OSError, ValueError):  # None, broken, closed
        sys.stderr.write(f"Warning: {text}\n")
