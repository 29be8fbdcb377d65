"""Follows the mapping in force, so that a mapper process maps by it and reads again what it must."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from schemas.mapping import MappingInForce
from schemas.topics import MAPPING
from shared.errors import FatalError, NotOwnerError, RetryableError
from shared.log.interface import Log, Sleep, TopicPartition
from shared.mapping_topic import MappingRecords
from shared.topic_reader import TopicReader

logger = logging.getLogger(__name__)

WAIT_S: Final = 30.0
RETRY_S: Final = 1.0

Use = Callable[[MappingInForce], None]
Rewind = Callable[[], Awaitable[None]]


class MappingFollower:
    """Reads `pagerport.mapping` from its start and goes on reading.

    Give `version` and `replay_from` to the mapper's Consumer and run `follow` beside it, with the `use` of
    its core and the `replay` of the Consumer.

    Args:
        log: The log.
        identifier: The installation.
        sleep: Waits between attempts while the log fails.
    """

    def __init__(self, log: Log, identifier: str, *, sleep: Sleep = asyncio.sleep) -> None:
        self._log = log
        self._reader = TopicReader(log, MAPPING.name)
        self._records = MappingRecords(identifier)
        self._sleep = sleep
        self._used: MappingInForce | None = None

    @property
    def used(self) -> MappingInForce | None:
        """Return the version in use; None: none is yet."""
        return self._used

    @property
    def held(self) -> str:
        """Return why the newest version is not in use (readiness); empty: it is, or will be at once."""
        return self._records.held

    @property
    def left_out(self) -> int:
        """Return how many records of the topic could not be read."""
        return self._records.left_out

    def version(self) -> int:
        """Return the number of the version in use; 0: none is yet."""
        return 0 if self._used is None else self._used.version

    def replay_from(self, place: TopicPartition) -> int | None:
        """Return where a partition with an older version is read again from; None: nowhere."""
        if self._used is None:
            return None
        return self._used.replay_from.get(place.topic, {}).get(place.partition)

    async def follow(self, use: Use, rewind: Rewind) -> None:
        """Put each new version in use until cancelled; of several that came at once only the newest.

        Args:
            use: Makes the mapper map by a version.
            rewind: Rewinds the mapper's partitions that were handled with an older one; tried again until it
                is done: a partition may be changing hands.

        Raises:
            ConfigurationError, ExpressionError: As `use` raises them: this release cannot map by it.
        """
        await self._log.create_topics([MAPPING.name])
        is_rewound = True
        while True:
            try:
                self._records.take(await self._reader.to_end())
                newest = self._records.in_force
                if newest is not None and newest is not self._used:
                    use(newest)
                    self._used, is_rewound = newest, False
                    logger.info("mapping version %d is in use: %s", newest.version, newest.origin)
                if not is_rewound:
                    await rewind()
                    is_rewound = True
                self._records.take(await self._reader.more(WAIT_S))
            except (NotOwnerError, RetryableError, FatalError) as error:
                logger.warning("mapping of the log: %s; tried again", error)
                await self._sleep(RETRY_S)
