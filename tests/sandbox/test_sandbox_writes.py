"""`POST`, `PUT` and `DELETE`: what is taken, what is refused, and what is read back."""

import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from bigcommerce_b2b_invoices.sandbox import Sandbox

Api = Callable[..., Awaitable[tuple[int, Any]]]

DRAFT: dict[str, Any] = {
    "invoiceNumber": "N-1",
    "originalBalance": {"code": "USD", "value": 100},
    "openBalance": {"code": "USD", "value": 33.14},
    "customerId": "95017",
}
INVALID_NUMBER = {"message": "Bad Requests Error", "errors": "Please enter a valid number; "}


async def create(api: Api, **changes: Any) -> Any:
    """Make an invoice and read it back."""
    status, body = await api("POST", "/invoices", json={**DRAFT, **changes})
    assert (status, body["code"], body["meta"]) == (200, 200, {"message": "Success"}), body
    return await get(api, body["data"]["id"])


async def get(api: Api, invoice_id: int) -> Any:
    status, body = await api("GET", f"/invoices/{invoice_id}")
    assert (status, body["code"], body["meta"]["message"]) == (200, 200, "SUCCESS")
    return body["data"]


async def test_an_invoice_is_read_as_it_was_written(api: Api, sandbox: Sandbox) -> None:
    sent = {
        "type": "Invoice",
        "dueDate": 1_900_000_000,
        "status": 1,
        "orderNumber": "104",
        "purchaseOrderNumber": "PO",
        "issuedAt": 1_700_000_000,
        "source": 1,
        "externalId": "23",
        "externalCustomerId": "E-1",
        "externalPdfUrl": "https://example.com/x.pdf",
        "termsConditions": "Net 30",
        "extraFields": [{"fieldName": "Region", "fieldValue": "Übersee"}],
    }
    invoice = await create(api, **sent, channelId=2)
    created_at = sent.pop("issuedAt")
    assert invoice["createdAt"] == created_at
    assert {key: invoice[key] for key in sent} == sent
    assert (invoice["channelId"], invoice["channelName"]) == ("2", "B2B Buyer Portal")
    assert invoice["customerName"] == "Müller & Söhne Großhandel GmbH"
    assert invoice["id"] == sandbox.invoice_ids[-1]


async def test_what_is_left_out_has_a_default(api: Api) -> None:
    invoice = await create(api)
    assert (invoice["type"], invoice["status"], invoice["source"], invoice["details"]) == ("Invoice", 0, 0, {})
    assert time.time() - 5 < invoice["createdAt"] == invoice["updatedAt"] <= time.time()
    assert invoice["dueDate"] > invoice["createdAt"]


@pytest.mark.parametrize(
    ("written", "read"),
    [("100", "100.0000"), ("33.14", "33.1400"), ("0.00005", "0.0001"), ("0.00004", "0.0000"), ("1e2", "100.0000")],
)
async def test_a_balance_is_read_with_four_decimals_rounded_half_up(api: Api, written: str, read: str) -> None:
    text = '{"invoiceNumber":"N","customerId":"1","openBalance":{"code":"USD","value":1},'
    _, body = await api("POST", "/invoices", data=text + f'"originalBalance":{{"code":"USD","value":{written}}}}}')
    assert (await get(api, body["data"]["id"]))["originalBalance"] == {"code": "USD", "value": read}


async def test_details_come_back_digit_for_digit(api: Api, sandbox: Sandbox) -> None:
    details = (
        '{"header":{"costLines":[{"amount":{"code":"USD","value":"1.10"},"description":"Subtotal"}],"ours":null},'
        '"details":{"lineItems":[{"quantity":"2","customFields":{"a":0.1000,"b":123456789012345678.123456789,"c":1.50}}]},'
        '"unknown":["日本","\\ud83d\\ude00","\\ud800",1e5]}'
    )
    text = '{"invoiceNumber":"N","customerId":"1","openBalance":{"code":"USD","value":1},'
    text += f'"originalBalance":{{"code":"USD","value":1}},"details":{details}}}'
    _, body = await api("POST", "/invoices", data=text)
    returned = (await api("GET", f"/invoices/{body['data']['id']}", raw=True))[1]
    assert '"a":0.1000,"b":123456789012345678.123456789,"c":1.50' in returned
    assert '"unknown":["日本","😀","\\ud800",1E+5]' in returned
    assert sandbox.request_count == 2


@pytest.mark.parametrize("key", ["invoiceNumber", "originalBalance", "openBalance", "customerId"])
async def test_a_required_key_left_out_is_422(api: Api, key: str) -> None:
    status, body = await api("POST", "/invoices", json={name: value for name, value in DRAFT.items() if name != key})
    assert (status, body["code"], body["data"]) == (422, 422, {key: ["This field is required."]})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("invoiceNumber", ""),
        ("invoiceNumber", 7),
        ("customerId", 95017),
        ("purchaseOrderNumber", None),
        ("details", None),
        ("details", "text"),
        ("status", 3),
        ("status", True),
        ("source", "1"),
        ("dueDate", "1700000000"),
        ("issuedAt", -1),
        ("channelId", "1"),
        ("openBalance", 12),
        ("openBalance", {"value": 12}),
        ("openBalance", {"code": "USD", "value": None}),
        ("extraFields", {}),
        ("extraFields", [{"fieldName": "Region"}]),
    ],
)
async def test_a_value_of_a_wrong_type_is_422(api: Api, key: str, value: Any) -> None:
    status, body = await api("POST", "/invoices", json={**DRAFT, key: value})
    assert (status, list(body["data"])) == (422, [key])


