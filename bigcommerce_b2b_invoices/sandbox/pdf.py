"""A one-page PDF of an invoice, in plain PDF 1.4, which every reader opens."""

import time
from itertools import accumulate

from .answers import Body
from .rows import objects_at

Cell = tuple[int, str]  # distance from the left edge in points, text

_TOP = 790  # points from the lower edge of an A4 page
_BOTTOM = 50
_LEADING = 15
_COLUMNS = (50, 140, 370, 430)  # sku, description, quantity, unit price
_WIDTHS = (14, 40, 10, 24)  # characters that fit in each of them


def make_pdf(body: Body) -> bytes:
    """Number, company, dates, balances, cost lines and line items. The last line says how many lines did not fit."""
    lines = _lines(body)
    room = (_TOP - _BOTTOM) // _LEADING
    if len(lines) > room:
        lines = [*lines[: room - 1], [(50, f"... and {len(lines) - room + 1} more")]]
    shown = "".join(
        f"1 0 0 1 {x} {_TOP - _LEADING * index} Tm ({_escape(text)}) Tj\n"
        for index, cells in enumerate(lines)
        for x, text in cells
    )
    return _document(f"BT\n/F1 10 Tf\n{shown}ET".encode("cp1252", "replace"))  # characters that are not Latin become "?"


def _lines(body: Body) -> list[list[Cell]]:
    details = body.get("details")
    return [
        [(50, f"Invoice {body['invoiceNumber']}"[:90])],
        [(50, str(body["customerName"])[:90])],
        [],
        [(50, "Created"), (160, _date(body["createdAt"]))],
        [(50, "Due"), (160, _date(body["dueDate"]))],
        [(50, "Original balance"), (160, _money(body["originalBalance"]))],
        [(50, "Open balance"), (160, _money(body["openBalance"]))],
        [],
        *(
            [(50, str(line.get("description"))[:18]), (160, _money(line.get("amount")))]
            for line in objects_at(details, "header", "costLines")
        ),
        [],
        _row("SKU", "Description", "Quantity", "Unit price"),
        *(
            _row(item.get("sku"), item.get("description"), item.get("quantity"), _money(item.get("unitPrice")))
            for item in objects_at(details, "details", "lineItems")
        ),
    ]


def _row(*values: object) -> list[Cell]:
    return [(x, str(value)[:width]) for x, value, width in zip(_COLUMNS, values, _WIDTHS, strict=True)]


def _date(value: object) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(int(value))) if isinstance(value, int | str) else "-"
    except (ValueError, OverflowError, OSError):  # a value that a test made up
        return str(value)[:20]


def _money(balance: object) -> str:
    return f"{balance.get('value')} {balance.get('code')}"[:40] if isinstance(balance, dict) else "-"


def _escape(text: str) -> str:
    """Text to put between the brackets of a PDF string."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _document(content: bytes) -> bytes:
    """The file with this content on its page: the objects, a table of where each begins, and the position of that table."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    head = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"  # the second line says that the file is not text
    parts = [b"%d 0 obj\n%b\nendobj\n" % (number, text) for number, text in enumerate(objects, 1)]
    *starts, end = accumulate((len(part) for part in parts), initial=len(head))
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % s for s in starts)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, end)
    return head + b"".join(parts) + table + trailer
