"""What the server's answers allow: the four rules, without a loop."""

import pytest

from bigcommerce_b2b_invoices.transport.feedback import FIRST_PATIENCE, PATIENCE, Feedback, Lease

LEASE = Lease(0.0, bulk=False)


def says(remaining: object, resets: object = "30 s") -> dict[str, str]:
    return {"x-requests-remaining": f"{remaining} times", "x-request-window-resets-after": f"{resets}"}


def feedback() -> Feedback:
    return Feedback(requests=10, per=60.0, random=lambda: 0.0)


def answered(
    told: Feedback, headers: dict[str, str] | None, *, now: float = 0.0, under_way: int = 0, refused: bool = False
) -> None:
    told.answered(Lease(now, bulk=False), headers, refused=refused, now=now, under_way=under_way)


def room(told: Feedback, now: float = 0.0, *, under_way: int = 0, reserve: int = 0) -> int:
    return told.room(now, under_way=under_way, reserve=reserve)


@pytest.mark.parametrize(
    ("headers", "allowed", "until"),
    [
        ({}, 10, None),
        (says(4), 4, 30.0),
        (says(0), 0, 30.0),
        (says(4, "soon"), 4, 60.0),  # no reset: one window
        (says(4, "9000 s"), 4, 60.0),  # nobody is stopped for longer than a window
        (says(4, "0 s"), 10, None),
        (says(-3), 10, None),
        (says("many"), 10, None),
        (says("9" * 400), 10, 30.0),  # feedback never raises what the leases allow
        ({"ratelimit-remaining": "3", "ratelimit-reset": "5"}, 3, 5.0),
        ({"x-rate-limit-requests-left": "3", "x-rate-limit-time-reset-ms": "5000"}, 3, 5.0),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1795400000"}, 3, 60.0),  # a time, no duration
    ],
)
def test_what_remains_is_the_room_until_the_reset(headers: dict[str, str], allowed: int, until: float | None) -> None:
    told = feedback()
    answered(told, headers)
    assert (room(told), told.next_change(0.0) if until else None) == (allowed, until)
    assert room(told, 60.0) == 10


def test_answers_out_of_order_never_add_room() -> None:
    told = feedback()
    for remaining, under_way in ((3, 2), (5, 1), (4, 0)):
        answered(told, says(remaining), under_way=under_way)
        assert room(told, under_way=under_way) == 3 - under_way


def test_an_answer_of_the_old_window_that_comes_late_does_not_stop_the_new_one() -> None:
    told = feedback()
    answered(told, says(9, "60 s"), now=1.0)
    answered(told, says(0, "0.1 s"), now=2.0)
    assert room(told, 2.0) == 0
    assert room(told, 2.2) == 10


def test_an_answer_of_the_new_window_that_comes_before_the_reset_does_not_prolong_the_old_one() -> None:
    told = feedback()
    answered(told, says(0, "2 s"))
    answered(told, says(9, "60 s"), now=1.9)
    assert (room(told, 1.9), room(told, 2.0)) == (0, 10)


def test_a_request_without_an_answer_may_have_been_counted() -> None:
    told = feedback()
    answered(told, says(4))
    answered(told, None)
    assert room(told) == 3


def test_bulk_stops_where_only_the_reserve_remains() -> None:
    told = feedback()
    answered(told, says(4))
    assert (room(told, reserve=3), room(told, reserve=4)) == (1, 0)


@pytest.mark.parametrize(
    ("headers", "opens"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "2, 9"}, 9.0),  # came twice
        ({"x-retry-after": "7"}, 7.0),
        ({"retry-after": "7", **says(0, "20 s")}, 20.0),
        ({"retry-after": "1000000000"}, 120.0),  # hours are not obeyed
        ({"retry-after": "0"}, 0.02),
        ({"retry-after": "-5"}, 0.02),
        ({"retry-after": "abc"}, 0.02),
        ({}, 0.02),
    ],
)
def test_a_refusal_closes_the_gate_for_as_long_as_the_server_says(headers: dict[str, str], opens: float) -> None:
    told = feedback()
    answered(told, headers, refused=True)
    assert told.next_change(0.0) == told.closed_until == opens
    assert room(told, opens - 0.001) == 0
    assert room(told, max(opens, 20.0)) == 1  # and then one asks first


def test_a_refusal_without_a_hint_waits_for_the_reset_that_was_said_before() -> None:
    told = feedback()
    answered(told, says(8, "30 s"))
    answered(told, None, refused=True, now=1.0)
    assert (room(told, 29.9), room(told, 30.0)) == (0, 1)


