"""The invoices of one company, for a back end that shows buyers only their own invoices."""

import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError
from bigcommerce_b2b_invoices.models.balance import PaymentHistory
from bigcommerce_b2b_invoices.models.invoice import Invoice, PDFLinks
from bigcommerce_b2b_invoices.models.page import Page
from bigcommerce_b2b_invoices.models.query import InvoiceQuery
from bigcommerce_b2b_invoices.resources.books import read_history
from bigcommerce_b2b_invoices.resources.company_payments import CompanyPayments, PaymentOwner, own_payments_of
from bigcommerce_b2b_invoices.resources.get_many import GetMany
from bigcommerce_b2b_invoices.resources.invoices import EVERYTHING, Invoices
from bigcommerce_b2b_invoices.resources.owner import Owner
from bigcommerce_b2b_invoices.resources.payments import Payments
from bigcommerce_b2b_invoices.resources.pdf import PDFStream, Progress
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT


class CompanyInvoices:
    """`client.company(customer_id)`: reads invoices like `client.invoices`, but only those of one company.

    An invoice of another company never reaches the caller. The API itself ignores filters that it does not know, and it gives any
    invoice to the store's token. So this class compares each answer with the company.
    """

    def __init__(self, invoices: Invoices, customer_id: str | int, payments: Payments) -> None:
        own = InvoiceQuery(customer_id=customer_id)
        if own.customer_id is None:
            raise TypeError("customer_id must be the id of a B2B Edition company, not None")
        self._invoices = invoices
        self.customer_id: str = own.customer_id
        self._payments = CompanyPayments(payments, self.get, own.customer_id)
        self._payments_of = partial(own_payments_of, payments, PaymentOwner(own.customer_id))

    @property
    def payments(self) -> CompanyPayments:
        """The payments of the company, read-only."""
        return self._payments

    async def get(self, invoice_id: int) -> Invoice:
        """One invoice of the company. One request.

        Raises:
            ForeignInvoiceError: The invoice belongs to another company.
            NotFoundError: There is no such invoice.
        """
        return await Owner(self.customer_id).see(self._invoices.get(invoice_id), invoice_id)

    async def page(self, query: InvoiceQuery = EVERYTHING, *, offset: int = 0, limit: int = MAX_LIMIT) -> Page[Invoice]:
        """One page of the company's invoices, like `Invoices.page`. One request.

        Raises:
            FilterIgnoredError: The server sent an invoice of another company.
        """
        return await self._invoices.page(self._own(query), offset=offset, limit=limit)

    def iterate(
        self,
        query: InvoiceQuery = EVERYTHING,
        *,
        page_size: int = MAX_LIMIT,
        prefetch: int = 4,
        resume: str | None = None,
        details: bool = True,
        on_unreadable: Callable[[DecodeError], None] | None = None,
    ) -> Walk[Invoice]:
        """All of the company's invoices, like `Invoices.iterate`.

        Raises:
            FilterIgnoredError: The server sent an invoice of another company.
        """
        return self._invoices.iterate(
            self._own(query),
            page_size=page_size,
            prefetch=prefetch,
            resume=resume,
            details=details,
            on_unreadable=on_unreadable,
        )

    async def count(self, query: InvoiceQuery = EVERYTHING) -> int:
        """How many invoices the company has. One request, which also reads one row to check that the server applied the filter.

        Raises:
            FilterIgnoredError: The server also counted invoices of another company.
        """
        return await self._invoices.count(self._own(query))

    async def find(self, invoice_number: str) -> Invoice | None:
        """The company's invoice with exactly this number, or None; like `Invoices.find`. One request in most cases."""
        return await self._invoices.find(invoice_number, customer_id=self.customer_id)

    async def find_by_external_id(self, external_ids: Iterable[str]) -> dict[str, Invoice]:
        """The company's invoices with these ids of another system; like `Invoices.find_by_external_id`. One request for 100."""
        return await self._invoices.find_by_external_id(external_ids, customer_id=self.customer_id)

    def get_many(self, invoice_ids: Iterable[int], *, concurrency: int = 8) -> GetMany:
        """The invoices with these ids, like `Invoices.get_many`.

        If an invoice belongs to another company, the `error` of its outcome is a ForeignInvoiceError.
        """
        return self._invoices.get_many(invoice_ids, concurrency=concurrency, customer_id=self.customer_id)

    async def payment_history(self, invoice_id: int) -> PaymentHistory:
        """One of the company's invoices with its payments, like `Invoices.payment_history`. Two requests; more if they disagree.

        Raises:
            ForeignInvoiceError: The invoice belongs to another company; ForeignPaymentError: one of its payments does.
            NotFoundError: There is no such invoice.
        """
        return await read_history(self.get, self._payments_of, invoice_id)

    async def pdf_links(self, invoice_id: int) -> PDFLinks:
        """The links to the PDF. Two requests: the first one reads the invoice to check its company.

        Raises:
            ForeignInvoiceError: The invoice belongs to another company.
        """
        await self.get(invoice_id)
        return await self._invoices.pdf_links(invoice_id)

    async def download_pdf(
        self,
        invoice_id: int,
        destination: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        external: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Store the PDF, like `Invoices.download_pdf`. One more request, which reads the invoice first to check its company.

        Raises:
            ForeignInvoiceError: The invoice belongs to another company.
        """
        await self.get(invoice_id)
        return await self._invoices.download_pdf(
            invoice_id, destination, overwrite=overwrite, external=external, progress=progress
        )

    @asynccontextmanager
    async def open_pdf(self, invoice_id: int, *, external: bool = False) -> AsyncGenerator[PDFStream]:
        """The PDF as a stream, like `Invoices.open_pdf`. One more request, which reads the invoice first to check its company.

        Raises:
            ForeignInvoiceError: The invoice belongs to another company.
        """
        await self.get(invoice_id)
        async with self._invoices.open_pdf(invoice_id, external=external) as pdf:
            yield pdf

    def _own(self, query: InvoiceQuery) -> InvoiceQuery:
        if query.customer_id not in (None, self.customer_id):
            raise ValueError(
                f"the query asks for company {query.customer_id}, but this view shows only company {self.customer_id}"
            )
        return attrs.evolve(query, customer_id=self.customer_id)
