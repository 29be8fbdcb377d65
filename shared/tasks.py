"""Runs coroutines side by side until all are done or the first one fails."""

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
