"""Puts back the docstrings that `python -OO` drops: cyclopts makes the help of a command from them."""

import ast
import inspect
import sys
from collections.abc import Callable

DROPPED = 2  # at this optimization level and above, Python drops docstrings


def restore_docs(*owners: Callable[..., object]) -> None:
    """Read the docstrings of these functions and classes from their source. Without the source, the help has only the names."""
    if sys.flags.optimize < DROPPED:
        return
    for owner in owners:
        try:
            tree = ast.parse(inspect.getsource(sys.modules[owner.__module__]))
        except OSError:  # only the compiled module is installed
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == owner.__name__:
                owner.__doc__ = ast.get_docstring(node, clean=False)
