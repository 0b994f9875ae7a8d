"""The command `doctor`: against the sandbox, and against servers that differ from it in one way."""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from altered_server import (
    Change,
    Edit,
    always,
    count,
    first_value_only,
    in_front_of,
    last_value_only,
    leave,
    no_brackets,
    offset_in_pages,
    put,
    replaced,
    same,
    without,
)  # fmt: skip
from faults.certificates import SELF_SIGNED, server_context
from scripted_server import CLOSE, RESET, Bytes, ScriptedServer, Seen, answer, envelope, raw

from bigcommerce_b2b_invoices import B2BClient, FilterIgnoredError, InvoiceQuery
from bigcommerce_b2b_invoices.cli.doctor import asking
from bigcommerce_b2b_invoices.cli.doctor.asking import MOST_REQUESTS
from bigcommerce_b2b_invoices.sandbox import Sandbox

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOKEN = "canarytoken0123456789"
COMPANY = "Canary & Sons Aviary"
OF_THE_SERVER = ["connection", "credentials", "clock", "quota"]
OF_INVOICES = [
    "limit", "count", "sort", "order", "offset", "status", "customerId", "customerName", "beginDateAt", "endDateAt", "q",
    "searchBy", "externalId[]", "channelIds", "arrays", "isIncludeExtraFields", "keys", "types",
]  # fmt: skip
CHECKS = OF_THE_SERVER + OF_INVOICES


@attrs.frozen
class Report:
    """What the command printed with `--json`."""

    code: int
    err: str
    texts: dict[str, str]
    verdicts: dict[str, str]

    def having(self, verdict: str) -> list[str]:
        return [check for check, found in self.verdicts.items() if found == verdict]


def report_of(run: Any) -> Report:
    records = [json.loads(line) for line in run.lines]
    assert [list(record) for record in records] == [["check", "verdict", "text"]] * len(CHECKS)
    assert [record["check"] for record in records] == CHECKS
    assert {record["verdict"] for record in records} <= {"ok", "differs", "unknown"}
    texts = {record["check"]: record["text"] for record in records}
    return Report(run.code, run.err, texts, {record["check"]: record["verdict"] for record in records})


@pytest.fixture
def doctor(cli_here: Any, environment: Any) -> Any:
    """Examines a sandbox, through a server that may differ from it."""

    async def run(sandbox: Sandbox, change: Change = same, edit: Edit = leave) -> Report:
        async with in_front_of(sandbox, change, edit) as base_url:
            environment(sandbox.store_hash, sandbox.auth_token, base_url)
            ended = await cli_here("doctor", "--json")
        assert 1 <= sandbox.request_count <= MOST_REQUESTS == 12
        assert {request.method for request in sandbox.requests} == {"GET"}
        assert sandbox.auth_token not in ended.out + ended.err
        return report_of(ended)

    return run


@pytest.mark.parametrize("settings", [{}, {"quota": 150}, {"seed": 3}, {"invoices": 300, "seed": 4}], ids=str)
async def test_of_the_sandbox_everything_is_ok(doctor: Any, settings: Any) -> None:
    async with Sandbox(**settings) as sandbox:
        report = await doctor(sandbox)

    assert (report.code, report.having("ok")) == (0, CHECKS)
    assert report.err == f"{len(CHECKS)} ok, 0 differ, 0 unknown; 11 requests sent\n"


