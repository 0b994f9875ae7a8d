"""The extra-field configs of a store's invoices."""

from bigcommerce_b2b_invoices.models.extra_field import ExtraFieldConfig
from bigcommerce_b2b_invoices.walks.page import Page
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import converter, endpoints
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
        return await self._page(offset, limit, bulk=False)

    def iterate(self, *, page_size: int = 250) -> Walk[ExtraFieldConfig]:
        """All configs. One request for each page. Source: GET /invoices/extra-fields.

        Args:
            page_size: Configs a request, 1 to 250.
        """
        endpoints.list_extra_field_configs(offset=0, limit=page_size)  # refuses bad arguments here, not in the loop
        return Walk(lambda offset, limit: self._page(offset, limit, bulk=True), page_size=page_size)

    async def _page(self, offset: int, limit: int, *, bulk: bool) -> Page[ExtraFieldConfig]:
        call = endpoints.list_extra_field_configs(offset=offset, limit=limit)

        def read(found: endpoints.Slice) -> Page[ExtraFieldConfig]:
            return Page(converter.read_all(ExtraFieldConfig, found.rows), offset, found.limit, found.total_count)

        return await self._send(call.then(read), bulk=bulk)
