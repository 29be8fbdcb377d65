"""States what the conductor tells the sweep of a run, and what the sweep asks for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from schemas.mapping import MappingInForce
from schemas.run import KindResult, RunResult
from shared.log.interface import TopicPartition
from shared.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptRun:
    """A run whose barrier is passed: everything it published has been written.

    Attributes:
        result: So far, with the counts and failures of all stages; the sweep adds its part.
        mapping: In force for the whole run, with the `previous` ones.
        sources: What was listed; in a replay, what the mapping asks for.
        is_whole: Whether all kinds of the mapping took part (no `--kind`).
        starts: End offsets of `port.entities` when the run began.
        ends: The same now: what lies between is what the run, and live changes meanwhile, have made.
        port_started_at: When the run began in Port's own time; None: Port did not say.
        settle: Waits until all that is published by now has passed mapper and writer: the sweep publishes the
            objects that it has asked for. None: nobody can wait, what they make is left to the next run.
        gate: Waits for the leave to publish, before each publish. None: nobody else may.
    """

    result: RunResult
    mapping: MappingInForce
    sources: Sequence[Source]
    is_whole: bool
    starts: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    port_started_at: datetime | None
    settle: Callable[[], Awaitable[None]] | None = None
    gate: Callable[[], Awaitable[None]] | None = None


Sweep = Callable[[SweptRun], Awaitable[None]]
"""Publishes the deletes of a run and returns when they are acknowledged; the conductor then waits for the
writer again. What it decided, for each blueprint, stands in the result."""


class Existence(Enum):
    """What PagerDuty says of one object."""

    THERE = "there"
    """It has the object, which was published as its listing would have, without a run id."""
    GONE = "gone"
    """404: there is no such object."""
    UNCLEAR = "unclear"
    """Anything else: forbidden, refused, or no record can hold it."""
    GIVEN_UP = "given_up"
    """Asking for it failed again and again while PagerDuty answered others: a proxy's page, HTTP 500."""


Ask = Callable[[Source, str], Awaitable[Existence]]
"""Asks PagerDuty for the object of a source by its id, and publishes it if it is there (origin resync)."""

Relist = Callable[[Source], Awaitable[KindResult]]
"""Reads a source's list once more and publishes nothing; the result has the digest of its ids."""
