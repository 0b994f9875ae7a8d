"""A private folder beside a target, for a library that makes files of its own."""

import os
import shutil
import tempfile
from pathlib import Path

from bigcommerce_b2b_invoices.files import PREFIX, SUFFIX, PartFile


def private_folder(part: PartFile) -> Path:
    """A new folder beside the target that only its owner may enter."""
    return Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=part.path.parent))


def remove_folder(folder: Path) -> None:
    """Delete the folder with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def take_over(part: PartFile, file: Path) -> None:
    """Put a file that a library made in place of the temporary file, on the disk and readable by its owner only."""
    file.chmod(0o600)
    with file.open("rb+") as made:
        os.fsync(made.fileno())
    file.replace(part.temporary)
