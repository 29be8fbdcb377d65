"""Tests how a read is divided among partitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.log.fair_shares import fair_shares


@pytest.mark.parametrize(
    ("available", "limit", "shares"),
    [
        ([], 10, []),
        ([1000, 1000], 500, [250, 250]),
        ([1000, 3, 1], 500, [496, 3, 1]),
        ([2, 2, 2], 500, [2, 2, 2]),
        ([9, 9, 9], 2, [1, 1, 0]),
        ([9, 9, 9], 4, [1, 1, 2]),
    ],
)
def test_what_one_partition_cannot_fill_goes_to_the_others(
    available: list[int], limit: int, shares: list[int]
) -> None:
    assert fair_shares(available, limit) == shares


@given(st.lists(st.integers(1, 1000), max_size=20), st.integers(1, 1000))
def test_all_places_are_given_and_nobody_with_more_gets_less(available: list[int], limit: int) -> None:
    shares = fair_shares(available, limit)
    assert sum(shares) == min(limit, sum(available))
    assert all(0 <= share <= have for share, have in zip(shares, available, strict=True))
    if limit >= len(available):
        assert all(shares)
        hungry = [share for share, have in zip(shares, available, strict=True) if share < have]
        assert not hungry or max(shares) - min(hungry) <= 1
