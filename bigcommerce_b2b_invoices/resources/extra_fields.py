"""The extra-field configs of a store's invoices."""

from collections.abc import Iterable

from bigcommerce_b2b_invoices.models.checks import as_tuple
from bigcommerce_b2b_invoices.models.extra_field import ExtraField, ExtraFieldConfig, ExtraFieldProblem, problems
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

    async def check(self, extra_fields: Iterable[ExtraField]) -> tuple[ExtraFieldProblem, ...]:
        """What the store's configs have against the extra fields of one invoice, before it is sent; empty: nothing.

        Looks for a required field without a value, a text longer than `maximum_length` characters, a number that is none or is
        above `maximum_value`, a choice that is not in `list_of_value`, and a name that no config has. Whether a value that
        must be unique is so only the API can tell. One request for each 249 configs. Source: GET /invoices/extra-fields.

        Args:
            extra_fields: All those of a new invoice; of changes, those that it will have afterwards.
        """
        given = as_tuple(extra_fields)
        for field in given:
            if not isinstance(field, ExtraField):
                raise TypeError(f"extra_fields must be ExtraField, not {type(field).__name__}")
        return problems(given, [config async for config in self.iterate()])
