"""Works out what may be committed after a batch: per partition up to its first record without an outcome."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.log.interface import Record, TopicPartition
from shared.outcome import Outcome
from shared.progress import Progress


class Done(NamedTuple):
    """What a partition has reached.

    Attributes:
        offset: Next offset to read.
        progress: What was committed before, and the batch's outcomes up to there.
    """

    offset: int
    progress: Progress


def plan_commits(
    records: Sequence[Record],
    outcomes: Sequence[Outcome | None],
    progress: Mapping[TopicPartition, Progress],
) -> dict[TopicPartition, Done]:
    """Return what to commit; a partition whose first record has no outcome is absent.

    Args:
        records: The batch, in offset order per partition.
        outcomes: One per record; None: not done.
        progress: What is committed now; it stays as it is.

    Raises:
        ValueError: There is not one outcome per record.
    """
    if len(outcomes) != len(records):
        raise ValueError(f"the core returned {len(outcomes)} outcomes for {len(records)} records")
    next_offsets: dict[TopicPartition, int] = {}
    added: dict[TopicPartition, Progress] = {}
    stuck: set[TopicPartition] = set()
    for record, outcome in zip(records, outcomes, strict=True):
        place = record.place
        if outcome is None:
            stuck.add(place)
        elif place not in stuck:
            if place not in added:
                added[place] = progress[place].copy()
            added[place].add(outcome)
            next_offsets[place] = record.offset + 1
    return {place: Done(offset, added[place]) for place, offset in next_offsets.items()}
