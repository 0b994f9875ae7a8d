"""The extra-field configs of a store's invoices."""

from bigcommerce_b2b_invoices.models.extra_field import ExtraFieldConfig
from bigcommerce_b2b_invoices.resources.lists import ConfigList
from bigcommerce_b2b_invoices.walks.anchored import Order
from bigcommerce_b2b_invoices.walks.page import Page
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import endpoints
from bigcommerce_b2b_invoices.wire.call import Send


class ExtraFields:
    """`client.extra_fields`. Any method may raise TransportError, APIError and DecodeError."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def page(self, *, offset: int = 0, limit: int = 250) -> Page[ExtraFieldConfig]:
        """One page of the configs. One request. Source: GET /invoices/extra-fields.

        Args:
            offset: How many to skip.
            limit: How many at most, 1 to 250.
        """
        return await self._send(ConfigList(self._send).page(offset, limit))

    def iterate(self, *, page_size: int = 250) -> Walk[ExtraFieldConfig]:
        """All configs. One request for each page; the API knows no order of them, so the report says "best_effort".

        Source: GET /invoices/extra-fields.

        Args:
            page_size: Configs a request, 1 to 250.
        """
        endpoints.list_extra_field_configs(offset=0, limit=page_size)  # refuses bad arguments here, not in the loop
        return Walk(ConfigList(self._send), Order(), page_size=page_size, prefetch=1, query="extra-fields")
