"""How long to wait before a request is sent again, and how waits are accounted."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.run import Wait
from shared.http.backoff import MAX_WAIT_S, Backoff, parse_wait_s
from shared.http.waits import SLOW_S, WaitLedger

NOW_S = 1_772_366_400.0  # 2026-03-01T12:00:00Z


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Sunday, 01-Mar-26 12:00:07 GMT"}, 7.0),
        ({"retry-after": "2026-03-01T12:00:07Z"}, 7.0),
        ({"retry-after": "2026-03-01T13:00:07+01:00"}, 7.0),
        ({"x-ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-reset": "1772366407"}, 7.0),
        ({"x-ratelimit-reset": "1772366407000"}, 7.0),
        ({"ratelimit-reset": "7.5"}, 7.5),
        ({"retry-after": "3", "x-ratelimit-reset": "7"}, 3.0),
        ({"retry-after": "soon", "x-ratelimit-reset": "7"}, 7.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-inf"}, None),
        ({"retry-after": "1e999", "x-ratelimit-reset": "7"}, 7.0),
        ({"retry-after": "Sun, 01 Mar 99999 12:00:00 GMT"}, None),
        ({"retry-after": "Sun, 01 Mar 999999999999999999999 12:00:00 GMT"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "1_0"}, None),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "9999"}, MAX_WAIT_S),
        ({"retry-after": "Sun, 01 Mar 2020 12:00:00 GMT"}, 0.0),
        ({"x-ratelimit-reset": "1572366407"}, 0.0),
        ({"retry-after": ""}, None),
    ],
)
def test_wait_is_read_in_every_form(headers: dict[str, str], wait_s: float | None) -> None:
    assert parse_wait_s(headers, NOW_S) == wait_s


def test_window_that_is_not_asked_about_is_not_obeyed() -> None:
    assert parse_wait_s({"x-ratelimit-reset": "250"}, NOW_S, resets=False) is None


@given(text=st.text() | st.floats().map(str) | st.integers().map(str))
def test_no_header_makes_us_fail_or_wait_for_ever(text: str) -> None:
    wait_s = parse_wait_s({"retry-after": text}, NOW_S)
    assert wait_s is None or 0 <= wait_s <= MAX_WAIT_S


@given(
    attempt=st.integers(min_value=-5, max_value=10**9),
    jitter=st.floats(min_value=0, max_value=1),
    asked_s=st.none() | st.floats(min_value=0, max_value=MAX_WAIT_S),
)
def test_delay_is_never_none_at_all_and_never_past_the_cap(
    attempt: int, jitter: float, asked_s: float | None
) -> None:
    delay_s = Backoff(base_s=0.5, cap_s=30.0, jitter=lambda: jitter).delay_s(attempt, asked_s)
    least_s, most_s = (asked_s, asked_s + 0.5) if asked_s else (0.25, 30.0)
    assert least_s <= delay_s <= most_s


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(base_s=1.0, cap_s=5.0, jitter=lambda: 1.0)
    assert [backoff.delay_s(attempt) for attempt in range(1, 6)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_request_without_an_answer_is_waited_for_after_a_few_seconds() -> None:
    now_s = 0.0
    ledger = WaitLedger(lambda: now_s)
    with ledger.in_flight("Port"):
        now_s = 2.0
        with ledger.in_flight("PagerDuty"):
            assert ledger.waiting_for() is None
        now_s = 12.0
        assert ledger.waiting_for() == "Port (no answer yet) for 12 s"
    assert ledger.waiting_for() is None
    assert ledger.waits() == [Wait(host="Port", cause="slow answer", seconds=12.0, times=1)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), max_size=8))
def test_slow_answers_side_by_side_count_their_common_time_once(sent: list[tuple[int, int]]) -> None:
    now_s = 0.0
    ledger = WaitLedger(lambda: now_s)
    spans = [(start, start + long) for start, long in sent]
    flights = [ledger.in_flight("Port") for _ in spans]
    for second in range(61):
        now_s = float(second)
        for (start, end), flight in zip(spans, flights, strict=True):
            if start == second:
                flight.__enter__()
            if end == second:
                flight.__exit__(None, None, None)

    slow = [(start, end) for start, end in spans if end - start >= SLOW_S]
    waited = {second for start, end in slow for second in range(start, end)}
    found = [(wait.seconds, wait.times) for wait in ledger.waits()]
    assert found == ([(float(len(waited)), len(slow))] if slow else [])


def test_waits_side_by_side_count_their_common_time_once() -> None:
    now_s = 0.0
    ledger = WaitLedger(lambda: now_s)
    assert ledger.waiting_for() is None
    with ledger.waiting("Port", "HTTP 502"):
        now_s = 3.0
        with ledger.waiting("Port", "HTTP 502"):
            now_s = 5.0
            assert ledger.waiting_for() == "Port (HTTP 502) for 5 s"
            assert ledger.waits() == [Wait(host="Port", cause="HTTP 502", seconds=5.0, times=2)]
        now_s = 9.0
    ledger.add("PagerDuty", "rate limit", 20.0)
    ledger.add("PagerDuty", "rate limit", -math.inf)
    assert ledger.waiting_for() is None
    assert ledger.waits() == [
        Wait(host="PagerDuty", cause="rate limit", seconds=20.0, times=2),
        Wait(host="Port", cause="HTTP 502", seconds=9.0, times=2),
    ]
