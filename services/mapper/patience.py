"""Says how long a worker may be at one thing, and what it had in hand when it was ended over it."""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """What a worker has in hand, as it says.

    Attributes:
        phase: `MAPPING`, or anything else.
        number: Index of the object in the request.
        entry: Index of the entry in the mapping; negative: not known, since they are run together.
        text: Index of the expression in the entry's `texts`, or `ITEMS`.
    """

    phase: int
    number: int
    entry: int
    text: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a worker may be at one thing, by the clock of the event loop.

    Attributes:
        object_s: At one object.
        expression_s: At one expression, where they are run one by one.
        enough: Once set, the worker answers with what it has behind the object in hand; None: never.
    """

    object_s: float
    expression_s: float
    enough: asyncio.Event | None = None


class WorkerGoneError(Exception):
    """The worker died, or did not answer in time and was ended.

    Attributes:
        timed_out: Whether it ran out of time.
        place: What it had in hand.
        limit_s: The time it had for that.
    """

    def __init__(self, says: str, *, timed_out: bool, place: Place, limit_s: float = 0.0) -> None:
        super().__init__(says)
        self.timed_out = timed_out
        self.place = place
        self.limit_s = limit_s
