"""Tests that the bytes of pages in hand are bounded, and that one page always may be read."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.page_room import PageRoom, expect_bytes, fits

SIZES = st.integers(0, 10**9)


@given(held=SIZES, expected=SIZES, limit=st.integers(1, 10**9))
def test_pages_in_hand_stay_within_the_limit_but_for_a_single_one(
    held: int, expected: int, limit: int
) -> None:
    assert fits(held, expected, limit) == (held == 0 or held + expected <= limit)


@given(expected=SIZES, size=SIZES)
def test_next_page_is_expected_to_be_no_smaller_than_this_one(expected: int, size: int) -> None:
    assert size <= expect_bytes(expected, size) <= max(size, expected)


async def _peak(sizes: list[int], expected: int, limit: int) -> tuple[int, int]:
    """Return the most pages and bytes held at once."""
    room = PageRoom(limit)
    held: dict[int, int] = {}
    peaks = [(0, 0)]

    async def read(number: int, size: int) -> None:
        async with room.page(expected) as share:
            held[number] = expected
            await asyncio.sleep(0)
            share.resize(size)
            held[number] = size
            peaks.append((len(held), sum(held.values())))
            await asyncio.sleep(0)
            del held[number]

    async with asyncio.TaskGroup() as group:
        for number, size in enumerate(sizes):
            group.create_task(read(number, size))
    return max(count for count, _ in peaks), max(size for _, size in peaks)


async def test_small_pages_are_in_hand_side_by_side() -> None:
    assert await _peak([10] * 8, 10, 100) == (8, 80)


async def test_big_pages_are_in_hand_as_many_as_there_is_room_for() -> None:
    assert await _peak([40] * 8, 40, 100) == (2, 80)


async def test_page_larger_than_all_room_is_read_alone() -> None:
    assert await _peak([500] * 4, 500, 100) == (1, 500)


async def test_room_is_given_back_when_reading_fails() -> None:
    room = PageRoom(100)

    async def fail() -> None:
        async with room.page(90) as share:
            share.resize(95)
            raise OSError("disk full")

    for _ in range(3):
        with pytest.raises(OSError, match="disk full"):
            await fail()
    async with asyncio.timeout(5), room.page(100) as share:
        assert share.held_bytes == 100
