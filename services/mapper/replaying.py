"""Tells the records of a replay from the others, and has them counted and published as its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas.headers import Origin
from schemas.mapping import MappingInForce
from services.mapper.reading import Readable, Unreadable
from shared.core import Batch
from shared.log.interface import Record, TopicPartition
from shared.log.offsets import by_place
from shared.progress import Progress


@dataclass(frozen=True, slots=True)
class Replaying:
    """What a version of the mapping says of its replay.

    Attributes:
        version: The version in use.
        run_id: The replay; empty: the version is the command of none.
        ends: Where the replay ends in each of its partitions.
        starts: Where it begins in them; an owner that had not come as far begins earlier.
    """

    version: int = 0
    run_id: str = ""
    ends: Mapping[TopicPartition, int] = field(default_factory=dict)
    starts: Mapping[TopicPartition, int] = field(default_factory=dict)

    @classmethod
    def of(cls, mapping: MappingInForce) -> "Replaying":
        """Read it from a version."""
        if not mapping.run_id:
            return cls(mapping.version)
        return cls(
            mapping.version, mapping.run_id, by_place(mapping.replay_to), by_place(mapping.replay_from)
        )

    def has(self, record: Record, one: Readable | Unreadable | None) -> bool:
        """Return whether a record, as `adopt` gave it, is one of the replay."""
        if not isinstance(one, Readable) or not self.run_id:
            return False
        return one.headers.runid == self.run_id and record.offset < self.ends.get(record.place, 0)

    def ends_with(self, record: Record) -> bool:
        """Return whether nothing of the replay comes after a record of it in its partition."""
        return record.offset + 1 >= self.ends.get(record.place, 0)

    def adopt(
        self, batch: Batch, read: Sequence[Readable | Unreadable | None]
    ) -> list[Readable | Unreadable | None]:
        """Return what was read of a batch, the records of the replay as its own.

        A partition that was not rewound yet is none of the replay: its records come again. One that another
        process has handled with a newer version waits (None) until this one knows that version too.
        """
        return [
            self._adopted(record, one, batch.progress.get(record.place))
            for record, one in zip(batch.records, read, strict=True)
        ]

    def _adopted(
        self, record: Record, one: Readable | Unreadable | None, progress: Progress | None
    ) -> Readable | Unreadable | None:
        at = self.version if progress is None else progress.mapping_version
        if one is None or at > self.version:
            return None
        if at < self.version or record.offset >= self.ends.get(record.place, 0):
            return one
        if isinstance(one, Unreadable):
            return replace(one, run_id=self.run_id)
        # What an operator confirmed when the record was new is not confirmed again, and its trace is over.
        own = {"origin": Origin.REPLAY, "runid": self.run_id, "confirmed": False, "traceparent": ""}
        return replace(one, headers=one.headers.model_copy(update=own))
