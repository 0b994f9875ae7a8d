"""A stand-in for the Invoice Management API on a loopback port, for tests and for trying things out."""

from .server import Sandbox

__all__ = ["Sandbox"]
