"""A stand-in for the Invoice Management API, over real HTTP: for tests and for trying things out."""

from .assumptions import Assumptions
from .log import SandboxRequest
from .server import Sandbox

__all__ = ["Assumptions", "Sandbox", "SandboxRequest"]
