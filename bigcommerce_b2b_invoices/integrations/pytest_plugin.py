"""What the fixtures of the pytest plugin do; `_bigcommerce_b2b_invoices_pytestplugin` declares them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

import pytest

from bigcommerce_b2b_invoices import B2BClient
from bigcommerce_b2b_invoices.sandbox import Sandbox

_MARK = "b2b_sandbox"
_DEFAULTS = {"invoices": 50}


class _TestSandbox(Sandbox):
    """A sandbox that closes each connection after its answer, so that no test leaves one open when its event loop ends."""

    keep_alive: ClassVar[bool] = False


@contextmanager
def started(node: pytest.Item) -> Iterator[Sandbox]:
    """A running sandbox with the settings of the test's markers. A wrong setting fails the test, and names it."""
    settings: dict[str, int] = dict(_DEFAULTS)
    for marker in reversed(list(node.iter_markers(_MARK))):  # a module's before its test's
        if marker.args:
            pytest.fail(f"{node.nodeid}: @pytest.mark.{_MARK} takes keywords, not {marker.args}", pytrace=False)
        settings |= marker.kwargs
    try:
        sandbox = _TestSandbox(**settings)  # type: ignore[arg-type]  # it checks them itself
    except (TypeError, ValueError) as error:
        pytest.fail(f"{node.nodeid}: @pytest.mark.{_MARK}: {error}", pytrace=False)
    with sandbox:
        yield sandbox


@contextmanager
def connected(sandbox: Sandbox) -> Iterator[B2BClient]:
    """An open client of the sandbox."""
    client = B2BClient(store_hash=sandbox.store_hash, auth_token=sandbox.auth_token, base_url=sandbox.base_url)
    try:
        yield client
    finally:
        _close(client)


def _close(client: B2BClient) -> None:
    """Close the client, whatever became of its event loop: it may be closed by now, or belong to another thread.

    Closing waits only for connections, and the sandbox leaves none open. So the coroutine ends at its first step, without a loop.
    If a task of the test is still in the middle of a request, the first step closes the session, and nobody waits for the rest.
    """
    closing = client.aclose()
    with suppress(StopIteration):
        closing.send(None)
    closing.close()
