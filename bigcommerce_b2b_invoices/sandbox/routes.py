"""The endpoints. Each has a literal route, and is a thin step between a request and the store."""

from collections.abc import Callable
from secrets import token_bytes

from aiohttp import web

from . import answers
from .answers import Body
from .drift import Drift
from .faults import BASE
from .gate import FILES
from .generate import make_row_from_order
from .links import Signer
from .pdf import make_pdf
from .queries import Parameters, read_query
from .rows import Row
from .store import Store
from .words import EXTRA_FIELDS
from .writes import changed_body, new_body


class Routes:
    """The eight endpoints, and the host of the PDF files."""

    def __init__(
        self,
        store: Store,
        *,
        seed: int,
        store_hash: str,
        max_limit: int,
        order_ids: list[int],
        drift: Drift,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._drift = drift
        self._clock = clock
        self._seed = seed
        self._store_hash = store_hash
        self._max_limit = max_limit
        self._signer = Signer(token_bytes(32))
        self._invoice_of_order = dict.fromkeys(order_ids, 0)

    def table(self) -> list[web.RouteDef]:
        """Which request goes where."""
        return [
            web.get(f"{BASE}/invoices", self._get_invoices, allow_head=False),
            web.post(f"{BASE}/invoices", self._create_invoice),
            web.get(f"{BASE}/invoices/extra-fields", self._get_extra_fields, allow_head=False),
            web.get(f"{BASE}/invoices/{{invoiceId}}", self._get_invoice, allow_head=False),
            web.put(f"{BASE}/invoices/{{invoiceId}}", self._update_invoice),
            web.delete(f"{BASE}/invoices/{{invoiceId}}", self._delete_invoice),
            web.get(f"{BASE}/invoices/{{invoiceId}}/download-pdf", self._download_pdf, allow_head=False),
            web.post(f"{BASE}/orders/{{orderId}}/invoices", self._create_invoice_from_order),
            web.get(f"{FILES}{{name}}", self._get_file),
        ]

    def order_ids(self) -> tuple[int, ...]:
        """Orders without an invoice, including those whose invoice was deleted."""
        return tuple(order_id for order_id, made in self._invoice_of_order.items() if made not in self._store.rows)

    async def _get_invoices(self, request: web.Request) -> web.Response:
        query = read_query(request.rel_url, self._max_limit)
        self._drift.before_list()
        rows, total_count = self._store.select(query)
        texts = [self._store.text(row, with_extra_fields=query.with_extra_fields) for row in rows]
        return answers.page(texts, total_count=total_count, offset=query.offset, limit=query.limit)

    async def _get_extra_fields(self, request: web.Request) -> web.Response:
        parameters = Parameters(request.rel_url)
        offset, limit = parameters.page(self._max_limit)
        parameters.check()
        configs = [answers.dump(config) for config in EXTRA_FIELDS[offset : offset + limit]]
        return answers.page(configs, total_count=len(EXTRA_FIELDS), offset=offset, limit=limit)

    async def _get_invoice(self, request: web.Request) -> web.Response:
        text = self._store.text(self._row(request), with_extra_fields=True)
        return web.Response(
            body=b'{"code":200,"data":' + text + b',"meta":{"message":"SUCCESS"}}', content_type="application/json"
        )

    async def _create_invoice(self, request: web.Request) -> web.Response:
        sent = await read_body(request)
        body = new_body(sent, invoice_id=self._store.next_id, store_hash=self._store_hash, now=int(self._clock()))
        self._write(body, self._store.next_id)
        return answers.success({"id": body["id"]}, "Success")

    async def _update_invoice(self, request: web.Request) -> web.Response:
        sent = await read_body(request)
        row = self._row(request, status=200)
        self._write(changed_body(self._store.body(row), sent, now=int(self._clock())), row.id)
        return answers.success({"id": row.id})

    def _write(self, body: Body, key: int) -> None:
        if self._store.numbers.get(str(body["invoiceNumber"]), key) != key:
            raise answers.bad_request("The invoice number already exists.")
        self._store.put_body(body, key=key)

    async def _delete_invoice(self, request: web.Request) -> web.Response:
        row = self._row(request)
        self._store.delete(row.id)
        return answers.success({"id": row.id}, "Success")

    async def _create_invoice_from_order(self, request: web.Request) -> web.Response:
        order_id = digits(request.match_info["orderId"])
        made = self._invoice_of_order.get(order_id)
        invoice_id, number = self._store.next_id, self._store.new_number()
        if made is None:  # the documented error also names an invoice, although there is none
            raise answers.not_found("Order does not exist", status=200, invoiceId=invoice_id, invoiceNumber=number)
        if made in self._store.rows:
            raise answers.bad_request("An invoice already exists for this order.")
        self._store.put(make_row_from_order(self._seed, order_id, invoice_id, number, int(self._clock())))
        self._invoice_of_order[order_id] = invoice_id
        return answers.success({"invoiceId": invoice_id, "invoiceNumber": number})

    async def _download_pdf(self, request: web.Request) -> web.Response:
        row = self._row(request)
        path = self._signer.sign(f"{FILES}invoice-{row.id}.pdf", self._clock())
        links: Body = {"url": f"http://{request.host}{path}"}
        if link := self._store.body(row)["externalPdfUrl"]:
            links["externalPdfUrl"] = link
        return answers.success(links)

    async def _get_file(self, request: web.Request) -> web.Response:
        if "X-Auth-Token" in request.headers or "X-Store-Hash" in request.headers:
            return _xml(400, "CredentialsLeaked", "API credentials must not be sent to the file host.")
        if not self._signer.is_valid(request.raw_path, self._clock()):
            return _xml(403, "AccessDenied", "Request has expired, or its signature does not match.")
        row = self._store.rows.get(digits(request.match_info["name"].removeprefix("invoice-").removesuffix(".pdf")))
        if row is None:
            return _xml(404, "NoSuchKey", "The specified key does not exist.")
        return web.Response(body=make_pdf(self._store.body(row)), content_type="application/pdf")

    def _row(self, request: web.Request, *, status: int = 404) -> Row:
        row = self._store.rows.get(digits(request.match_info["invoiceId"]))
        if row is None:
            raise answers.not_found("Invoice does not exist", status=status)
        return row


def digits(text: str) -> int:
    """The id in a piece of a path, or -1, which is nobody's id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


async def read_body(request: web.Request) -> Body:
    """The JSON object in the body. Raises Refused if there is none."""
    try:
        sent = answers.loads(await request.read())
    except (ValueError, ArithmeticError, RecursionError) as error:  # Arithmetic: a Decimal with an absurd exponent
        raise answers.gateway(400, "Bad Request", "The body is not JSON.") from error
    if not isinstance(sent, dict):
        raise answers.gateway(400, "Bad Request", "The body is not a JSON object.")
    return sent


def _xml(status: int, code: str, message: str) -> web.Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(text=text, status=status, content_type="application/xml")
