"""Sums the time in which a host let requests wait long for their answer, common time once."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class SlowAnswers:
    """Those of one host. All times are monotonic seconds.

    Attributes:
        seconds: In which at least one request waited.
        times: How many did.
    """

    seconds: float = 0.0
    times: int = 0
    _spans: list[tuple[float, float]] = field(default_factory=list)

    def add(self, since_s: float, until_s: float, oldest_s: float) -> None:
        """Add a request that has its answer, or is given up, now.

        Args:
            since_s: When it was sent.
            until_s: Now, no earlier than of any request added before.
            oldest_s: When the oldest request was sent that still waits; infinite: none does.
        """
        self.times += 1
        start_s = since_s
        while self._spans and self._spans[-1][1] >= start_s:
            before = self._spans.pop()
            self.seconds -= before[1] - before[0]
            start_s = min(start_s, before[0])
        self.seconds += until_s - start_s
        # A span that ended before any open request was sent can have nothing in common with one to come.
        self._spans = [span for span in [*self._spans, (start_s, until_s)] if span[1] >= oldest_s]
