"""Tests that windows together hold the span they were cut from."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.windows import READABLE_ROWS, Span, bisect_span, can_be_halved, is_doubled, split_span

START = datetime(2026, 1, 1, tzinfo=UTC)


def span(seconds: int) -> Span:
    return Span(START, START + timedelta(seconds=seconds))


def test_span_is_written_in_utc_with_z() -> None:
    assert span(5).query == (("since", "2026-01-01T00:00:00Z"), ("until", "2026-01-01T00:00:05Z"))


def test_windows_overlap_by_a_second() -> None:
    assert split_span(span(20), timedelta(seconds=10)) == [
        Span(START, START + timedelta(seconds=10)),
        Span(START + timedelta(seconds=9), START + timedelta(seconds=19)),
        Span(START + timedelta(seconds=18), START + timedelta(seconds=20)),
    ]


@given(length=st.integers(0, 5000), longest=st.integers(2, 700))
def test_windows_cover_the_span_and_none_is_too_long(length: int, longest: int) -> None:
    windows = split_span(span(length), timedelta(seconds=longest))
    assert windows[0].since == START
    assert windows[-1].until == START + timedelta(seconds=length)
    assert all(one.until - one.since <= timedelta(seconds=longest) for one in windows)
    assert all(later.since == one.until - timedelta(seconds=1) for one, later in pairwise(windows))


@given(length=st.integers(0, 10_000_000))
def test_halving_covers_every_second_and_ends_at_single_ones(length: int) -> None:
    whole = span(length)
    halves = bisect_span(whole)
    if length == 0:
        assert halves is None
        return
    assert halves is not None
    first, second = halves
    assert (first.since, second.until) == (whole.since, whole.until)
    assert second.since - first.until <= timedelta(seconds=1 if length == 1 else 0)
    assert all(half.until - half.since < whole.until - whole.since for half in halves)


@pytest.mark.parametrize(
    ("total", "halved"),
    [
        (None, False),
        (0, False),
        (10_000, False),
        (10_001, True),
        (READABLE_ROWS, True),
        (READABLE_ROWS + 1, False),
        (10**12, False),
    ],
)
def test_window_is_halved_when_it_is_too_long_but_not_absurdly(total: int | None, halved: bool) -> None:
    assert can_be_halved(total) is halved


@pytest.mark.parametrize(
    ("seconds", "halves", "doubled"),
    [
        (3600, [20_000, 20_000], True),
        (3600, [20_000, 10_001], True),
        (3600, [20_000, 10_000], False),
        (3600, [20_000, None], False),
        (60, [20_000, 20_000], False),
    ],
)
def test_halves_that_hold_far_more_than_a_long_window_are_told(
    seconds: int, halves: list[int | None], doubled: bool
) -> None:
    assert is_doubled(span(seconds), 20_000, halves) is doubled
