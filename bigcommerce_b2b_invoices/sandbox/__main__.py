"""`python -m bigcommerce_b2b_invoices.sandbox`: a sandbox that runs until Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from .server import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns 0 after such a signal, and 1 if the port is taken; bad arguments exit with 2."""
    parser = _parser()
    settings = vars(parser.parse_args(arguments))
    try:
        sandbox = Sandbox(**settings)
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 0
    try:
        asyncio.run(_serve(sandbox))
    except OSError as error:
        print(f"Cannot listen on {settings['host']} port {settings['port']}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # if the event loop takes no signal handlers, as on Windows
        pass
    return 0


async def _serve(sandbox: Sandbox) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with sandbox:
        print(f"export BIGCOMMERCE_B2B_BASE_URL={sandbox.base_url}")
        print(f"export BIGCOMMERCE_STORE_HASH={sandbox.store_hash}")
        print(f"export BIGCOMMERCE_ACCESS_TOKEN={sandbox.auth_token}", flush=True)
        await stopped.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bigcommerce_b2b_invoices.sandbox",
        description="A stand-in for the B2B Edition Invoice Management API on this machine, full of made-up invoices.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on; any address with --allow-remote")
    parser.add_argument("--allow-remote", action="store_true", help="let other machines and containers connect, and control it")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 0 means any free port")
    parser.add_argument("--invoices", type=int, default=1000, help="how many invoices there are at first")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same invoices")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds to delay every response")
    parser.add_argument("--quota", type=int, help="requests allowed in a minute; more are answered with 429")
    parser.add_argument("--max-limit", type=int, default=250, help="the largest number of rows on a page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
