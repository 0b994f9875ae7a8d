"""The extra-field configs of a store's invoices."""

from collections.abc import Iterable

from bigcommerce_b2b_invoices.models.checks import as_tuple
from bigcommerce_b2b_invoices.models.extra_field import ExtraField, ExtraFieldConfig, ExtraFieldProblem, problems
from bigcommerce_b2b_invoices.models.page import Page
from bigcommerce_b2b_invoices.resources.lists import EXTRA_FIELD_CONFIGS, Listed
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.call import Send
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT


class ExtraFields:
    """`client.extra_fields`. Any method may raise TransportError, APIError and DecodeError."""

    def __init__(self, send: Send) -> None:
        self._list = Listed(send, EXTRA_FIELD_CONFIGS, None)

    async def page(self, *, offset: int = 0, limit: int = MAX_LIMIT) -> Page[ExtraFieldConfig]:
        """One page of the configs. One request. Source: GET /invoices/extra-fields.

        Args:
            offset: How many configs to skip.
            limit: The most configs on the page, 1 to 250.
        """
        return await self._list.send(self._list.page(offset, limit))

    def iterate(self, *, page_size: int = MAX_LIMIT) -> Walk[ExtraFieldConfig]:
        """All configs. One request for each page. The API cannot sort configs, so the report says "best_effort".

        Source: GET /invoices/extra-fields.

        Args:
            page_size: Configs in each request, 1 to 250.
        """
        self._list.slice(0, page_size)  # bad arguments raise here, not in the loop
        return Walk(self._list, page_size=page_size, prefetch=1)

    async def check(self, extra_fields: Iterable[ExtraField]) -> tuple[ExtraFieldProblem, ...]:
        """Compare the extra fields of one invoice with the store's configs before you send it. An empty result: no problems.

        Finds a required field without a value, a text longer than `maximum_length` characters, a number field whose value is not
        a number or is above `maximum_value`, a choice that is not in `list_of_value`, and a name that no config has. Only the API
        can check that a value is unique. One request for each 249 configs. Source: GET /invoices/extra-fields.

        Args:
            extra_fields: For a new invoice, all its extra fields. For changes, all that the invoice will have afterwards.
        """
        given = as_tuple(extra_fields)
        for field in given:
            if not isinstance(field, ExtraField):
                raise TypeError(f"extra_fields must be ExtraField, not {type(field).__name__}")
        return problems(given, [config async for config in self.iterate()])
