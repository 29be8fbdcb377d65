"""States what the runtime and a service's core promise each other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.log.interface import Record, TopicPartition
from shared.outcome import Outcome
from shared.progress import Progress


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one or several partitions, in offset order per partition.

    Attributes:
        records: Raw records; nothing of them is trusted.
        leaving: Set when the partitions are being taken away or the process stops: a core that waits for a
            third party gives up at once and returns None for what is not done.
        progress: What is committed for each partition of this member, also those without a record here; not
            to be changed. Empty: there is no group.
    """

    records: Sequence[Record]
    leaving: asyncio.Event
    progress: Mapping[TopicPartition, Progress] = field(default_factory=dict)


class Core(Protocol):
    """Plain async code of one service: records in, one outcome per record out."""

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        """Do the work of a batch and return an outcome per record, in the batch's order.

        None means that the record's effect is not durable yet; the runtime commits each partition up to its
        first None and reads again from there. The core may wait inside (a remote API is down) as long as it
        watches `batch.leaving`. Called by one task at a time.

        Raises:
            RetryableError: Nothing of the batch is done; it is read again after a back-off.
            FatalError: A one-shot run ends with it; an always-on process holds and tries again each minute.
        """