async def test_all_wrong_fields_are_named_at_once(api: Api) -> None:
    _, body = await api("POST", "/invoices", json={"customerId": 1})
    assert set(body["data"]) == {"invoiceNumber", "originalBalance", "openBalance", "customerId"}


@pytest.mark.parametrize("value", ["100", True, 10**15])
async def test_a_balance_of_a_new_invoice_must_be_a_number(api: Api, value: Any) -> None:
    status, body = await api("POST", "/invoices", json={**DRAFT, "openBalance": {"code": "USD", "value": value}})
    assert (status, body) == (200, {"code": 400, "data": {}, "meta": INVALID_NUMBER})


@pytest.mark.parametrize(
    "details",
    [
        {"header": {"costLines": [{"amount": {"code": "USD", "value": 90.5}}]}},
        {"details": {"lineItems": [{"quantity": 2}]}},
        {"details": {"lineItems": [{"unitPrice": {"code": "USD", "value": 2}}]}},
        {"details": {"lineItems": [{"unitDiscount": {"code": "USD", "value": 0.5}}]}},
    ],
)
async def test_amounts_in_the_details_of_a_new_invoice_must_be_strings(api: Api, details: Any) -> None:
    status, body = await api("POST", "/invoices", json={**DRAFT, "details": details})
    assert (status, body["code"], list(body["data"])) == (200, 400, ["errMsg"])


async def test_a_null_channel_is_not_found(api: Api, sandbox: Sandbox) -> None:
    status, body = await api("POST", "/invoices", json={**DRAFT, "channelId": None})
    assert (status, body["code"]) == (200, 404)
    assert len(sandbox.invoice_ids) == 240


