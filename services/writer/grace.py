"""Gives the calls that are under way some time to end once we are asked to leave."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from shared.port.call import LeavingError


async def run_with_grace(work: Coroutine[Any, Any, None], leaving: asyncio.Event, *, grace_s: float) -> None:
    """Run work to its end, or for so long after we are asked to leave; then it is cancelled.

    Args:
        work: Begins nothing new once `leaving` is set.
        leaving: Asks us to leave.
        grace_s: What calls under way may take to end.

    Raises:
        PagerportError: What the work raised, unless it was that it has to leave.
    """
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(leaving.wait())
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=grace_s)
    finally:
        left.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        try:
            task.result()
        except LeavingError:
            return
