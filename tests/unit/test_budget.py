"""Tests that the budget is never exceeded and nearly used up."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.budget import LiveBudget, RateBudget
from shared.http.waits import WaitLedger


@dataclass
class Time:
    """A clock that only sleeping moves."""

    seconds: float = 0.0

    def clock(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def make(per_minute: int = 960) -> tuple[RateBudget, Time, WaitLedger]:
    time = Time()
    waits = WaitLedger(time.clock)
    return RateBudget(waits, per_minute=per_minute, clock=time.clock, sleep=time.sleep), time, waits


def headers(left: int, reset_s: float, limit: int = 960) -> dict[str, str]:
    return {
        "ratelimit-limit": str(limit),
        "ratelimit-remaining": str(left),
        "ratelimit-reset": str(reset_s),
    }


async def spend(budget: RateBudget, scope: str = "/users") -> None:
    await budget.wait(scope)
    assert budget.take(scope)


def most_in_a_minute(sent: list[float]) -> int:
    most, first = 0, 0
    for last, at in enumerate(sent):
        while sent[first] <= at - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


@settings(max_examples=40, deadline=None)
@given(
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.05, 3.0]), min_size=1, max_size=60),
    per_minute=st.integers(1, 60),
)
def test_no_minute_holds_more_requests_than_allowed(pauses: list[float], per_minute: int) -> None:
    budget, time, _ = make(per_minute)
    sent: list[float] = []

    async def run() -> None:
        for pause in pauses * 5:
            time.seconds += pause
            await spend(budget)
            sent.append(time.seconds)
            budget.observe("/users", {})

    asyncio.run(run())
    assert most_in_a_minute(sent) <= per_minute


async def test_960_a_minute_are_spent_at_once_and_then_as_they_come_free() -> None:
    budget, time, waits = make()
    sent = []
    for _ in range(3000):
        await spend(budget)
        sent.append(time.seconds)
        budget.observe("/users", {})
        time.seconds += 0.01
    assert most_in_a_minute(sent) == 960
    assert sent[959] == pytest.approx(9.59)
    # What the limit dictates: 960 at once, then 960 a minute.
    assert sent[-1] <= (3000 - 960) / 960 * 60 * 1.1 + 60
    assert [(wait.host, wait.cause) for wait in waits.waits()] == [("PagerDuty", "rate limit")]


async def test_request_of_every_task_counts() -> None:
    budget, time, _ = make(10)
    sent: list[float] = []

    async def worker() -> None:
        for _ in range(5):
            while True:
                await budget.wait("/users")
                if budget.take("/users"):
                    break
            sent.append(time.seconds)
            await asyncio.sleep(0)
            budget.observe("/users", {})

    await asyncio.gather(*(worker() for _ in range(6)))
    assert len(sent) == 30
    assert most_in_a_minute(sorted(sent)) <= 10


async def test_what_the_server_has_left_is_not_exceeded_though_our_own_minute_allows_it() -> None:
    budget, time, _ = make()
    await spend(budget)
    budget.observe("/users", headers(left=3, reset_s=20))
    for _ in range(3):
        await spend(budget)
    assert time.seconds == 0
    assert not budget.take("/users")
    await spend(budget)
    assert time.seconds == 20


async def test_late_reply_of_the_same_window_does_not_raise_what_is_left() -> None:
    budget, _, _ = make()
    for _ in range(3):
        await spend(budget)
    budget.observe("/users", headers(left=5, reset_s=20))
    budget.observe("/users", headers(left=900, reset_s=20))
    budget.observe("/users", headers(left=4, reset_s=20))
    taken = 0
    while budget.take("/users"):
        taken += 1
    assert taken == 3


async def test_reply_of_the_next_window_replaces_the_old_one() -> None:
    budget, time, _ = make()
    await spend(budget)
    budget.observe("/users", headers(left=0, reset_s=5))
    time.seconds = 6
    await spend(budget)
    budget.observe("/users", headers(left=958, reset_s=60))
    assert budget.wait_s("/users") == 0


async def test_limit_of_an_operation_holds_up_no_other() -> None:
    budget, time, _ = make()
    await spend(budget)
    budget.observe("/users", headers(left=950, reset_s=50))
    await spend(budget, "/oncalls")
    budget.observe("/oncalls", headers(left=0, reset_s=30, limit=60))
    assert budget.wait_s("/oncalls") == 30
    assert budget.wait_s("/users") == 0
    await spend(budget, "/users")
    assert time.seconds == 0


async def test_refusal_is_waited_out_by_all() -> None:
    budget, time, waits = make()
    await spend(budget)
    budget.refuse("/users", {}, 12.5)
    await spend(budget, "/teams")
    assert time.seconds == 12.5
    assert waits.waits()[0].seconds == 12.5


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"ratelimit-remaining": "x", "ratelimit-reset": "1"},
        {"ratelimit-remaining": "0"},
        *({"ratelimit-remaining": text, "ratelimit-reset": "1"} for text in ("nan", "inf", "1e999", "²")),
        *({"ratelimit-remaining": "0", "ratelimit-reset": text} for text in ("nan", "inf", "-inf")),
        *({"ratelimit-limit": text} for text in ("nan", "inf")),
    ],
)
async def test_headers_that_say_nothing_change_nothing(broken: dict[str, str]) -> None:
    budget, _, _ = make()
    await spend(budget)
    budget.observe("/users", broken)
    assert budget.wait_s("/users") == 0


@pytest.mark.parametrize("limit", ["nan", "inf", "-inf", "1e999", "²", ""])
async def test_limit_that_is_no_number_is_the_accounts(limit: str) -> None:
    budget, _, _ = make()
    await spend(budget)
    budget.refuse("/users", {"ratelimit-limit": limit}, 12.5)
    assert budget.wait_s("/teams") == 12.5


def make_with_live(per_minute: int = 960) -> tuple[RateBudget, LiveBudget, Time]:
    budget, time, _ = make(per_minute)
    return budget, budget.live(), time


async def spend_live(budget: LiveBudget, scope: str = "/incidents/{id}") -> None:
    await budget.wait(scope)
    assert budget.take(scope)


async def test_some_of_each_minute_are_kept_for_live_requests() -> None:
    budget, live, time = make_with_live()
    for _ in range(912):
        await spend(budget)
    assert (time.seconds, budget.take("/users")) == (0.0, False)
    for _ in range(48):
        await spend_live(live)
    assert (time.seconds, live.take("/users")) == (0.0, False)


async def test_live_requests_may_use_the_whole_minute() -> None:
    _, live, time = make_with_live()
    for _ in range(960):
        await spend_live(live)
    assert (time.seconds, live.take("/users")) == (0.0, False)


async def test_what_the_server_has_left_is_kept_for_live_requests_too() -> None:
    budget, live, _ = make_with_live()
    await spend(budget)
    budget.observe("/users", headers(left=48, reset_s=30))
    assert (budget.wait_s("/users"), budget.take("/users")) == (30, False)
    await spend_live(live)
    live.observe("/incidents/{id}", headers(left=47, reset_s=30))
    assert live.take("/incidents/{id}")


async def test_refused_live_request_waits_as_any_other() -> None:
    budget, live, _ = make_with_live()
    await spend_live(live)
    live.refuse("/incidents/{id}", headers(left=0, reset_s=7), 7)
    assert (live.take("/incidents/{id}"), budget.take("/users")) == (False, False)


def test_steady_live_requests_soon_wait_no_more_beside_a_resync_that_takes_all_it_can() -> None:
    budget, live, time = make_with_live()
    waiting, longest = 0, [0] * 10
    sent: list[float] = []
    others = 0
    for tick in range(10 * 60 * 10):
        time.seconds = tick / 10
        waiting += tick % 2  # five a second
        while waiting and live.take("/incidents/{id}"):
            waiting -= 1
            sent.append(time.seconds)
        for _ in range(10):
            if budget.take("/users"):
                others += 1
                sent.append(time.seconds)
        minute = int(time.seconds // 60)
        longest[minute] = max(longest[minute], waiting)
    assert longest[4:] == [0] * 6
    assert most_in_a_minute(sent) <= 960
    assert others >= 10 * (960 - 300 - 48 - 48)


async def test_live_request_held_by_its_own_operation_holds_up_no_other() -> None:
    budget, live, _ = make_with_live()
    live.refuse("/oncalls", {"ratelimit-limit": "960"}, 0)
    live.refuse("/oncalls", {"ratelimit-limit": "10"}, 30)
    assert (live.take("/oncalls"), live.take("/users"), budget.take("/users")) == (False, True, True)


def test_a_limit_of_one_is_for_all() -> None:
    budget, live, _ = make_with_live(per_minute=1)
    assert budget.take("/users")
    assert not live.take("/users")


@settings(max_examples=40, deadline=None)
@given(kinds=st.lists(st.booleans(), min_size=1, max_size=80), per_minute=st.integers(1, 60))
def test_no_minute_holds_more_requests_of_both_kinds_than_allowed(kinds: list[bool], per_minute: int) -> None:
    budget, live, time = make_with_live(per_minute)
    sent: list[float] = []

    async def run() -> None:
        for is_live in kinds * 3:
            await (spend_live(live) if is_live else spend(budget))
            sent.append(time.seconds)
            budget.observe("/users", {})

    asyncio.run(run())
    assert most_in_a_minute(sent) <= per_minute


@pytest.mark.parametrize(
    ("reset", "wait_s"),
    [("30", 30.0), ("1772366430", 30.0), ("1772366430000", 30.0), ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0)],
)
async def test_end_of_the_servers_window_is_read_in_every_form(reset: str, wait_s: float) -> None:
    time = Time()
    waits = WaitLedger(time.clock)
    budget = RateBudget(waits, clock=time.clock, sleep=time.sleep, wall=lambda: 1_772_366_400.0)
    await budget.wait("/users")
    assert budget.take("/users")
    budget.observe("/users", {"ratelimit-remaining": "0", "ratelimit-reset": reset, "ratelimit-limit": "960"})
    before_s = time.clock()
    await budget.wait("/users")
    assert time.clock() - before_s == pytest.approx(wait_s)
