"""Holds the outcome of one record: proof that its effect is durable, and what it adds to the counters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.outcome import Count


class LiveDelete(NamedTuple):
    """A live delete that was carried out or held: the breaker counts it.

    Attributes:
        blueprint: Of the entity.
        minute: Minutes since the epoch.
    """

    blueprint: str
    minute: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of a record is acknowledged, or it lies in a dead-letter topic: it may be committed.

    Attributes:
        run_id: Run the record belongs to; empty: none, nothing is counted.
        kind: PagerDuty kind the counts belong to.
        counts: What this record adds.
        live_delete: The delete that the breaker counts; None: none.
    """

    run_id: str = ""
    kind: str = ""
    counts: Mapping[Count, int] = field(default_factory=dict)
    live_delete: LiveDelete | None = None


DONE = Outcome()
"""The outcome of a record that counts nothing."""
