"""Opens the breaker for each batch, and remembers which blueprints' deletes it has held."""

import logging
from collections.abc import Callable, Mapping

from schemas.topics import ENTITIES
from services.writer.breaker import Breaker
from shared.counted import number_of
from shared.delete_window import WINDOW_MIN
from shared.log.interface import TopicPartition
from shared.progress import Progress

logger = logging.getLogger(__name__)


class Holds:
    """What the breaker holds, as long as this writer runs.

    Args:
        now_s: Seconds since the epoch.
        members: Members of the group that share the core in this process.
    """

    def __init__(self, now_s: Callable[[], float], *, members: int = 1) -> None:
        self._now_s = now_s
        self._members = members
        self._held_at: dict[str, int] = {}
        self._lanes: dict[frozenset[TopicPartition], Breaker] = {}

    @property
    def blueprints(self) -> tuple[str, ...]:
        """Return the blueprints whose live deletes were held in the last ten minutes."""
        minute = self._minute()
        return tuple(sorted(name for name, at in self._held_at.items() if minute - at < WINDOW_MIN))

    def open(self, committed: Mapping[TopicPartition, Progress]) -> Breaker:
        """Return the breaker of a batch.

        Args:
            committed: For each partition of the member whose batch it is; empty: there is no group.
        """
        lane = frozenset(committed)
        for places in [one for one in self._lanes if one & lane]:
            # These partitions came from another member, or had the batch before.
            del self._lanes[places]
        opened = self._lanes[lane] = Breaker(
            windows=[progress.deletes for progress in committed.values()],
            owned=min(len(lane) * self._members, ENTITIES.partitions) or ENTITIES.partitions,
            partitions=ENTITIES.partitions,
            minute=self._minute(),
            lanes=self._lanes.values(),
        )
        return opened

    def close(self, breaker: Breaker) -> None:
        """Remember what the breaker has held, and say so once for each blueprint."""
        for blueprint, number in (+breaker.held).items():
            self._held_at[blueprint] = breaker.minute
            logger.error(
                "%s of %s held, for there are too many within %d minutes; look at `pagerport"
                " dlq list --reason delete_held`, then `pagerport release --blueprint %s`",
                number_of(number, "live delete"),
                blueprint,
                WINDOW_MIN,
                blueprint,
            )

    def _minute(self) -> int:
        return int(self._now_s() // 60)
