"""States what the conductor tells the sweep of a run."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.mapping import MappingInForce
from schemas.run import RunResult
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
    """

    result: RunResult
    mapping: MappingInForce
    sources: Sequence[Source]
    is_whole: bool
    starts: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    port_started_at: datetime | None


Sweep = Callable[[SweptRun], Awaitable[None]]
"""Publishes the deletes of a run and returns when they are acknowledged; the conductor then waits for the
writer again. What it decided, for each blueprint, stands in the result."""
