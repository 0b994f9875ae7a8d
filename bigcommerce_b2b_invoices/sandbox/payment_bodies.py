"""Payments as the API shows them: a new one, and a made-up one. Money is text with four decimals."""

from decimal import Decimal

from .answers import Body
from .made_payments import MadePayment
from .money import to_text, to_ticks
from .receipts import COMPLETED, OFFLINE
from .rows import amount_of, objects_at
from .store import Store
from .words import CHANNELS, COMPANIES

FROM_ORDER = "payments_bigcommerce_sales_order"
Share = tuple[int, Decimal]  # an invoice's id, and an amount
_COMPANIES = {company.customer_id: company for company in COMPANIES}


def new_payment(payment_id: int, *, customer_id: str, store_hash: str, now: int) -> Body:
    """A completed offline payment without lines that is not applied."""
    company = _COMPANIES.get(customer_id)
    return {
        "id": payment_id,
        "createdAt": now,
        "updatedAt": now,
        "storeHash": store_hash,
        "customerId": customer_id,
        "externalId": None,
        "externalCustomerId": None,
        "payerName": "Store offline payment",
        "payerCustomerId": customer_id,
        "details": {"memo": ""},
        "moduleName": OFFLINE,
        "fees": [],
        "moduleData": {"transactions": [{"type": "OfflineTransaction", "memo": "k", "rawTransaction": None}]},
        "processingStatus": COMPLETED,
        "appliedStatus": 0,
        "fundingStatus": 2,
        "total": {"code": company.currency if company else "USD", "value": "100.0000"},
        "lineItems": [],
        "customerName": company.name if company else "",
        "channelId": "1",
        "channelName": CHANNELS["1"],
    }


def shares_as_lines(payment_id: int, code: object, shares: list[Share], store: Store) -> Body:
    """The lines and the total of a payment."""
    lines = []
    for invoice_id, amount in shares:
        row = store.rows.get(invoice_id)
        number = row.invoice_number if row else ""
        lines.append({"paymentId": payment_id, "invoiceId": invoice_id, "invoiceNumber": number, "amount": _money(code, amount)})
    return {"total": _money(code, sum((amount for _, amount in shares), Decimal(0))), "lineItems": lines}


def made_up_payment(payment_id: int, made: MadePayment, store: Store, store_hash: str) -> Body:
    """A payment of the made-up past."""
    company = _COMPANIES[made.customer_id]
    shares = [(invoice_id, Decimal(ticks).scaleb(-4)) for invoice_id, ticks in made.shares]
    body = new_payment(payment_id, customer_id=made.customer_id, store_hash=store_hash, now=made.created_at)
    body |= shares_as_lines(payment_id, company.currency, shares, store)
    body |= {"processingStatus": made.status, "appliedStatus": int(made.is_applied)}
    body["details"] = {"memo": f"Check#:{10_000 + payment_id}" if made.is_offline else "payment"}
    if not made.is_offline:
        card = {"type": "CreditCardTransaction", "memo": "k", "rawTransaction": None}
        module = {"cartId": f"cart-{payment_id}", "orderId": 100 + payment_id, "transactions": [card]}
        body |= {"moduleName": FROM_ORDER, "moduleData": module, "payerName": f"{company.name} Admin"}
    return body


def shares_of(body: Body) -> list[tuple[int, str, Decimal]]:
    """Invoice, currency and amount of each line that has them."""
    shares = []
    for line in objects_at(body["lineItems"]):
        money, invoice_id = line.get("amount"), line.get("invoiceId")
        amount = amount_of(money)
        if isinstance(invoice_id, int) and isinstance(money, dict) and amount is not None:
            shares.append((invoice_id, str(money.get("code")), amount))
    return shares


def _money(code: object, amount: Decimal) -> Body:
    return {"code": code, "value": to_text(to_ticks(amount))}
