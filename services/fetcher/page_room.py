"""Bounds how many bytes of pages are in hand at once: big pages are read one after another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LIMIT_BYTES = 32 * 1024 * 1024
"""Of bodies as they came; what is made of one takes several times as much for a while."""


def fits(held_bytes: int, expected_bytes: int, limit_bytes: int) -> bool:
    """Return whether another page may be asked for. One always may when there is none in hand."""
    return held_bytes == 0 or held_bytes + expected_bytes <= limit_bytes


def expect_bytes(expected_bytes: int, size_bytes: int) -> int:
    """Return how large the next page is taken to be after one of this size: large ones come in series."""
    return max(size_bytes, expected_bytes // 2)


class Share:
    """What one page takes of a room.

    Attributes:
        held_bytes: What was expected, until its size is known.
    """

    def __init__(self, room: "PageRoom", expected_bytes: int) -> None:
        self._room = room
        self.held_bytes = expected_bytes

    def resize(self, size_bytes: int) -> None:
        """Tell how large the page is."""
        self._room.release(self.held_bytes - size_bytes)
        self.held_bytes = size_bytes


class PageRoom:
    """Room for the pages of all listings of a run. Used by the tasks of one event loop.

    Args:
        limit_bytes: Of all pages in hand; a single page may be larger.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def page(self, expected_bytes: int) -> AsyncIterator[Share]:
        """Wait for room and hold it for the time of the block: from asking for a page to its being published.

        Args:
            expected_bytes: How large the page will probably be.
        """
        expected_bytes = max(expected_bytes, 1)
        while not fits(self._held_bytes, expected_bytes, self._limit_bytes):
            self._freed.clear()
            await self._freed.wait()
        self._held_bytes += expected_bytes
        share = Share(self, expected_bytes)
        try:
            yield share
        finally:
            self.release(share.held_bytes)

    def release(self, freed_bytes: int) -> None:
        """Give room back; a negative number takes more."""
        self._held_bytes -= freed_bytes
        if freed_bytes > 0:
            self._freed.set()
