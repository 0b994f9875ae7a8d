"""Paths of files, or `-` for standard input and output."""

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

STANDARD = Path("-")


def _is_no_option(_type: type, path: Path) -> None:
    if str(path).startswith("-") and path != STANDARD:
        raise ValueError(f"unknown option {path}; write ./{path} if this is the name of a file")


PathOrStandard: TypeAlias = Annotated[Path, Parameter(allow_leading_hyphen=True, validator=_is_no_option)]
