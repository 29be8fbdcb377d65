"""Holds where a member of a group stands in the partitions it owns."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from shared.batch_commits import Done
from shared.log.interface import Committed, TopicPartition
from shared.progress import Progress

ReplayFrom = Callable[[TopicPartition], int | None]


@dataclass(slots=True)
class Standing:
    """Where the member stands in one partition.

    Attributes:
        offset: Next offset to read.
        progress: What was committed with that offset.
        is_committed: Whether the group has ever committed there. If not, the offset is only a wish: the log
            may begin later, and nothing is lost by that.
    """

    offset: int
    progress: Progress
    is_committed: bool


class Positions:
    """The standings of the partitions a member owns, once their commits are read."""

    def __init__(self) -> None:
        self._standings: dict[TopicPartition, Standing] = {}

    def __bool__(self) -> bool:
        return bool(self._standings)

    def __getitem__(self, place: TopicPartition) -> Standing:
        return self._standings[place]

    def offsets(self) -> dict[TopicPartition, int]:
        """Return the next offset to read of each partition."""
        return {place: standing.offset for place, standing in self._standings.items()}

    def missing(self, places: Iterable[TopicPartition]) -> set[TopicPartition]:
        """Return those of the partitions that are not ours or not read yet."""
        return set(places) - self._standings.keys()

    def progress(self) -> dict[TopicPartition, Progress]:
        """Return what is committed for each partition."""
        return {place: standing.progress for place, standing in self._standings.items()}

    def forget(self, places: Iterable[TopicPartition]) -> None:
        """Let go of partitions."""
        for place in places:
            self._standings.pop(place, None)

    def take_over(
        self,
        places: Iterable[TopicPartition],
        committed: Mapping[TopicPartition, Committed],
        mapping_version: int,
    ) -> list[TopicPartition]:
        """Stand where the group has committed, at 0 where it has not.

        Args:
            places: Partitions that came.
            committed: What the group has committed there.
            mapping_version: Mapping in force, for partitions never committed.

        Returns:
            Partitions whose metadata is unreadable.
        """
        unreadable = []
        for place in places:
            found = committed.get(place)
            if found is None:
                self._standings[place] = Standing(0, Progress(mapping_version), is_committed=False)
            else:
                progress = Progress.decode(found.metadata)
                self._standings[place] = Standing(found.offset, progress, is_committed=True)
                if progress.is_unreadable:
                    unreadable.append(place)
        return unreadable

    def advance(self, done: Mapping[TopicPartition, Done]) -> None:
        """Stand where a commit has succeeded."""
        for place, (offset, progress) in done.items():
            self._standings[place] = Standing(offset, progress, is_committed=True)

    def rewound(self, to: Mapping[TopicPartition, int], mapping_version: int) -> dict[TopicPartition, Done]:
        """Return what to commit in order to read partitions again, from an offset and with a mapping."""
        rewound: dict[TopicPartition, Done] = {}
        for place, offset in to.items():
            progress = self._standings[place].progress.copy()
            progress.mapping_version = mapping_version
            rewound[place] = Done(offset, progress)
        return rewound

    def behind(self, mapping_version: int, replay_from: ReplayFrom) -> dict[TopicPartition, int]:
        """Return where to read from because what was committed was handled with an older mapping.

        A partition that was never committed has nothing to replay: it takes the mapping in force.
        """
        to: dict[TopicPartition, int] = {}
        for place, standing in self._standings.items():
            if not standing.is_committed:
                standing.progress.mapping_version = mapping_version
            elif standing.progress.mapping_version < mapping_version:
                start = replay_from(place)
                to[place] = standing.offset if start is None else min(standing.offset, start)
        return to

    def begin_at(self, starts: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Move never-committed partitions to the log's start, and return those that have lost records."""
        lost: dict[TopicPartition, int] = {}
        for place, start in starts.items():
            standing = self._standings[place]
            if standing.is_committed:
                lost[place] = start
            else:
                standing.offset = start
        return lost
