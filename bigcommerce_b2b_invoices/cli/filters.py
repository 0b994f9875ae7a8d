"""Which invoices: the options of a command as a query."""

from typing import Annotated, Literal

import attrs
from cyclopts import Parameter

from bigcommerce_b2b_invoices import (
    ConfigurationError,
    Direction,
    Invoice,
    InvoiceQuery,
    InvoiceStatus,
    SearchField,
    SortField,
)
from bigcommerce_b2b_invoices.cli.arguments import MaybeTime, Whole


@Parameter(name="*", group="Filters")
@attrs.frozen(kw_only=True)
class Filters:
    """Which invoices, in which order. All that is given must hold.

    Attributes:
        status: How far it is paid.
        customer_id: Id of the B2B Edition company.
        customer_name: Name of the company.
        external_ids: Id in another system; repeat it for any of several.
        channel_ids: BigCommerce channel; repeat it for any of several.
        query: Text to search for.
        search_by: The only field to search in.
        begin: Made at this time or later: an ISO 8601 date (its first moment in UTC) or time.
        end: Made at this time or earlier.
        overdue: Only those that are due and not paid. The API has no such filter: all others are read, too, and left out.
        sort_by: Field to sort by; without it the newest come first.
        order_by: Ascending or descending.
        extra_fields: Have the invoices carry their extra fields.
    """

    status: InvoiceStatus | None = None
    customer_id: str | None = None
    customer_name: str | None = None
    external_ids: Annotated[tuple[str, ...], Parameter(name="--external-id", show_default=False)] = ()
    channel_ids: Annotated[tuple[Whole, ...], Parameter(name="--channel-id", show_default=False)] = ()
    query: Annotated[str | None, Parameter(name=("--query", "-q"))] = None
    search_by: SearchField | None = None
    begin: MaybeTime = None
    end: MaybeTime = None
    overdue: bool = False
    sort_by: SortField | None = None
    order_by: Literal["asc", "desc"] | None = None
    extra_fields: bool = False

    def as_query(self) -> InvoiceQuery:
        """The query to send.

        Raises:
            ConfigurationError: The options contradict each other.
        """
        if self.search_by is not None and self.query is None:
            raise ConfigurationError("--search-by says where to search: say for what by --query")
        try:
            return InvoiceQuery(
                status=self.status,
                customer_id=self.customer_id,
                customer_name=self.customer_name,
                external_ids=self.external_ids,
                channel_ids=self.channel_ids,
                search_by=self.search_by,
                q=self.query,
                begin_date_at=self.begin,
                end_date_at=self.end,
                sort_by=self.sort_by,
                order_by=None if self.order_by is None else Direction(self.order_by.upper()),
                include_extra_fields=self.extra_fields,
            )
        except ValueError as problem:
            raise ConfigurationError(f"bad filter: {problem}") from None

    def admits(self, invoice: Invoice) -> bool:
        """Whether an invoice that the API listed is wanted."""
        return not self.overdue or invoice.is_overdue()


NO_FILTERS = Filters()
