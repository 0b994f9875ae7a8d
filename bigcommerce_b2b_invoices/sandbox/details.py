"""The parts of an invoice that its row does not hold. They depend only on the seed and the row, and are made on demand.

The cost lines add up to the original balance. The line items (quantity times unit price; discounts are zero) add up to the
subtotal. The module joins ready-made pieces of JSON text: with dicts, a page of 250 would take twice as long. It encodes words
that may need an escape (names, addresses, products) once, on import. The other values need no escape.
"""

import json
from random import Random

from .generate import minor_digits
from .money import to_text
from .rows import Row
from .words import CARRIERS, CHANNELS, COMPANIES, EXTRA_FIELDS, PRODUCTS

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_CURRENCIES = {company.customer_id: company.currency for company in COMPANIES}
_NAMES = {company.customer_id: _encode(company.name) for company in COMPANIES}
_ADDRESSES = {company.customer_id: [_encode(address) for address in company.addresses] for company in COMPANIES}
_ITEMS = [
    f'"sku":{_encode(sku)},"type":"physical","comments":"","description":{_encode(description)},"productId":{product_id}'
    for sku, product_id, description in PRODUCTS
]
_QUANTITIES = (2, 3, 4, 5, 6, 8, 10, 12)
_EXTRA_FIELDS = [(_encode(config["fieldName"]), config["listOfValue"]) for config in EXTRA_FIELDS]
_REQUIRED = [field for field, config in zip(_EXTRA_FIELDS, EXTRA_FIELDS, strict=True) if config["isRequired"]]
_OPTIONAL = [field for field in _EXTRA_FIELDS if field not in _REQUIRED]
_TERMS = ',"termsConditions":"Payable within the stated period. Goods remain ours until paid in full."'


def make_text(seed: int, store_hash: str, row: Row) -> tuple[str, str]:
    """The invoice as JSON, with the mixture of types that real answers have, and its extra fields as JSON."""
    random = Random((seed << 32) + row.id)  # a number, because a text would be hashed first
    chance = random.random
    currency = _CURRENCIES[row.customer_id]
    name = _NAMES[row.customer_id]
    quote = '"' if chance() < 0.03 else ""  # around times: most are numbers, a few are text
    pending = "" if row.is_pending_payment is None else f'"isPendingPayment":{row.is_pending_payment},'
    link = f"https://erp.example.com/pdf/{row.invoice_number}.pdf?v=1%2F2" if chance() < 0.05 else None
    order_number = row.order_number if isinstance(row.order_number, int) else _text(row.order_number)
    text = (
        f'{{"id":{row.id},"storeHash":"{store_hash}","customerId":"{row.customer_id}",'
        f'"externalId":{_text(row.external_id)},"externalCustomerId":{_text(row.external_customer_id)},'
        f'"invoiceNumber":"{row.invoice_number}","type":"{row.type}",'
        f'"dueDate":{"null" if row.due_date is None else row.due_date},"status":{row.status},'
        f'"orderNumber":{order_number},"purchaseOrderNumber":{_text(row.purchase_order_number)},'
        f'"details":{_details(random, row, currency)},{pending}"pendingPaymentCount":{row.is_pending_payment or 0},'
        f'"notAllowedPay":0,"source":{row.source},'
        f'"originalBalance":{{"code":"{currency}","value":"{to_text(row.original_balance)}"}},'
        f'"openBalance":{{"code":"{currency}","value":"{to_text(row.open_balance)}"}},'
        f'"customerName":{name},"bcId":{int(row.customer_id) - 90_000},"bcGroupName":{name},'
        f'"createdAt":{quote}{row.created_at}{quote},"updatedAt":{quote}{row.updated_at}{quote},'
        f'"channelId":{_text(row.channel_id)},"channelName":"{CHANNELS.get(row.channel_id or "", "")}",'
        f'"externalPdfUrl":{_text(link)}{_TERMS if chance() < 0.2 else ""}}}'
    )
    return text, _extra_fields(random)


def _text(value: object) -> str:
    return "null" if value is None else f'"{value}"'


def _extra_fields(random: Random) -> str:
    number = int(random.random() * 10)
    fields = []
    for name, values in (*_REQUIRED, *_OPTIONAL[number : number + 2]):
        value = values[number % len(values)] if isinstance(values, list) else number
        fields.append(f'{{"fieldName":{name},"fieldValue":"{value}"}}')
    return f"[{','.join(fields)}]"


def _details(random: Random, row: Row, currency: str) -> str:
    chance = random.random
    from_erp = row.source == 1
    if from_erp and (blank := chance()) < 0.04:
        return "null" if blank < 0.02 else "{}"
    total = row.original_balance // 10 ** (4 - minor_digits(currency))
    tax = total * int(chance() * 20) // 120
    freight = total // 20 if chance() < 0.5 else 0
    subtotal = total - tax - freight
    amounts = [_amount(coins, currency, from_erp=from_erp) for coins in (subtotal, freight, tax)]
    addresses = _ADDRESSES[row.customer_id]
    kind = "" if from_erp else '"type":"StandardInvoiceDetails",'
    shipments = f',"shipments":[{_shipment(random, row)}]' if chance() < 0.3 else ""
    return (
        f'{{{kind}"header":{{"costLines":[{{"amount":{amounts[0]},"description":"Subtotal"}},'
        f'{{"amount":{amounts[1]},"description":"Freight"}},{{"amount":{amounts[2]},"description":"Sales Tax"}}],'
        f'"orderDate":{row.created_at - 3600},"billingAddress":{addresses[0]},"customerFields":{{}},'
        f'"shippingAddresses":[{addresses[int(chance() * len(addresses))]}]}},'
        f'"details":{{"lineItems":[{_line_items(random, subtotal, currency, from_erp=from_erp)}]{shipments}}}}}'
    )


def _amount(coins: int, currency: str, *, from_erp: bool) -> str:
    """An amount as its writer wrote it: text from an ERP, a JSON number from B2B Edition."""
    digits = minor_digits(currency)
    if from_erp:
        return f'{{"code":"{currency}","value":"{to_text(coins * 10 ** (4 - digits))}"}}'
    return f'{{"code":"{currency}","value":{coins / 100 if digits else coins}}}'


def _line_items(random: Random, subtotal: int, currency: str, *, from_erp: bool) -> str:
    chance = random.random
    quote = '"' if from_erp else ""
    items = []
    left = subtotal
    for remaining in range(int(chance() * chance() * 6), -1, -1):  # one to six; low numbers are more likely
        share = 1 + int(chance() * (left - remaining - 1) * 0.7) if remaining else left
        left -= share
        quantity = _QUANTITIES[int(chance() * len(_QUANTITIES))]
        if share % quantity:
            quantity = 1
        custom_fields = "{}" if chance() < 0.9 else '{"key":"Back-ordered","value":"No"}'
        items.append(
            f'{{{_ITEMS[int(chance() * len(_ITEMS))]},"quantity":{quote}{quantity}{quote},'
            f'"unitPrice":{_amount(share // quantity, currency, from_erp=from_erp)},'
            f'"unitDiscount":{{"code":"{currency}","value":{quote}0{quote}}},"customFields":{custom_fields}}}'
        )
    return ",".join(items)


def _shipment(random: Random, row: Row) -> str:
    carrier = CARRIERS[int(random.random() * len(CARRIERS))]
    return (
        f'{{"addressIndex":"0","shipDate":"{row.created_at + 7200}","shipVia":"{carrier}",'
        f'"trackingNumber":"1Z{row.id:010d}","comments":"","customFields":{{}}}}'
    )
