"""The filter options of a command, turned into a query."""

from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

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
from bigcommerce_b2b_invoices.cli.arguments import MaybeDay, MaybeOneOrMore, MaybeTime, Whole, Zone
from bigcommerce_b2b_invoices.export import day_in

UTC = ZoneInfo("UTC")


@Parameter(name="*", group="Filters")
@attrs.frozen(kw_only=True)
class Filters:
    """Which invoices, and in which order. An invoice must pass every filter that is given.

    Attributes:
        status: How much of the invoice is paid.
        customer_id: Id of the B2B Edition company.
        customer_name: Name of the company.
        external_ids: Id in another system. Repeat the option to accept any of several ids.
        channel_ids: Id of a BigCommerce channel. Repeat the option to accept any of several channels.
        query: Text to search for.
        search_by: The only field to search in.
        begin: Created at this time or later: an ISO 8601 date (its first moment in UTC) or time.
        end: Created at this time or earlier.
        overdue: Only invoices that are past their due date and not fully paid. The API has no such filter, so the command also
            reads all other invoices and leaves them out.
        overdue_days: Only invoices with an open amount that are at least so many calendar days past their due date.
        due_from: Only invoices that are due on this day or later. The API has no filters by due date, so the command also reads
            other invoices and leaves them out.
        due_to: Only invoices that are due on this day or earlier.
        tz: The time zone of the calendar days in these filters, such as Europe/Berlin.
        sort_by: Field to sort by. The default is the creation time: `list` shows the newest first, `export` writes the oldest
            first.
        order_by: Ascending or descending.
        extra_fields: Also read the extra fields of each invoice.
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
    overdue_days: MaybeOneOrMore = None
    due_from: MaybeDay = None
    due_to: MaybeDay = None
    tz: Zone = UTC
    sort_by: SortField | None = None
    order_by: Literal["asc", "desc"] | None = None
    extra_fields: bool = False

    def as_query(self) -> InvoiceQuery:
        """The query to send.

        Raises:
            ConfigurationError: The options contradict each other.
        """
        if self.due_from is not None and self.due_to is not None and self.due_from > self.due_to:
            raise ConfigurationError("--due-from is after --due-to: no invoice can pass")
        if self.search_by is not None and self.query is None:
            raise ConfigurationError("--search-by names the field to search in: also give the text to search for, with --query")
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

    @property
    def selects(self) -> bool:
        """Whether any filter is given: an order, a time zone or more fields choose no invoices."""
        same = attrs.evolve(NO_FILTERS, sort_by=self.sort_by, order_by=self.order_by, extra_fields=self.extra_fields, tz=self.tz)
        return self != same

    @property
    def needs_rows(self) -> bool:
        """Whether a filter is one that the API does not have, so that `admits` must see each invoice."""
        return self.overdue or self.overdue_days is not None or self.due_from is not None or self.due_to is not None

    def admits(self, invoice: Invoice, *, on: date | None = None) -> bool:
        """Whether an invoice that the API listed passes the filters that the API does not have.

        Args:
            invoice: An invoice.
            on: The day on which it must be overdue; None: now.
        """
        if self.overdue and not (invoice.is_overdue() if on is None else invoice.days_overdue(on, self.tz)):
            return False
        day = datetime.now(self.tz).date() if on is None else on
        if self.overdue_days is not None and invoice.days_overdue(day, self.tz) < self.overdue_days:
            return False
        if self.due_from is None and self.due_to is None:
            return True
        if invoice.due_date is None:
            return False
        due = day_in(self.tz, invoice.due_date)
        return (self.due_from is None or due >= self.due_from) and (self.due_to is None or due <= self.due_to)


NO_FILTERS = Filters()