NOTHING: tuple[str, ...] = ()
DEVIATIONS = [  # what differs, its line, and the lines that can then not tell
    ("offset ignored", "offset", NOTHING, without("offset"), leave),
    ("offset counts pages", "offset", NOTHING, offset_in_pages, leave),
    ("sort ignored", "sort", NOTHING, without("sortBy"), leave),
    ("sorted by another field", "sort", ("order",), always("sortBy", "customerId"), leave),
    ("always descending", "order", NOTHING, always("orderBy", "DESC"), leave),
    ("always ascending", "order", NOTHING, always("orderBy", "ASC"), leave),
    ("order ignored", "order", NOTHING, without("orderBy"), leave),
    ("status ignored", "status", NOTHING, without("status"), leave),
    ("customerId ignored", "customerId", NOTHING, without("customerId"), leave),
    ("customerName ignored", "customerName", NOTHING, without("customerName"), leave),
    ("beginDateAt ignored", "beginDateAt", NOTHING, without("beginDateAt"), leave),
    ("endDateAt ignored", "endDateAt", NOTHING, without("endDateAt"), leave),
    ("q ignored", "q", ("searchBy",), without("q"), leave),
    ("searchBy ignored", "searchBy", NOTHING, without("searchBy"), leave),
    ("externalId[] ignored", "externalId[]", NOTHING, without("externalId[]", "externalId"), leave),
    ("channelIds ignored", "channelIds", NOTHING, without("channelIds"), leave),
    ("extra fields never come", "isIncludeExtraFields", NOTHING, without("isIncludeExtraFields"), leave),
    ("a filter finds nothing", "customerName", NOTHING, replaced("customerName", "no such"), leave),
    ("a filter is refused", "status", NOTHING, replaced("status", "x"), leave),
    ("the first of several values", "arrays", NOTHING, first_value_only, leave),
    ("the last of several values", "arrays", NOTHING, last_value_only, leave),
    ("commas and no brackets", "arrays", NOTHING, no_brackets, leave),
    ("no count", "count", NOTHING, same, count(None)),
    ("a count of everything", "count", NOTHING, same, count(1000)),
    ("a count of nothing", "count", NOTHING, same, count(0)),
    ("a new key", "keys", NOTHING, same, put("taxRegion", "x")),
    ("a number in place of a text", "types", NOTHING, same, put("channelName", 7)),
    ("a balance as a number", "types", NOTHING, same, put("openBalance", {"code": "USD", "value": 1.5})),
    ("no balance", "types", NOTHING, same, put("openBalance", None)),
    ("a value that nobody can read", "types", NOTHING, same, put("dueDate", "soon")),
]


@pytest.mark.parametrize(
    ("check", "unknowable", "change", "edit"), [row[1:] for row in DEVIATIONS], ids=[row[0] for row in DEVIATIONS]
)
async def test_exactly_the_line_of_what_differs_says_so(
    doctor: Any, check: str, unknowable: tuple[str, ...], change: Change, edit: Edit
) -> None:
    async with Sandbox(quota=150) as sandbox:
        report = await doctor(sandbox, change, edit)

    assert (report.having("differs"), report.having("unknown"), report.code) == ([check], [*unknowable], 4)


@pytest.mark.parametrize("most", [249, 100, 10, 1])
async def test_a_lower_limit_is_told_with_its_number(doctor: Any, most: int) -> None:
    async with Sandbox(max_limit=most) as sandbox:
        report = await doctor(sandbox)

    assert (report.having("differs"), report.code) == (["limit"], 4)
    assert f"page_size={most}" in report.texts["limit"]
    assert most == 1 or report.having("unknown") == [] or most == 10


async def test_a_lower_limit_is_told_by_a_small_store_that_says_so(doctor: Any) -> None:
    async with Sandbox(max_limit=249, invoices=60) as sandbox:
        report = await doctor(sandbox)

    assert report.having("differs") == ["limit"]


@pytest.mark.parametrize(("off", "words"), [(3600, "behind"), (-3600, "ahead of")])
async def test_a_clock_that_is_off_is_told(doctor: Any, off: int, words: str) -> None:
    async with Sandbox(clock=lambda: time.time() + off) as sandbox:
        report = await doctor(sandbox)

    assert (report.having("differs"), report.having("unknown"), report.code) == (["clock"], [], 4)
    assert re.search(f"clock is 3(600|599|601) seconds {words} the server's", report.texts["clock"])


async def test_a_smaller_quota_is_told(doctor: Any) -> None:
    async with Sandbox(quota=100) as sandbox:
        report = await doctor(sandbox)

    assert (report.having("differs"), report.code) == (["quota"], 4)
    assert "100 requests in 60 seconds" in report.texts["quota"]


async def test_an_empty_store_tells_nothing_about_lists(doctor: Any) -> None:
    async with Sandbox(invoices=0) as sandbox:
        report = await doctor(sandbox)
        requests = sandbox.request_count

    assert (report.having("ok"), report.having("unknown"), report.code) == (OF_THE_SERVER, OF_INVOICES, 0)
    assert requests == 1


@pytest.mark.parametrize("invoices", [1, 2, 3, 5, 12, 60])
async def test_a_small_store_never_differs(doctor: Any, invoices: int) -> None:
    async with Sandbox(invoices=invoices) as sandbox:
        report = await doctor(sandbox)

    assert (report.having("differs"), report.code) == ([], 0)
    assert "limit" in report.having("unknown")


