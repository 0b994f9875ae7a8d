"""Reads an Excel workbook as Excel does, with the standard library alone."""

import re
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET

Value: TypeAlias = str | bool | Decimal | datetime
NAMES = {"": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def read_workbook(path: Path) -> dict[str, list[dict[str, Value]]]:
    """The rows of each sheet, as the cells that are not empty by the name of their column."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        dates = _date_styles(archive)
        names = [str(sheet.get("name")) for sheet in _xml(archive, "xl/workbook.xml").iterfind("sheets/sheet", NAMES)]
        return {name: _rows(archive, index, dates) for index, name in enumerate(names, 1)}


def read_xml(path: Path, name: str) -> ET.Element:
    """One of the XML files of a workbook."""
    with zipfile.ZipFile(path) as archive:
        return _xml(archive, name)


def _xml(archive: zipfile.ZipFile, name: str) -> ET.Element:
    return ET.fromstring(archive.read(name))  # noqa: S314 - our own file


def _date_styles(archive: zipfile.ZipFile) -> set[str]:
    styles = _xml(archive, "xl/styles.xml")
    dates = {each.get("numFmtId") for each in styles.iterfind("numFmts/numFmt", NAMES) if "yyyy" in str(each.get("formatCode"))}
    cells = styles.iterfind("cellXfs/xf", NAMES)
    return {str(index) for index, each in enumerate(cells) if each.get("numFmtId") in dates}


def _rows(archive: zipfile.ZipFile, sheet: int, dates: set[str]) -> list[dict[str, Value]]:
    rows = []
    for row in _xml(archive, f"xl/worksheets/sheet{sheet}.xml").iterfind("sheetData/row", NAMES):
        cells = ((str(cell.get("r")).rstrip("0123456789"), _value(cell, dates)) for cell in row.iterfind("c", NAMES))
        rows.append({column: value for column, value in cells if value is not None})
    header = rows[0]
    return [{str(header[column]): value for column, value in row.items()} for row in rows[1:]]


def _value(cell: ET.Element, dates: set[str]) -> Value | None:
    assert cell.find("f", NAMES) is None, "a formula"
    if cell.get("t") == "inlineStr":
        assert [each.tag.rpartition("}")[2] for each in cell.iter()] == ["c", "is", "t"], "rich text"
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), cell.findtext("is/t", "", NAMES))
    text = cell.findtext("v", None, NAMES)
    if text is None or cell.get("t") == "b":
        return None if text is None else text == "1"
    if cell.get("s") in dates:
        return datetime(1899, 12, 30, tzinfo=UTC) + timedelta(milliseconds=round(float(text) * 86_400_000))
    return Decimal(f"{float(text):.15g}")  # Excel shows so many digits
