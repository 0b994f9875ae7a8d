"""The receipts of the sandbox, and their lines. The server makes them; a test can only delete them."""

from .answers import Body
from .rows import objects_at

OFFLINE = "payments_offline"
COMPLETED = 3


class Receipts:
    """Receipts and their lines, each by id."""

    def __init__(self) -> None:
        self.receipts: dict[int, Body] = {}
        self.lines: dict[int, Body] = {}
        self._made_for: set[int] = set()  # ids of payments
        self._next_id = self._next_line_id = 1

    def follow(self, payment_id: int, payment: Body) -> None:
        """Make the receipt of a completed payment, once, and let its lines show the payment's status."""
        if payment_id in self._made_for:
            for line in self.lines.values():
                if line["paymentId"] == payment_id:
                    line["paymentStatus"] = payment["processingStatus"]
        elif payment["processingStatus"] == COMPLETED:
            self._made_for.add(payment_id)
            self._make(payment_id, payment)

    def delete(self, receipt_id: int) -> None:
        """Delete a receipt with its lines. No balance changes."""
        del self.receipts[receipt_id]
        self.lines = {key: line for key, line in self.lines.items() if line["receiptId"] != receipt_id}

    def delete_line(self, line_id: int) -> None:
        """Delete a line of a receipt."""
        del self.lines[line_id]

    def with_payer(self, line: Body) -> Body:
        """A line with the payer of its receipt, who can be searched for although lines do not show him."""
        receipt_id = line["receiptId"]
        return {**self.receipts.get(receipt_id, {}), **line} if isinstance(receipt_id, int) else line

    def _make(self, payment_id: int, payment: Body) -> None:
        details = payment["details"]
        memo = details.get("memo") if isinstance(details, dict) else None
        is_offline = payment["moduleName"] == OFFLINE
        head = {key: payment[key] for key in ("createdAt", "updatedAt", "storeHash", "customerId")}
        head |= {key: payment[key] or "" for key in ("externalId", "externalCustomerId")}  # "" as in the examples
        kind: Body = {
            "transactionType": "Paid",
            "paymentType": "Offline" if is_offline else "Visa ending in 1111",
            "referenceNumber": str(memo or "") if is_offline else f"{300_000 + payment_id}",
            "paymentId": payment_id,
        }
        receipt_id = self._next_id
        self._next_id += 1
        payer = {key: payment[key] for key in ("payerName", "payerCustomerId")}
        shown = {"details": {"paymentDetails": {"memo": memo}}, "total": payment["total"]}
        self.receipts[receipt_id] = {"id": receipt_id, **head, **payer, **kind, **shown}
        for item in objects_at(payment["lineItems"]):
            line_id = self._next_line_id
            self._next_line_id += 1
            share = {
                "receiptId": receipt_id,
                "invoiceId": item.get("invoiceId"),
                "invoiceNumber": item.get("invoiceNumber", ""),
                "amount": item.get("amount"),
                "paymentStatus": payment["processingStatus"],
            }
            self.lines[line_id] = {"id": line_id, **head, **kind, **share}
