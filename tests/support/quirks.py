"""Invoices with every form that the wire is known to send, for a sandbox."""

from decimal import Decimal
from random import Random
from typing import Any

from bigcommerce_b2b_invoices.sandbox import Sandbox

TEXTS: list[Any] = [
    None, "", [], {}, "plain", "00042", "12345678901234567890", 7, 10**40, Decimal("2.50"), "1E5", "1-2", "TRUE", " two  blanks ", "=1+1",
    "+49 30 123", "-1+1", "@x", 'ACME;=HYPERLINK("http://x")', "a,=1", "a\t=1", "a|@x", "a\r\n=1", "'=1", "''", 'say "hi"', "http://x.example",
    "<r><t>rich</t></r>", "</t>&amp;]]>", "_x0041_x0041_", "\0\x1f", "cr\rlf\n", "עברית \u202eabc", "😀👩‍👩‍👧", "\ufeffbom", "\ufffe", "half \ud800", "x" * 5000, True,
]  # fmt: skip
TIMES: list[Any] = [
    None, "", 0, -1, -1_500_000_000, 1_790_000_000, "1790000000", "1790000000.5", Decimal("1790000000.123"), "2026-01-31", "2026-01-31T12:00:00Z",
    "2026-03-29T02:30:00.250+01:00", "9999-12-31T00:00:00Z", "soon", [], True, 1_790_000_000_000,
]  # fmt: skip
NUMBERS: list[Any] = [
    0, 1, -1, "12.50", "0.10", Decimal("349.5000"), "1e2", "1e-9", "-0.00", "999999999999999", "1234567890123456.78", "12345678901234567890.123456789",
    "99999999999999999999999999999.999999999", "-1000000.001", "0.000000001",
]  # fmt: skip
CODES: list[Any] = ["USD", "EUR", "JPY", "=USD", "\ud800"]
OPAQUE: list[Any] = [
    None,
    "",
    [],
    {},
    "text",
    12,
    Decimal("2.50"),
    [1, None, {"a": Decimal("1e-7")}],
    {"deep": {"er": [True, "ü\ud800"]}},
    False,
]
SMALL: list[Any] = [None, "", 0, 1, 2, 7, "1", -(2**31), 2**31 - 1, "x"]
CHANNELS: list[Any] = [None, "", 1, "1", "-1", 2**63 - 1, "x"]


def money(random: Random) -> Any:
    """Money, or what comes in its place."""
    made = {"code": random.choice(CODES), "value": random.choice(NUMBERS), **random.choice([{}, {}, {"zz": Decimal("1.50")}])}
    return random.choice([made, made, made, None])


def details(random: Random) -> Any:
    """The content of an invoice, or what comes in its place."""

    def parts(**fields: list[Any]) -> list[Any]:
        names = [name for name in fields if random.random() < 0.7]
        return [
            {name: money(random) if fields[name] is NUMBERS and name != "quantity" else random.choice(fields[name]) for name in names}
            for _ in range(random.choice([0, 1, 1, 2, 5]))
        ]  # fmt: skip

    line_items = parts(sku=TEXTS, type=TEXTS, comments=TEXTS, quantity=NUMBERS, unitPrice=NUMBERS, description=TEXTS, customFields=OPAQUE,
                       unitDiscount=NUMBERS, productId=OPAQUE)  # fmt: skip
    shipments = parts(
        addressIndex=TEXTS, shipDate=TEXTS, shipVia=TEXTS, trackingNumber=TEXTS, comments=TEXTS, customFields=OPAQUE, lot=OPAQUE
    )
    header = {"costLines": parts(description=TEXTS, amount=NUMBERS, note=OPAQUE), "orderDate": random.choice(TIMES)}
    full = {"type": random.choice(TEXTS), "header": header, "details": {"lineItems": line_items, "shipments": shipments}}
    return random.choice(
        [full, full, full, full, {"header": None, "details": {}}, {}, [], None, "", "not an object", {"lineItems": []}]
    )


def invoice(random: Random) -> dict[str, Any]:
    """The fields of an invoice."""
    fields: dict[str, list[Any]] = {
        **dict.fromkeys(["externalId", "externalCustomerId", "customerId", "customerName", "type", "purchaseOrderNumber", "orderNumber"], TEXTS),
        **dict.fromkeys(["channelName", "externalPdfUrl", "termsConditions"], TEXTS),
        **dict.fromkeys(["dueDate"], TIMES),
        **dict.fromkeys(["status", "source", "isPendingPayment"], SMALL),
        "channelId": CHANNELS,
        "unknownKey": OPAQUE,
    }  # fmt: skip
    made = {name: random.choice(values) for name, values in fields.items() if random.random() < 0.6}
    named = {"fieldName": random.choice(["Region", "=1", "ü"]), "fieldValue": random.choice(TEXTS)}
    extra_fields = random.choice([[], [named], [named, named], [{**named, "id": 3}], None, ""])
    return {
        **made,
        "details": details(random),
        "openBalance": money(random),
        "originalBalance": money(random),
        "extraFields": extra_fields,
    }


def add_quirks(sandbox: Sandbox, count: int, seed: int = 0) -> None:
    """Add so many invoices to a sandbox."""
    random = Random(seed)
    for _ in range(count):
        sandbox.add(**invoice(random))
