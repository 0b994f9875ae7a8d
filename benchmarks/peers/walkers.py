"""One way of reading all invoices, in a process of its own: for each line on stdin it reads them once and prints what it cost.

    python benchmarks/peers/walkers.py WAY    # the environment holds the sandbox's address

The ways are the functions below. `few` reads balances, dates and status of each invoice; `every` every field of every level.
"""

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

WITHOUT_DETAILS = {"details": False}
PAGE = 250
HEADERS = {
    "X-Auth-Token": os.environ.get("BIGCOMMERCE_ACCESS_TOKEN", ""),
    "X-Store-Hash": os.environ.get("BIGCOMMERCE_STORE_HASH", ""),
    "Accept-Encoding": "gzip, deflate",
}
LIST = os.environ.get("BIGCOMMERCE_B2B_BASE_URL", "") + "/invoices"
Use = Callable[[Any], object]


def few(invoice: Any) -> object:  # noqa: ANN401 - models of several libraries, with the same names
    """What a list of open invoices shows."""
    money = invoice.open_balance, invoice.original_balance
    return invoice.due_date, invoice.created_at, invoice.updated_at, invoice.status, money[0].value, money[1].value


def every(invoice: Any) -> None:  # noqa: ANN401 - models of several libraries
    """Every field of every level, as one who copies them would."""
    few(invoice)
    invoice.id, invoice.customer_id, invoice.external_id, invoice.external_customer_id, invoice.invoice_number  # noqa: B018
    invoice.type, invoice.order_number, invoice.purchase_order_number, invoice.is_pending_payment, invoice.source  # noqa: B018
    invoice.customer_name, invoice.channel_id, invoice.channel_name, invoice.external_pdf_url  # noqa: B018
    invoice.terms_conditions, invoice.open_balance.code, invoice.original_balance.code  # noqa: B018
    details = invoice.details
    if details is None:
        return
    details.type  # noqa: B018
    if (header := details.header) is not None:
        header.order_date, header.customer_fields  # noqa: B018
        for line in header.cost_lines:
            line.description, line.amount and (line.amount.code, line.amount.value)  # noqa: B018
        for address in (header.billing_address, *header.shipping_addresses):
            if address is not None:
                address.first_name, address.last_name, address.street1, address.street2, address.city  # noqa: B018
                address.state, address.zip_code, address.country, address.custom_fields  # noqa: B018
    if (contents := details.details) is not None:
        for item in contents.line_items:
            item.sku, item.type, item.comments, item.quantity, item.description, item.custom_fields  # noqa: B018
            item.unit_price and (item.unit_price.code, item.unit_price.value)  # noqa: B018
            item.unit_discount and (item.unit_discount.code, item.unit_discount.value)  # noqa: B018
        for shipment in contents.shipments:
            shipment.address_index, shipment.ship_date, shipment.ship_via  # noqa: B018
            shipment.tracking_number, shipment.comments, shipment.custom_fields  # noqa: B018


def ours(use: Use, *, speed: bool) -> Callable[[], Awaitable[int]]:
    """This library, with or without the extra."""
    if not speed:
        sys.modules["msgspec"] = None  # type: ignore[assignment] # as if it were not installed
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from server import connect

    client = connect(dict(os.environ))

    async def walk() -> int:
        count = 0
        async for invoice in client.invoices.iterate(prefetch=1, **({} if use is every else WITHOUT_DETAILS)):
            use(invoice)
            count += 1
        return count

    return walk


def aiohttp_with(loads: Callable[[bytes], Any]) -> Callable[[], Awaitable[int]]:
    """The transport and a JSON parser, and nothing else: no types, no proof, no limiter."""
    import aiohttp

    async def walk() -> int:
        count = 0
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            while True:
                async with session.get(LIST, params={"offset": count, "limit": PAGE}) as response:
                    rows = loads(await response.read())["data"]
                count += len(rows)
                if len(rows) < PAGE:
                    return count

    return walk


def httpx_and_pydantic() -> Callable[[], Awaitable[int]]:
    """A client of httpx, and pydantic models that are as tolerant as the wire."""
    import httpx
    from pydantic_models import Envelope

    async def walk() -> int:
        count = 0
        async with httpx.AsyncClient(headers=HEADERS, timeout=60) as session:
            while True:
                response = await session.get(LIST, params={"offset": count, "limit": PAGE})
                invoices = Envelope.model_validate_json(response.content).data
                for invoice in invoices:
                    every(invoice)
                count += len(invoices)
                if len(invoices) < PAGE:
                    return count

    return walk


def generated_client() -> Callable[[], Awaitable[int]]:
    """A client generated by openapi-python-client; GENERATED names its package.

    It crashes on invoices whose details lack what the specification requires: in their place it reads the last one that it could.
    """
    name = os.environ["GENERATED"]
    client = importlib.import_module(f"{name}.client").Client(base_url=os.environ["BIGCOMMERCE_B2B_BASE_URL"], headers=HEADERS)
    call = importlib.import_module(f"{name}.api.invoice.get_invoices")
    model = importlib.import_module(f"{name}.models.get_invoices_response_200_data_item").GetInvoicesResponse200DataItem

    good: list[Any] = []

    def read(rows: list[Any]) -> int:
        for row in rows:
            try:
                model.from_dict(row)
                good.append(row)
            except (KeyError, TypeError, AttributeError):
                if good:
                    model.from_dict(good[-1])
        return len(rows)

    async def walk() -> int:
        count = 0
        while True:
            response = await client.get_async_httpx_client().request(**call._get_kwargs(offset=count, limit=PAGE))  # noqa: SLF001 - generated
            rows = read(response.json()["data"])
            count += rows
            if rows < PAGE:
                return count

    return walk


def make(way: str) -> Callable[[], Awaitable[int]]:
    """The way of this name."""
    if way == "aiohttp + json":
        return aiohttp_with(lambda body: json.loads(body, parse_float=Decimal))
    if way == "aiohttp + orjson":
        return aiohttp_with(importlib.import_module("orjson").loads)
    if way == "httpx + pydantic":
        return httpx_and_pydantic()
    if way == "generated client":
        return generated_client()
    plain = way.removesuffix(" (speed)")
    return ours({"ours, a few fields": few, "ours, every field": every}[plain], speed=way != plain)


async def main() -> None:
    """Serve stdin."""
    walk = make(sys.argv[1])
    for _ in sys.stdin:
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        count = await walk()
        print(json.dumps({"count": count, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
