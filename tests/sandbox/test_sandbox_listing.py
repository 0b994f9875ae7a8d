"""`GET /invoices` and `GET /invoices/extra-fields`."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

Api = Callable[..., Awaitable[tuple[int, Any]]]
Row = dict[str, Any]


def newest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (int(row["createdAt"]), row["id"]), reverse=True)


def whole(value: Any) -> float:
    return float("-inf") if value is None else int(value)


SORT_KEYS: dict[str, Callable[[Row], Any]] = {
    "invoiceNumber": lambda row: row["invoiceNumber"],
    "createdAt": lambda row: int(row["createdAt"]),
    "customerId": lambda row: int(row["customerId"]),
    "externalCustomerId": lambda row: row["externalCustomerId"] or "",
    "dueDate": lambda row: whole(row["dueDate"]),
    "updatedAt": lambda row: int(row["updatedAt"]),
    "isPendingPayment": lambda row: whole(row.get("isPendingPayment")),
    "openBalance": lambda row: Decimal(row["openBalance"]["value"]),
    "originalBalance": lambda row: Decimal(row["originalBalance"]["value"]),
    "status": lambda row: row["status"],
}
SEARCHED = ("invoiceNumber", "type", "orderNumber", "purchaseOrderNumber", "customerId", "externalCustomerId")


@pytest.fixture
async def rows(api: Api) -> list[Row]:
    """Every invoice of the sandbox, as an unsorted list gives them."""
    _, body = await api("GET", "/invoices", params={"limit": 250})
    rows: list[Row] = body["data"]
    assert len(rows) == 240
    return rows


async def listed(api: Api, *params: tuple[str, str]) -> list[Row]:
    status, body = await api("GET", "/invoices", params=[("limit", "250"), *params])
    assert status == 200
    assert body["meta"]["pagination"]["totalCount"] == len(body["data"])
    rows: list[Row] = body["data"]
    return rows


async def test_ten_invoices_come_when_no_limit_is_given(api: Api) -> None:
    status, body = await api("GET", "/invoices")
    assert (status, body["code"], len(body["data"])) == (200, 200, 10)
    assert body["meta"] == {"message": "SUCCESS", "pagination": {"totalCount": 240, "offset": 0, "limit": 10}}


async def test_an_unsorted_list_comes_newest_first(rows: list[Row]) -> None:
    assert rows == newest_first(rows)
    assert rows != sorted(rows, key=lambda row: row["id"], reverse=True), "some must be back-dated, or this proves nothing"


@pytest.mark.parametrize("field", SORT_KEYS)
async def test_a_list_sorts_both_ways_with_ties_by_id(api: Api, rows: list[Row], field: str) -> None:
    upwards = sorted(rows, key=lambda row: (SORT_KEYS[field](row), row["id"]))
    assert await listed(api, ("sortBy", field), ("orderBy", "ASC")) == upwards
    assert await listed(api, ("sortBy", field), ("orderBy", "DESC")) == upwards[::-1]
    assert await listed(api, ("sortBy", field)) == upwards[::-1], "DESC unless it says otherwise"


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["createdAt", "status"])
async def test_paging_gives_every_invoice_once_and_in_order(api: Api, field: str, order: str) -> None:
    whole_list = await listed(api, ("sortBy", field), ("orderBy", order))
    paged: list[Row] = []
    while True:
        params = {"sortBy": field, "orderBy": order, "limit": 37, "offset": len(paged)}
        _, body = await api("GET", "/invoices", params=params)
        if not body["data"]:
            break
        assert body["meta"]["pagination"] == {"totalCount": 240, "offset": len(paged), "limit": 37}
        paged += body["data"]
    assert paged == whole_list


async def test_a_limit_above_the_maximum_is_cut_down_without_a_word(api: Api) -> None:
    status, body = await api("GET", "/invoices", params={"limit": 1000})
    assert (status, body["meta"]["pagination"]["limit"]) == (200, 250)


@pytest.mark.parametrize("params", [{"companyId": "1"}, {"nonsense": "1"}, {"status": ""}])
async def test_unknown_and_empty_parameters_are_ignored(api: Api, params: dict[str, str]) -> None:
    assert len(await listed(api, *params.items())) == 240


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("limit", "abc"),
        ("limit", "0"),
        ("offset", "-1"),
        ("sortBy", "nonsense"),
        ("orderBy", "desc"),
        ("searchBy", "details"),
        ("status", "9"),
        ("isIncludeExtraFields", "true"),
        ("beginDateAt", "2025-01-01"),
        ("endDateAt", "1.5"),
        ("channelIds", "1,x"),
    ],
)
async def test_a_wrong_value_is_422_and_names_its_field(api: Api, key: str, value: str) -> None:
    status, body = await api("GET", "/invoices", params={key: value})
    assert (status, body["code"], list(body["data"])) == (422, 422, [key])
    assert all(isinstance(message, str) for message in body["data"][key])


@pytest.mark.parametrize("field", ["status", "customerId"])
async def test_a_field_is_matched_exactly(api: Api, rows: list[Row], field: str) -> None:
    for value in {str(row[field]) for row in rows}:
        assert await listed(api, (field, value)) == [row for row in rows if str(row[field]) == value]
    assert await listed(api, ("customerId", "9")) == []


async def test_a_company_is_found_by_a_part_of_its_name_in_any_case(api: Api, rows: list[Row]) -> None:
    expected = [row for row in rows if "Müller" in row["customerName"]]
    assert expected
    assert await listed(api, ("customerName", "MÜLLER")) == expected


@pytest.mark.parametrize("field", SEARCHED)
async def test_q_looks_for_a_part_of_the_field_that_searchby_names(api: Api, rows: list[Row], field: str) -> None:
    word = next(str(row[field]) for row in rows if row[field] is not None)[2:5].swapcase()
    expected = [row for row in rows if word.lower() in str(row[field] or "").lower()]
    assert expected
    assert await listed(api, ("searchBy", field), ("q", word)) == expected


async def test_q_alone_searches_all_six_fields(api: Api, rows: list[Row]) -> None:
    expected = [row for row in rows if any("12" in str(row[field] or "") for field in SEARCHED)]
    found_by_one_field = await listed(api, ("searchBy", "invoiceNumber"), ("q", "12"))
    assert len(found_by_one_field) < len(expected) < 240
    assert await listed(api, ("q", "12")) == expected


async def test_a_time_is_inclusive_at_both_ends_and_either_may_be_left_out(api: Api, rows: list[Row]) -> None:
    begin, end = int(rows[200]["createdAt"]), int(rows[40]["createdAt"])
    after = [row for row in rows if int(row["createdAt"]) >= begin]
    before = [row for row in rows if int(row["createdAt"]) <= end]
    both = [row for row in after if row in before]
    assert await listed(api, ("beginDateAt", str(begin))) == after
    assert await listed(api, ("endDateAt", str(end))) == before
    assert await listed(api, ("beginDateAt", str(begin)), ("endDateAt", str(end))) == both
    by_status = await listed(api, ("beginDateAt", str(begin)), ("endDateAt", str(end)), ("sortBy", "status"))
    assert sorted(row["id"] for row in by_status) == sorted(row["id"] for row in both)
    assert await listed(api, ("beginDateAt", str(end + 1)), ("endDateAt", str(begin))) == []


@pytest.mark.parametrize("key", ["externalId[]", "externalId"])
async def test_external_ids_come_as_repeated_keys_or_with_commas(api: Api, rows: list[Row], key: str) -> None:
    first, second = [row for row in rows if row["externalId"]][:2]
    ids = (first["externalId"], second["externalId"])
    assert await listed(api, *((key, value) for value in ids)) == [first, second]
    assert await listed(api, (key, ",".join(ids))) == [first, second]


async def test_channels_come_as_repeated_keys_or_with_commas(api: Api, rows: list[Row]) -> None:
    expected = [row for row in rows if row["channelId"] in ("2", "3")]
    assert 0 < len(expected) < 240
    assert await listed(api, ("channelIds", "2"), ("channelIds", "3")) == expected
    assert await listed(api, ("channelIds", "2,3")) == expected
    assert await listed(api, ("channelIds[]", "2"), ("channelIds[]", "3")) == expected


async def test_filters_add_up(api: Api, rows: list[Row]) -> None:
    expected = [row for row in rows if row["status"] == 0 and "INV" in row["invoiceNumber"]]
    assert await listed(api, ("status", "0"), ("q", "inv-"), ("searchBy", "invoiceNumber")) == expected


async def test_extra_fields_come_only_when_asked_for(api: Api, rows: list[Row]) -> None:
    assert not any("extraFields" in row for row in rows)
    with_extra_fields = await listed(api, ("isIncludeExtraFields", "1"))
    assert all(row.pop("extraFields") for row in with_extra_fields)
    assert with_extra_fields == rows


async def test_extra_field_configs_come_in_pages(api: Api) -> None:
    _, first = await api("GET", "/invoices/extra-fields")
    _, rest = await api("GET", "/invoices/extra-fields", params={"offset": 10, "limit": 100})
    configs = first["data"] + rest["data"]
    assert len(first["data"]) == 10
    assert rest["meta"]["pagination"] == {"totalCount": len(configs), "offset": 10, "limit": 100}
    assert len({config["id"] for config in configs}) == len(configs) >= 14
    assert {config["fieldType"] for config in configs} == {0, 1, 2, 3}
    assert {config["isRequired"] for config in configs} == {True, False}
    assert all((config["maximumLength"] is None) == (config["fieldType"] != 0) for config in configs)
    assert (await api("GET", "/invoices/extra-fields", params={"limit": "x"}))[0] == 422
