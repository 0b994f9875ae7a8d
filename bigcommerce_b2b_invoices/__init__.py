"""Async client with pagination iterators for the BigCommerce B2B Edition Invoice Management API."""

from bigcommerce_b2b_invoices._version import __version__
from bigcommerce_b2b_invoices.client import B2BClient, ClientSettings
from bigcommerce_b2b_invoices.errors import (
    APIError,
    AuthenticationError,
    B2BError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    ConnectFailedError,
    DecodeError,
    DownloadError,
    EditConflictError,
    FilterIgnoredError,
    ForbiddenError,
    ForeignInvoiceError,
    IncompleteWalkError,
    InvoiceNumberTakenError,
    NotFoundError,
    OffsetIgnoredError,
    OutcomeUnknownError,
    PayloadTooLargeError,
    RateLimitError,
    RateLimitWaitError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    TransportError,
    UnprocessableError,
    UnsafeURLError,
)
from bigcommerce_b2b_invoices.models.balance import BalanceCheck, PaymentHistory
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.extra_field import (
    ExtraField,
    ExtraFieldConfig,
    ExtraFieldConfigType,
    ExtraFieldFault,
    ExtraFieldProblem,
    ExtraFieldType,
)
from bigcommerce_b2b_invoices.models.invoice import (
    Address,
    CostLine,
    Invoice,
    InvoiceContents,
    InvoiceDetails,
    InvoiceFromOrder,
    InvoiceHeader,
    InvoiceSource,
    InvoiceStatus,
    LineItem,
    Money,
    PDFLinks,
    Shipment,
)
from bigcommerce_b2b_invoices.models.outcome import BulkSummary, Failure, Outcome, Success
from bigcommerce_b2b_invoices.models.page import Page, WalkReport
from bigcommerce_b2b_invoices.models.payment import (
    Payment,
    PaymentCard,
    PaymentLine,
    PaymentOperation,
    PaymentOperations,
    PaymentStatus,
    PaymentTransaction,
)
from bigcommerce_b2b_invoices.models.payment_draft import OfflinePaymentDraft, PaymentShare, RecordedPayment
from bigcommerce_b2b_invoices.models.payment_query import PaymentQuery, PaymentSearchField, PaymentSortField
from bigcommerce_b2b_invoices.models.query import Direction, InvoiceQuery, SearchField, SortField
from bigcommerce_b2b_invoices.models.receipt import Receipt, ReceiptLine
from bigcommerce_b2b_invoices.models.receipt_query import (
    ReceiptLineQuery,
    ReceiptLineSearchField,
    ReceiptLineSortField,
    ReceiptQuery,
    ReceiptSearchField,
    ReceiptSortField,
)
from bigcommerce_b2b_invoices.payment_errors import (
    CompanyMismatchError,
    CurrencyMismatchError,
    DuplicatePaymentError,
    ForeignPaymentError,
    OverpaymentError,
    PaymentRefusedError,
    PaymentStateError,
    ReferenceTakenError,
)
from bigcommerce_b2b_invoices.resources.books import check_balance
from bigcommerce_b2b_invoices.resources.company import CompanyInvoices
from bigcommerce_b2b_invoices.resources.company_payments import CompanyPayments
from bigcommerce_b2b_invoices.resources.extra_fields import ExtraFields
from bigcommerce_b2b_invoices.resources.get_many import GetMany, GetPlan
from bigcommerce_b2b_invoices.resources.invoices import Invoices
from bigcommerce_b2b_invoices.resources.payments import Payments
from bigcommerce_b2b_invoices.resources.pdf import PDFStream
from bigcommerce_b2b_invoices.resources.receipts import Receipts
from bigcommerce_b2b_invoices.transport.observe import Attempt, Instrument, Operation, Sending, Wait
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter, RateLimitSnapshot
from bigcommerce_b2b_invoices.transport.retry import RetryPolicy
from bigcommerce_b2b_invoices.transport.transport import Timeout
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.stream import BulkRun
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.converter import from_json, to_json
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT
from bigcommerce_b2b_invoices.wire.plain import from_dict, to_dict

__all__ = [
    "MAX_LIMIT",
    "APIError",
    "Address",
    "Attempt",
    "AuthenticationError",
    "B2BClient",
    "B2BError",
    "BadRequestError",
    "BalanceCheck",
    "BulkRun",
    "BulkSummary",
    "ChangeFeed",
    "ClientClosedError",
    "ClientSettings",
    "CompanyInvoices",
    "CompanyMismatchError",
    "CompanyPayments",
    "ConfigurationError",
    "ConflictError",
    "ConnectFailedError",
    "CostLine",
    "CurrencyMismatchError",
    "DecodeError",
    "Direction",
    "DownloadError",
    "DuplicatePaymentError",
    "EditConflictError",
    "ExtraField",
    "ExtraFieldConfig",
    "ExtraFieldConfigType",
    "ExtraFieldFault",
    "ExtraFieldProblem",
    "ExtraFieldType",
    "ExtraFields",
    "Failure",
    "FilterIgnoredError",
    "ForbiddenError",
    "ForeignInvoiceError",
    "ForeignPaymentError",
    "GetMany",
    "GetPlan",
    "IncompleteWalkError",
    "Instrument",
    "Invoice",
    "InvoiceChanges",
    "InvoiceContents",
    "InvoiceDetails",
    "InvoiceDraft",
    "InvoiceFromOrder",
    "InvoiceHeader",
    "InvoiceNumberTakenError",
    "InvoiceQuery",
    "InvoiceSource",
    "InvoiceStatus",
    "Invoices",
    "LineItem",
    "Money",
    "NotFoundError",
    "OfflinePaymentDraft",
    "OffsetIgnoredError",
    "Operation",
    "Outcome",
    "OutcomeUnknownError",
    "OverpaymentError",
    "PDFLinks",
    "PDFStream",
    "Page",
    "PayloadTooLargeError",
    "Payment",
    "PaymentCard",
    "PaymentHistory",
    "PaymentLine",
    "PaymentOperation",
    "PaymentOperations",
    "PaymentQuery",
    "PaymentRefusedError",
    "PaymentSearchField",
    "PaymentShare",
    "PaymentSortField",
    "PaymentStateError",
    "PaymentStatus",
    "PaymentTransaction",
    "Payments",
    "RateLimitError",
    "RateLimitSnapshot",
    "RateLimitWaitError",
    "RateLimiter",
    "Receipt",
    "ReceiptLine",
    "ReceiptLineQuery",
    "ReceiptLineSearchField",
    "ReceiptLineSortField",
    "ReceiptQuery",
    "ReceiptSearchField",
    "ReceiptSortField",
    "Receipts",
    "RecordedPayment",
    "ReferenceTakenError",
    "RequestTimeoutError",
    "ResponseError",
    "RetryPolicy",
    "SearchField",
    "Sending",
    "ServerError",
    "Shipment",
    "SortField",
    "Success",
    "Timeout",
    "TransportError",
    "UnprocessableError",
    "UnsafeURLError",
    "Wait",
    "Walk",
    "WalkReport",
    "__version__",
    "check_balance",
    "from_dict",
    "from_json",
    "to_dict",
    "to_json",
]
