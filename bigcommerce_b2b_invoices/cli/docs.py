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
            source = inspect.getsource(sys.modules[owner.__module__])
        except OSError:  # only the compiled module is installed
            continue
        # ast.parse drops docstrings itself since 3.14, and takes no `optimize` before 3.13
        tree = compile(source, owner.__module__, "exec", ast.PyCF_ONLY_AST, optimize=0)
        for node in ast.iter_child_nodes(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == owner.__name__:
                owner.__doc__ = ast.get_docstring(node, clean=False)
