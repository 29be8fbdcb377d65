"""So many live deletes of a blueprint pass in ten minutes: the rest is held as long as they keep coming."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.breaker import Breaker, allowance
from shared.delete_window import WINDOW_MIN, DeleteWindow

NOW = 29_539_440


def breaker(*windows: dict[str, dict[int, int]], owned: int = 6, minute: int = NOW) -> Breaker:
    return Breaker(windows=list(map(DeleteWindow, windows)), owned=owned, partitions=6, minute=minute)


@pytest.mark.parametrize(
    ("entities", "owned", "passing"),
    [(0, 6, 20), (400, 6, 20), (419, 6, 20), (420, 6, 21), (10_000, 6, 500), (10_000, 3, 250), (0, 1, 4)],
)
def test_twenty_or_a_twentieth_pass_and_a_writer_has_the_share_of_its_partitions(
    entities: int, owned: int, passing: int
) -> None:
    assert allowance(entities, owned=owned, partitions=6) == passing


def test_what_is_beyond_the_limit_is_held_and_told_apart() -> None:
    judge = breaker()
    assert judge.judge("app", range(15), 0) == 15
    assert judge.judge("app", range(100, 110), 0) == 5
    assert judge.judge("team", range(200, 203), 0) == 3
    assert judge.passed == {*range(15), *range(100, 105), *range(200, 203)}
    assert +judge.held == {"app": 5}


def test_deletes_of_all_partitions_count_together() -> None:
    judge = breaker({"app": {NOW - 9: 8}}, {"app": {NOW: 4}, "team": {NOW: 20}})
    assert judge.is_surely_within("app", 8)
    assert not judge.is_surely_within("app", 9)
    assert judge.judge("app", range(9), 0) == 8


def test_deletes_flow_again_ten_minutes_after_the_last_one_was_held() -> None:
    window = {"app": {NOW: 500}}
    minutes = [NOW + WINDOW_MIN - 1, NOW + WINDOW_MIN]
    assert [breaker(window, minute=at).judge("app", range(5), 0) for at in minutes] == [0, 5]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=40), st.integers(0, 2000))
def test_no_ten_minutes_let_more_pass_than_allowed(arrivals: list[tuple[int, int]], entities: int) -> None:
    """Each arrival comes some minutes after the one before, judged by what was committed until then."""
    window, at, passed = DeleteWindow(), NOW, dict[int, int]()
    for after, number in arrivals:
        at += after
        judge = Breaker(windows=[window], owned=6, partitions=6, minute=at)
        passed[at] = passed.get(at, 0) + judge.judge("app", range(number), entities)
        by_minute = window.numbers.setdefault("app", {})
        by_minute[at] = by_minute.get(at, 0) + number
    for end in passed:
        in_window = sum(number for minute, number in passed.items() if end - WINDOW_MIN < minute <= end)
        assert in_window <= allowance(entities, owned=6, partitions=6)
