"""Waits for several things at once: until all are done or one fails, or until the first has come."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def all_of(*works: Coroutine[Any, Any, None]) -> None:
    """Return when all are done.

    Raises:
        Exception: The first failure, as itself rather than in a group; the others are cancelled first.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def first_of(*events: asyncio.Event) -> None:
    """Return when one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
