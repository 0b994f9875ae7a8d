"""A port for a server that a test stops and starts again."""

import random
import socket
from contextlib import suppress

BELOW_CONNECTIONS = range(20_000, 32_000)  # Linux takes ports for connections from 32768 on, also one that a stopped server had


def free_port() -> int:
    """A port of loopback that nobody listens on, and that no connection takes while the server is stopped."""
    for port in random.SystemRandom().sample(BELOW_CONNECTIONS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")