def test_the_gate_has_jitter() -> None:
    told = Feedback(requests=10, per=60.0, random=lambda: 0.5)
    answered(told, {"retry-after": "4"}, refused=True)
    assert told.closed_until == 4.2
    answered(told, {"retry-after": "60"}, refused=True)
    assert told.closed_until == 60.5


def test_refusals_without_a_hint_wait_twice_as_long_each_time_up_to_a_window_and_a_good_answer_ends_that() -> None:
    told, now, waits = feedback(), 0.0, []
    for _ in range(15):
        told.sending(lease := Lease(now, bulk=False))
        told.answered(lease, {}, refused=True, now=now, under_way=0)
        waits.append(told.closed_until - now)
        now = told.closed_until
    assert waits[:4] == pytest.approx([0.02, 0.04, 0.08, 0.16])
    assert waits[-2:] == pytest.approx([60.0, 60.0])
    told.sending(lease := Lease(now, bulk=False))
    told.answered(lease, {}, refused=False, now=now, under_way=0)
    answered(told, {}, now=now, refused=True)
    assert told.closed_until - now == pytest.approx(0.02)


def test_the_refusals_of_one_burst_count_once() -> None:
    told = feedback()
    for under_way in range(7, -1, -1):
        told.answered(LEASE, {}, refused=True, now=1.0, under_way=under_way)
    assert told.closed_until == 1.02
    told.sending(asks := Lease(2.0, bulk=False))
    told.answered(asks, {}, refused=False, now=3.0, under_way=0)
    assert room(told, 3.0) == 4  # half of the eight that were under way


def test_an_answer_to_a_request_that_was_sent_before_the_refusal_changes_nothing() -> None:
    told = feedback()
    told.answered(Lease(1.0, bulk=False), {"retry-after": "1"}, refused=True, now=2.0, under_way=7)
    told.answered(Lease(1.5, bulk=False), {}, refused=False, now=2.5, under_way=6)
    assert room(told, 3.0) == 1
    told.sending(asks := Lease(3.0, bulk=False))
    told.answered(asks, {}, refused=False, now=3.0, under_way=0)
    assert room(told, 3.0) == 4


def test_good_answers_widen_by_one_for_each_width_of_them() -> None:
    told = feedback()
    answered(told, {}, refused=True, under_way=3)
    told.sending(asks := Lease(1.0, bulk=False))
    told.answered(asks, {}, refused=False, now=1.0, under_way=0)
    allowed = [room(told, 1.0)]
    for _ in range(100):
        answered(told, {}, now=1.0)
        allowed.append(room(told, 1.0))

    half_of_those_under_way, all_there_are = 2, 10
    assert allowed[0] == half_of_those_under_way
    assert allowed[-1] == all_there_are
    for width in range(half_of_those_under_way + 1, all_there_are):
        assert allowed.count(width) in (width, width + 1)  # so many good answers, and one more may be under way


def test_one_asks_first_and_the_others_wait_for_its_answer_but_not_for_ever() -> None:
    told = feedback()
    answered(told, {"retry-after": "1"}, refused=True, under_way=5)
    assert room(told, 1.0) == 1
    told.sending(asks := Lease(1.0, bulk=False))
    assert room(told, 1.0) == 0
    assert told.next_change(1.0) == 1.0 + PATIENCE
    assert room(told, 1.0 + PATIENCE) == 1
    told.answered(asks, None, refused=False, now=2.0, under_way=0)  # no answer: the next one asks
    assert room(told, 2.0) == 1
    told.sending(asks := Lease(2.0, bulk=False))
    told.unsent(asks)
    assert room(told, 2.0) == 1
    told.sending(asks := Lease(2.0, bulk=False))
    told.answered(asks, {}, refused=False, now=2.0, under_way=0)
    assert room(told, 2.0) == 3


def test_the_first_request_of_all_is_sent_alone_until_it_ends_and_for_a_second_at_most() -> None:
    told = feedback()
    assert room(told) == 10
    told.sending(first := Lease(0.0, bulk=False), alone=True)
    assert (room(told, under_way=1), told.next_change(0.0)) == (0, FIRST_PATIENCE)
    assert (room(told, FIRST_PATIENCE, under_way=1), told.next_change(FIRST_PATIENCE)) == (9, None)
    told.unsent(first)
    assert room(told) == 10
    told.sending(first, alone=True)
    told.answered(first, None, refused=False, now=0.1, under_way=0)  # no answer, but an end
    assert room(told, 0.1) == 10