@pytest.mark.parametrize("ignored", ["status", "customerId", "channelIds", "q", "beginDateAt", "orderBy", "offset"])
async def test_what_invoices_alike_cannot_show_is_not_called_ok(doctor: Any, ignored: str) -> None:
    async with Sandbox(invoices=0) as sandbox:
        for _ in range(5):
            sandbox.add(created_at=1_700_000_000, updated_at=1_700_000_000, channel_id="1")
        report = await doctor(sandbox, without(ignored))

    alike = {"sort", "order", "status", "customerId", "customerName", "beginDateAt", "endDateAt", "externalId[]", "channelIds"}
    assert alike <= set(report.having("unknown"))
    assert set(report.having("differs")) <= {ignored}


async def test_what_others_change_meanwhile_makes_nothing_differ(doctor: Any) -> None:
    async with Sandbox() as sandbox:
        sandbox.drift(inserts=2, edits=3, deletes=1)
        report = await doctor(sandbox)

    assert (report.having("differs"), report.code) == ([], 0)


async def test_no_token_and_no_customers_data_is_printed(cli_here: Any, environment: Any) -> None:
    async with Sandbox() as sandbox:
        for index in range(300):
            sandbox.add(
                customer_name=COMPANY, invoice_number=f"CANARY-{index}", external_id=f"canary-{index}", customer_id="7707700770077",
                created_at=1_600_000_000 + index, terms_conditions=["canary"],
            )  # fmt: skip
        for options in (["--json"], [], ["--verbose"], ["--json", "--quiet"]):
            environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
            run = await cli_here("doctor", *options)
            assert len(run.lines) == len(CHECKS)
            for secret in ("canary", "7707700770077", "aviary", sandbox.auth_token):
                assert secret not in (run.out + run.err).casefold()


@pytest.mark.parametrize("status", [200, 401, 403, 422, 429, 500, 502])
async def test_what_a_server_repeats_is_not_printed(cli_here: Any, environment: Any, status: int) -> None:
    row = {TOKEN: 1, COMPANY: 2, "id": TOKEN, "customerName": [COMPANY], "\x1b[2J": 3, "details": {TOKEN: COMPANY}}
    echo = {"code": status, "data": [row] if status == 200 else {"errMsg": TOKEN}, "meta": {"message": COMPANY, TOKEN: TOKEN}}
    headers: Any = {"Date": TOKEN, "X_Requests_Allocated": TOKEN, "X_Request_Id": TOKEN}
    async with ScriptedServer([answer(echo, status, **headers)]) as server:
        environment("abc123", TOKEN, server.base_url)
        for options in ("--json", "--verbose"):
            run = await cli_here("doctor", options)
            assert len(run.lines) == len(CHECKS)
            for secret in (TOKEN, "anary", "\x1b"):
                assert secret not in run.out + run.err


GATEWAY = raw(b"<html>Bad gateway</html>", 502)
EMPTY = envelope([], total=0, limit=250)
FAILURES: list[tuple[str, Any, str, str, int]] = [
    ("no answer", CLOSE, "connection", "garbled or cut off", 4),
    ("reset", RESET, "connection", "", 4),
    ("not http", Bytes(b"SSH-2.0-x\r\n", "close"), "connection", "garbled", 4),
    ("cut off", raw(b"{}", length=99, then="close"), "connection", "cut off", 4),
    ("a gateway", GATEWAY, "connection", "(HTTP 502): try again later", 4),
    ("a web page", raw(b"<html>hello</html>"), "connection", "BIGCOMMERCE_B2B_BASE_URL", 4),
    ("a redirect", raw(b"", 302, Location="https://example.com/"), "connection", "BIGCOMMERCE_B2B_BASE_URL", 4),
    ("a wrong path", answer({"status": 404, "title": "x"}, 404), "connection", "BIGCOMMERCE_B2B_BASE_URL", 4),
    ("a wrong token", answer({"code": 401, "meta": {}}, 401), "credentials", "BIGCOMMERCE_ACCESS_TOKEN", 4),
    ("401 in the body", answer({"code": 401, "meta": {}}), "credentials", "BIGCOMMERCE_ACCESS_TOKEN", 4),
    ("a buyer's token", answer({"code": 403, "meta": {}}, 403), "credentials", "buyer's token", 4),
    ("a wrong store", answer({"code": 500, "meta": {}}, 500), "credentials", "BIGCOMMERCE_STORE_HASH", 4),
    ("no quota left", answer({"code": 429, "meta": {}}, 429), "", "", 1),
    ("not a list", envelope({"id": 1}), "", "", 1),
]


