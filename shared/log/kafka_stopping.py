"""Ends a client of aiokafka for good, also while Kafka is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError

logger = logging.getLogger(__name__)


async def stop_for_good(stop: Callable[[], Awaitable[None]], client: Any, *, timeout_s: float) -> bool:  # noqa: ANN401
    """Stop a consumer, a producer or an admin client, and return whether that went in order.

    aiokafka's own stop waits for an answer that may never come, or passes on the cancellation of one of its
    tasks, and goes on reconnecting once a second in both cases.

    Args:
        stop: Stops it in order.
        client: The `AIOKafkaClient` under it, which holds the connections.
        timeout_s: How long stopping in order may take.
    """
    in_order = False
    try:
        async with asyncio.timeout(timeout_s):
            await stop()
        in_order = True
    except (TimeoutError, KafkaError) as error:
        logger.debug("stopped without an answer: %r", error)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    await client.close()
    return in_order
