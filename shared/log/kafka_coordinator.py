"""Asks again for a group's coordinator while the cluster is making it, which a fresh one does for seconds."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiokafka import errors

from shared.log.interface import Sleep

AnswerT = TypeVar("AnswerT")

WAIT_S: Final = 15.0
RETRY_INTERVAL_S: Final = 0.25
BEING_MADE: Final = (errors.GroupCoordinatorNotAvailableError, errors.GroupLoadInProgressError)
"""What a cluster answers whose topic of offsets is being created or read.

Source: Kafka protocol, error codes.
"""


async def ask_coordinator(
    ask: Callable[[], Awaitable[AnswerT]], *, within_s: float = WAIT_S, sleep: Sleep = asyncio.sleep
) -> AnswerT:
    """Return the answer to what only a group's coordinator knows.

    Args:
        ask: Asks once.
        within_s: How long the waits between attempts may be in all.
        sleep: Waits between attempts.
    """
    waited_s = 0.0
    while True:
        try:
            return await ask()
        except BEING_MADE:
            if waited_s >= within_s:
                raise
        await sleep(RETRY_INTERVAL_S)
        waited_s += RETRY_INTERVAL_S
