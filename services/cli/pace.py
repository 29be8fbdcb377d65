"""Measures how fast the numbers of a kind grow: from when they could first grow to when they last did."""

from dataclasses import dataclass, field

from schemas.run import KindResult, KindState


@dataclass(slots=True)
class Span:
    """The time in which something went on; none: it has not begun."""

    began_s: float | None = None
    ended_s: float = 0.0

    def rate(self, number: int) -> float:
        """Return how many a second."""
        seconds = 0.0 if self.began_s is None else self.ended_s - self.began_s
        return number / seconds if seconds > 0 else 0.0


@dataclass(slots=True)
class Pace:
    """Times of one kind, taken from its snapshots.

    Attributes:
        reading: From the first snapshot in which it was listed to the end of the listing.
        writing: From the last snapshot before the writer had any of its changes to the writer's last.
    """

    reading: Span = field(default_factory=Span)
    writing: Span = field(default_factory=Span)
    _handled: int = 0
    _heard_s: float = 0.0

    def hear(self, kind: KindResult, now_s: float) -> None:
        """Take the times of a snapshot."""
        if self.reading.began_s is None and kind.state is not KindState.PENDING:
            self.reading.began_s = self.reading.ended_s = self._heard_s or now_s
        if kind.state is KindState.LISTING:
            self.reading.ended_s = now_s
        if (handled := sum(kind.writer.values())) != self._handled:
            if self.writing.began_s is None:
                self.writing.began_s = self._heard_s or now_s
            self._handled, self.writing.ended_s = handled, now_s
        self._heard_s = now_s
