"""Reads from the commits of mapper and writer what they have done for a run, and how far they have come."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.outcome import Count
from schemas.topics import ENTITIES
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.log.interface import Log
from shared.progress import Progress, sum_counts


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        counts: Its counts for the run, per kind.
        at: Sum of its committed offsets.
    """

    counts: dict[str, dict[Count, int]]
    at: int


@dataclass(frozen=True, slots=True)
class Stages:
    """Both stages at one look."""

    mapper: Stage
    writer: Stage


async def read_stages(log: Log, raw_topics: Sequence[str], stamp: str) -> Stages:
    """Return what the stages have committed.

    Args:
        log: The log.
        raw_topics: Those that take part.
        stamp: Run id on the run's records.
    """
    return Stages(
        await _read(log, MAPPER_GROUP, raw_topics, stamp),
        await _read(log, WRITER_GROUP, [ENTITIES.name], stamp),
    )


async def _read(log: Log, group: str, topics: Sequence[str], stamp: str) -> Stage:
    places = await log.partitions(frozenset(topics).__contains__)
    committed = await log.committed(group, places)
    counts = sum_counts((Progress.decode(one.metadata) for one in committed.values()), stamp)
    return Stage(counts, sum(one.offset for one in committed.values()))
