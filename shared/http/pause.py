"""Waits for something, or until we are asked to leave."""

import asyncio
from collections.abc import Awaitable, Callable


async def until_left(wait: Callable[[], Awaitable[object]], leaving: asyncio.Event | None) -> bool:
    """Return True when the wait is over, or False as soon as `leaving` is set.

    Args:
        wait: Begins it; it is given up when we leave.
        leaving: None: nobody will ask.
    """
    if leaving is None:
        await wait()
        return True
    if leaving.is_set():
        return False
    waiting = asyncio.ensure_future(wait())
    left = asyncio.ensure_future(leaving.wait())
    try:
        await asyncio.wait({waiting, left}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        left.cancel()
    return not leaving.is_set()