@pytest.mark.parametrize(("reply", "check", "text", "code"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
async def test_a_store_that_cannot_be_read_is_one_line(
    cli_here: Any, environment: Any, *, reply: Any, check: str, text: str, code: int
) -> None:
    async with ScriptedServer([reply]) as server:
        environment("abc123", TOKEN, server.base_url)
        run = await cli_here("doctor", "--json")

    report = report_of(run)
    assert (report.having("differs"), report.code, len(server.seen)) == ([check] if check else [], code, 1)
    assert set(OF_INVOICES) <= set(report.having("unknown"))
    assert text in report.texts.get(check, "")
    assert "unknown" in report.verdicts.values()


async def test_the_right_token_for_the_wrong_store_is_one_line(cli_here: Any, environment: Any) -> None:
    async with Sandbox(invoices=5) as sandbox:
        for store_hash, token in (("wrong", sandbox.auth_token), (sandbox.store_hash, "wrong")):
            environment(store_hash, token, sandbox.base_url)
            report = report_of(await cli_here("doctor", "--json"))
            assert (report.having("differs"), report.code) == (["credentials"], 4)


@pytest.mark.parametrize(
    ("base_url", "text"), [("http://127.0.0.1:9/", "check the network"), ("https://host.invalid/", "the host is not known")]
)
def test_a_server_that_cannot_be_reached_is_one_line(cli: Any, environment: Any, base_url: str, text: str) -> None:
    environment("abc123", TOKEN, base_url)
    report = report_of(cli("doctor", "--json"))

    assert (report.having("differs"), report.code) == (["connection"], 4)
    assert text in report.texts["connection"]
    assert len(report.having("unknown")) == len(CHECKS) - 1


async def test_a_certificate_that_is_not_trusted_is_told(cli_here: Any, environment: Any) -> None:
    async with ScriptedServer([EMPTY], ssl=server_context(SELF_SIGNED)) as server:
        environment("abc123", TOKEN, server.base_url)
        report = report_of(await cli_here("doctor", "--json"))

    assert (report.having("differs"), server.seen) == (["connection"], [])
    assert "certificates" in report.texts["connection"]


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9/api", "https://api.invalid/api"])
async def test_a_proxy_is_used_and_may_refuse(cli_here: Any, environment: Any, base_url: str) -> None:
    async with ScriptedServer([raw(b"", 407, Proxy_Authenticate="Basic")]) as proxy:
        environment("abc123", TOKEN, base_url)
        address = f"http://user:canary-password@127.0.0.1:{proxy.port}"
        run = await cli_here("doctor", "--json", "--proxy", address)

    report = report_of(run)
    assert proxy.seen[0].target in (f"{base_url}/invoices?{urlsplit(proxy.seen[0].target).query}", "api.invalid:443")
    assert (report.having("differs"), len(proxy.seen)) == (["connection"], 1)
    assert "the proxy refuses" in report.texts["connection"]
    assert "canary" not in run.out + run.err


def test_missing_settings_are_wrong_use(cli: Any) -> None:
    run = cli("doctor")

    assert (run.code, run.out) == (2, "")
    assert "BIGCOMMERCE_STORE_HASH" in run.err


ROWS = [
    {"id": index, "createdAt": index * 10, "updatedAt": index % 3, "status": index % 2, "invoiceNumber": f"N{index}"}
    for index in range(1, 9)
]


async def test_after_a_lost_connection_nothing_more_is_sent(cli_here: Any, environment: Any) -> None:
    async with ScriptedServer([envelope(ROWS, total=8, limit=250), CLOSE]) as server:
        environment("abc123", TOKEN, server.base_url)
        report = report_of(await cli_here("doctor", "--json"))

    assert len(server.seen) == 2
    assert (report.verdicts["connection"], report.verdicts["sort"], report.verdicts["status"]) == ("ok", "unknown", "unknown")
    assert "garbled or cut off" in report.texts["status"]


async def test_after_a_429_nothing_more_is_sent(cli_here: Any, environment: Any) -> None:
    busy = answer({"code": 429, "meta": {}}, 429)
    async with ScriptedServer([envelope(ROWS, total=8, limit=250), busy]) as server:
        environment("abc123", TOKEN, server.base_url)
        report = report_of(await cli_here("doctor", "--json"))

    assert len(server.seen) == 2
    assert "429" in report.texts["sort"]
    assert "429" in report.texts["status"]


async def test_a_server_that_says_that_nothing_remains_is_not_awaited_for_ever(
    cli_here: Any, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.2)
    none_left: Any = {"X_Requests_Remaining": "0 times", "X_Request_Window_Resets_After": "30 s"}
    body = {"code": 200, "data": ROWS, "meta": {"pagination": {"totalCount": 8, "limit": 250}}}
    async with ScriptedServer([answer(body, **none_left)]) as server:
        environment("abc123", TOKEN, server.base_url)
        began = time.monotonic()
        report = report_of(await cli_here("doctor", "--json"))

    assert (len(server.seen), report.verdicts["sort"]) == (1, "unknown")
    assert "quota is used up" in report.texts["sort"]
    assert time.monotonic() - began < 10


async def test_an_answer_that_never_ends_is_not_read_to_its_end(
    cli_here: Any, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_BYTES", 1000)
    async with ScriptedServer([raw(b"[" + b" " * 100_000)]) as server:
        environment("abc123", TOKEN, server.base_url)
        report = report_of(await cli_here("doctor", "--json"))

    assert report.having("differs") == ["connection"]


class _Store(ScriptedServer):
    """Remembers what it was asked, and answers with the same rows."""

    def reply(self, seen: Seen, /) -> Any:
        return envelope(ROWS_OF_ALL, total=len(ROWS_OF_ALL), limit=250)

    @property
    def parameters(self) -> list[list[tuple[str, str]]]:
        return [parse_qsl(urlsplit(seen.target).query) for seen in self.seen]


ROWS_OF_ALL = [
    {**row, "customerId": f"C{index}", "customerName": f"{COMPANY} {index}", "externalId": f"E{index}", "channelId": f"{index}"}
    for index, row in enumerate(ROWS)
]


async def test_the_requests_are_those_that_the_library_sends(cli_here: Any, environment: Any) -> None:
    query = InvoiceQuery(
        status=1, customer_id="C1", customer_name="x", external_ids=["a", "b"], channel_ids=[1, 2], search_by="type", q="x",
        begin_date_at=EPOCH, end_date_at=EPOCH, sort_by="createdAt", order_by="ASC", include_extra_fields=True,
    )  # fmt: skip
    async with _Store([]) as server:
        environment("abc123", TOKEN, server.base_url)
        await cli_here("doctor", "--json")
        asked, heads = server.parameters, [seen.headers for seen in server.seen]
        server.seen.clear()
        async with B2BClient(store_hash="abc123", auth_token=TOKEN, base_url=server.base_url) as client:
            with pytest.raises(FilterIgnoredError, match="ignored the filter"):
                await client.invoices.page(query)
        library, own = server.parameters[0], server.seen[0].headers

    names = {name for pairs in asked for name, _ in pairs}
    twice = {name for pairs in asked for name, _ in pairs if [each for each, _ in pairs].count(name) == 2}
    assert names - {"externalId"} == {name for name, _ in library}
    assert twice == {"externalId[]", "channelIds"} == {name for name, _ in library if [n for n, _ in library].count(name) == 2}
    assert len({tuple(pairs) for pairs in asked}) == len(asked) == MOST_REQUESTS
    for head in heads:
        assert {name: text for name, text in head.items() if name != "host"} == {n: t for n, t in own.items() if n != "host"}


async def test_a_person_gets_a_line_for_each_check(cli_here: Any, environment: Any) -> None:
    async with Sandbox(max_limit=249) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        run = await cli_here("doctor")
        quiet = await cli_here("doctor", "--quiet")

    assert [row[0] for row in run.rows] == CHECKS
    assert {len(row) for row in run.rows} == {3}
    assert run.err == "21 ok, 1 differ, 0 unknown; 11 requests sent\n"
    assert (quiet.out, quiet.err) == (run.out, "")


def test_a_terminal_gets_columns(cli: Any, terminal: Any) -> None:
    with terminal("stdout") as screen:
        run = cli("doctor", "--sandbox", "--sandbox-invoices", "0")

    lines = screen.getvalue().splitlines()
    assert run.code == 0
    assert [line.split()[1] for line in lines] == CHECKS
    assert {line[:8] for line in lines} == {"ok      ", "unknown "}


def test_the_help_has_examples(cli: Any) -> None:
    assert "b2b-invoices doctor --json > doctor.jsonl" in cli("doctor", "--help").out
