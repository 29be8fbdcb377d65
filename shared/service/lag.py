"""Shows how far the members of a process are behind, partition by partition."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from shared.errors import PagerportError
from shared.log.interface import TopicPartition
from shared.runtime import Consumer
from shared.service.metrics import ServiceMetrics

logger = logging.getLogger(__name__)

LAG: Final = "consumer_lag_records"
TIMEOUT_S: Final = 2.0

EndOffsets = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]


class LagGauge:
    """The gauge of one service. A scrape has it read first; what was read last stands until then.

    Args:
        end_offsets: Those of the log.
        metrics: Those of the service.
    """

    def __init__(self, end_offsets: EndOffsets, metrics: ServiceMetrics) -> None:
        self._end_offsets = end_offsets
        self._service = metrics.service
        self._lags: dict[tuple[str, ...], float] = {}
        metrics.gauge(
            LAG,
            "Records of a partition that this member holds and has not handled.",
            ("group", "topic", "partition"),
            lambda: self._lags,
        )

    async def read(self, consumers: Sequence[Consumer]) -> None:
        """Bring the lag up to date; a log that does not answer leaves the last one.

        Args:
            consumers: All members of the service, also several of one group.
        """
        held: dict[tuple[str, TopicPartition], int] = {}
        for consumer in consumers:
            for place, offset in consumer.offsets.items():
                held[consumer.membership.group, place] = offset
        try:
            async with asyncio.timeout(TIMEOUT_S):
                ends = await self._end_offsets(list({place for _, place in held}))
        except (TimeoutError, PagerportError) as error:
            logger.debug("%s: the lag is not known: %r", self._service, error)
            return
        self._lags = {
            (group, place.topic, str(place.partition)): float(max(0, ends[place] - offset))
            for (group, place), offset in held.items()
        }
