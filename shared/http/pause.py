"""Waits for a while, or until we are asked to leave."""

import asyncio

from shared.log.interface import Sleep


async def pause(delay_s: float, leaving: asyncio.Event | None, *, sleep: Sleep = asyncio.sleep) -> bool:
    """Wait and return True, or False as soon as `leaving` is set.

    Args:
        delay_s: Seconds to wait.
        leaving: None: nobody will ask.
        sleep: Waits.
    """
    if leaving is None:
        await sleep(delay_s)
        return True
    if leaving.is_set():
        return False
    nap = asyncio.ensure_future(sleep(delay_s))
    left = asyncio.ensure_future(leaving.wait())
    try:
        await asyncio.wait({nap, left}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        nap.cancel()
        left.cancel()
    return not leaving.is_set()
