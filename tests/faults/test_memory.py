"""What huge answers cost, with the real cap."""

import gzip
import tracemalloc

import pytest
from conftest import Scripted
from scripted_server import Flood, Reply, raw

from bigcommerce_b2b_invoices import ResponseError, RetryPolicy
from bigcommerce_b2b_invoices.transport.transport import MAX_BODY

MEGABYTE = b" " * 2**20
BOMB = gzip.compress(MEGABYTE * 200)


@pytest.mark.parametrize(
    "reply",
    [
        raw(BOMB, Content_Encoding="gzip"),
        Flood(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", MEGABYTE, 100),
        raw(b"", length=100 * 2**20),
    ],
    ids=["200 MB in a gzip bomb", "100 MB", "100 MB claimed"],
)
async def test_a_huge_answer_costs_at_most_four_times_the_cap(scripted: Scripted, reply: Reply) -> None:
    _, client = await scripted(reply, retry=RetryPolicy(attempts=2, base_delay=0.0))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseError, match="larger than 32 MiB") as raised:
            await client.invoices.get(1)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 4 * MAX_BODY
    assert now <= MAX_BODY / 8, "the error keeps what was read alive"
    assert raised.value.attempts == 2
