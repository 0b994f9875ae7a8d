"""Opens a file in LibreOffice without a window, and reads what it sees."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

SOFFICE = shutil.which("soffice")
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
needs_libreoffice = pytest.mark.skipif(
    SOFFICE is None, reason="LibreOffice is not installed: apt-get install libreoffice-calc-nogui"
)


def opened_in_libreoffice(path: Path, import_filter: str = "") -> list[list[dict[str, Any]]]:
    """The cells of the first sheets, as LibreOffice writes them to a flat file of its own."""
    profile = path.parent / "profile"
    command = [
        str(SOFFICE),
        f"-env:UserInstallation=file://{profile}",
        "--headless",
        "--convert-to",
        "fods",
        "--outdir",
        str(path.parent),
        *([f"--infilter={import_filter}"] if import_filter else []),
    ]
    subprocess.run([*command, str(path)], check=True, capture_output=True, timeout=50)
    tree = ET.parse(path.with_suffix(".fods"))  # noqa: S314 - made just now
    table, text, office = (OFFICE.format(name) for name in ("table", "text", "office"))
    for blanks in tree.iter(f"{{{text}}}s"):
        blanks.text = " " * int(blanks.get(f"{{{text}}}c", "1"))
    return [
        [
            {
                "type": cell.get(f"{{{office}}}value-type"),
                "value": cell.get(f"{{{office}}}value") or cell.get(f"{{{office}}}date-value"),
                "text": "\n".join("".join(line.itertext()) for line in cell.iterfind(f"{{{text}}}p")),
                "formula": cell.get(f"{{{table}}}formula"),
                "link": next(cell.iter(f"{{{text}}}a"), None) is not None,
            }
            for cell in row.iterfind(f"{{{table}}}table-cell")
        ]
        for row in tree.iter(f"{{{table}}}table-row")
    ]
