"""A stand-in for the Invoice Management API, over real HTTP: for tests and for trying things out."""

from .log import SandboxRequest
from .server import Sandbox

__all__ = ["Sandbox", "SandboxRequest"]