async def test_an_invoice_number_is_unique_on_post_and_put(api: Api, sandbox: Sandbox) -> None:
    taken = {"code": 400, "data": {"errMsg": "The invoice number already exists."}, "meta": {"message": "Bad Requests Error"}}
    first = await create(api)
    assert await api("POST", "/invoices", json=DRAFT) == (200, taken)
    path = f"/invoices/{sandbox.invoice_ids[0]}"
    assert await api("PUT", path, json={"invoiceNumber": DRAFT["invoiceNumber"]}) == (200, taken)
    _, body = await api("PUT", f"/invoices/{first['id']}", json={"invoiceNumber": DRAFT["invoiceNumber"]})
    assert body["code"] == 200, "its own number is not taken"
    await api("DELETE", f"/invoices/{first['id']}")
    assert (await create(api))["id"] == first["id"] + 1, "a deleted number is free again, a deleted id is not"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("text", ["{", '{"a": NaN}', "[]", '{"a": 1e9999999999999999999}', "[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused_by_the_gateway(
    api: Api, sandbox: Sandbox, method: str, text: str
) -> None:
    path = "/invoices" if method == "POST" else f"/invoices/{sandbox.invoice_ids[0]}"
    status, body = await api(method, path, data=text)
    assert (status, body["status"], body["title"]) == (400, 400, "Bad Request")


@pytest.mark.parametrize("value", [0, -5])
async def test_an_invoice_without_an_open_balance_is_completed(api: Api, value: int) -> None:
    assert (await create(api, openBalance={"code": "USD", "value": value}))["status"] == 2
    open_invoice = await create(api, invoiceNumber="N-2")
    await api("PUT", f"/invoices/{open_invoice['id']}", json={"openBalance": {"code": "USD", "value": str(value)}})
    assert (await get(api, open_invoice["id"]))["status"] == 2


async def test_put_changes_only_the_given_keys(api: Api, sandbox: Sandbox) -> None:
    for invoice_id in sandbox.invoice_ids[:20]:
        before = await get(api, invoice_id)
        balance = {"code": "USD", "value": "12.0"}
        changes = {"createdAt": 1_650_000_000, "openBalance": balance, "details": {"new": 1.5}, "orderNumber": "ignored"}
        status, body = await api("PUT", f"/invoices/{invoice_id}", json=changes)
        assert (status, body) == (200, {"code": 200, "data": {"id": invoice_id}, "meta": {"message": "SUCCESS"}})
        after = await get(api, invoice_id)
        assert after.pop("updatedAt") > int(before.pop("updatedAt"))
        balance = {"code": "USD", "value": "12.0000"}
        assert after == {**before, "createdAt": 1_650_000_000, "openBalance": balance, "details": {"new": 1.5}}


async def test_details_read_from_the_api_may_be_written_back(api: Api, sandbox: Sandbox) -> None:
    for invoice_id in sandbox.invoice_ids[:20]:
        details = (await get(api, invoice_id))["details"] or {}
        _, body = await api("PUT", f"/invoices/{invoice_id}", json={"details": details})
        assert body["code"] == 200
        assert (await get(api, invoice_id))["details"] == details


async def test_put_moves_an_invoice_to_another_company(api: Api, sandbox: Sandbox) -> None:
    path = f"/invoices/{sandbox.invoice_ids[0]}"
    await api("PUT", path, json={"customerId": "95085"})
    assert (await get(api, sandbox.invoice_ids[0]))["customerName"] == "Boulangerie Édouard & Fils"


async def test_an_empty_link_takes_the_link_away(api: Api) -> None:
    invoice = await create(api, externalPdfUrl="https://example.com/x.pdf")
    await api("PUT", f"/invoices/{invoice['id']}", json={"externalPdfUrl": ""})
    assert (await get(api, invoice["id"]))["externalPdfUrl"] is None
    _, links = await api("GET", f"/invoices/{invoice['id']}/download-pdf")
    assert list(links["data"]) == ["url"]


@pytest.mark.parametrize("value", [12, 12.5, "", "twelve", "1e3", "NaN", "1_0"])
async def test_a_balance_of_put_must_be_a_number_as_text(api: Api, sandbox: Sandbox, value: Any) -> None:
    invoice_id = sandbox.invoice_ids[0]
    before = await get(api, invoice_id)
    changes = {"openBalance": {"code": "USD", "value": value}}
    status, body = await api("PUT", f"/invoices/{invoice_id}", json=changes)
    assert (status, body) == (200, {"code": 400, "data": {"id": invoice_id}, "meta": INVALID_NUMBER})
    assert await get(api, invoice_id) == before


@pytest.mark.parametrize(("key", "value"), [("status", 9), ("externalId", ""), ("dueDate", None), ("details", [])])
async def test_put_checks_types(api: Api, sandbox: Sandbox, key: str, value: Any) -> None:
    status, body = await api("PUT", f"/invoices/{sandbox.invoice_ids[0]}", json={key: value})
    assert (status, list(body["data"])) == (422, [key])


async def test_a_deleted_invoice_is_gone(api: Api, sandbox: Sandbox) -> None:
    invoice_id = sandbox.invoice_ids[7]
    status, body = await api("DELETE", f"/invoices/{invoice_id}")
    assert (status, body) == (200, {"code": 200, "data": {"id": invoice_id}, "meta": {"message": "Success"}})
    assert invoice_id not in sandbox.invoice_ids
    assert (await api("GET", f"/invoices/{invoice_id}"))[0] == 404
    assert (await api("DELETE", f"/invoices/{invoice_id}"))[0] == 404


@pytest.mark.parametrize("invoice_id", ["1", "export", "-5", "1.0", "٣", "9" * 30])
@pytest.mark.parametrize(
    ("method", "end", "http_status"),
    [("GET", "", 404), ("DELETE", "", 404), ("GET", "/download-pdf", 404), ("PUT", "", 200)],
)
async def test_an_unknown_invoice_is_404_in_the_body(api: Api, method: str, end: str, http_status: int, invoice_id: str) -> None:
    status, body = await api(method, f"/invoices/{invoice_id}{end}", json={})
    assert status == http_status
    assert body == {"code": 404, "data": {"errMsg": "Invoice does not exist"}, "meta": {"message": "Not Found Error"}}


async def test_an_order_gets_one_invoice(api: Api, sandbox: Sandbox) -> None:
    order_id = sandbox.order_ids[0]
    status, body = await api("POST", f"/orders/{order_id}/invoices")
    invoice = await get(api, body["data"]["invoiceId"])
    assert (status, body["code"], body["data"]["invoiceNumber"]) == (200, 200, invoice["invoiceNumber"])
    assert Decimal(invoice["openBalance"]["value"]) > 0
    assert order_id not in sandbox.order_ids
    status, body = await api("POST", f"/orders/{order_id}/invoices")
    assert (status, body["code"], body["data"]["errMsg"]) == (200, 400, "An invoice already exists for this order.")
    await api("DELETE", f"/invoices/{invoice['id']}")
    assert order_id in sandbox.order_ids


async def test_an_invoice_from_an_order_never_takes_a_used_number(api: Api, sandbox: Sandbox) -> None:
    next_id = sandbox.invoice_ids[-1] + 2
    await create(api, invoiceNumber=f"{next_id:08d}")
    _, body = await api("POST", f"/orders/{sandbox.order_ids[0]}/invoices")
    assert body["data"] == {"invoiceId": next_id, "invoiceNumber": f"{next_id + 1:08d}"}


@pytest.mark.parametrize("order_id", ["1", "abc"])
async def test_an_unknown_order_is_404_in_a_body_that_names_an_invoice_nonetheless(api: Api, order_id: str) -> None:
    status, body = await api("POST", f"/orders/{order_id}/invoices")
    assert (status, body["code"], body["meta"]) == (200, 404, {"message": "Not Found Error"})
    assert body["data"].keys() == {"invoiceId", "invoiceNumber", "errMsg"}
