"""What one check found: a line of the command's output."""

from typing import Literal, TypeAlias

import attrs

Verdict: TypeAlias = Literal["ok", "differs", "unknown"]


@attrs.frozen
class Finding:
    """The result of one check. Nothing of it comes from a customer's data.

    Attributes:
        check: The name of the check.
        verdict: "ok": as the library assumes. "differs": not so. "unknown": this store's invoices do not show it.
        text: What the check saw, and what follows from it.
    """

    check: str
    verdict: Verdict
    text: str


def ok(check: str, text: str) -> Finding:
    """The server behaves as the library assumes."""
    return Finding(check, "ok", text)


def differs(check: str, text: str) -> Finding:
    """The server behaves in another way."""
    return Finding(check, "differs", text)


def unknown(check: str, text: str) -> Finding:
    """The check cannot tell."""
    return Finding(check, "unknown", text)
