"""What every command prints: its result on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Mapping

import attrs
from cyclopts import Parameter


@Parameter(name="*", group="Output")
@attrs.frozen(kw_only=True)
class Output:
    """What to print.

    Attributes:
        json: Print JSON Lines on stdout, and nothing else there.
        quiet: Print nothing on stderr but errors.
    """

    json: bool = False
    quiet: bool = False


PLAIN = Output()


def print_record(record: Mapping[str, object]) -> None:
    """One line of JSON that is not a model: its keys are in snake_case and its amounts are texts."""
    sys.stdout.write(f"{json.dumps(record, ensure_ascii=False)}\n")
