"""Holds the outcome of one record: proof that its effect is durable, and what it adds to the counters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.outcome import Count


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of a record is acknowledged, or it lies in a dead-letter topic: it may be committed.

    Attributes:
        run_id: Run the record belongs to; empty: none, nothing is counted.
        kind: PagerDuty kind the counts belong to.
        counts: What this record adds.
    """

    run_id: str = ""
    kind: str = ""
    counts: Mapping[Count, int] = field(default_factory=dict)


DONE = Outcome()
"""The outcome of a record that counts nothing."""
