"""Cuts spans of time into windows that PagerDuty accepts and that stay below its cap of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.kind_model import ROW_CAP
from shared.query_values import instant_text

OVERLAP = timedelta(seconds=1)
"""Whether bounds are inclusive is not documented (PagerDuty/developer-docs, issue 74), so windows overlap."""
SHORTEST_OVERLAPPING = timedelta(seconds=4)
"""Below this an overlap would make a half as long as the whole."""
READABLE_ROWS = 100_000_000
"""Most rows of a window that are worth halving it for: as many take a day at PagerDuty's rate limit."""
_LONG = timedelta(minutes=1)
_DOUBLED = 1.5


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time in whole seconds, both ends included."""

    since: datetime
    until: datetime

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """Return the span as query pairs."""
        return (("since", instant_text(self.since)), ("until", instant_text(self.until)))


def split_span(span: Span, longest: timedelta) -> list[Span]:
    """Return windows of at most `longest` that hold the span, oldest first, overlapping by a second."""
    windows, start = [], span.since
    while span.until - start > longest:
        windows.append(Span(start, start + longest))
        start += longest - OVERLAP
    return [*windows, Span(start, span.until)]


def bisect_span(span: Span) -> tuple[Span, Span] | None:
    """Return both halves of a span; None: one second cannot be halved."""
    length = span.until - span.since
    if length < timedelta(seconds=1):
        return None
    if length < timedelta(seconds=2):
        return Span(span.since, span.since), Span(span.until, span.until)
    middle = span.since + timedelta(seconds=int(length.total_seconds()) // 2)
    overlap = OVERLAP if length >= SHORTEST_OVERLAPPING else timedelta(0)
    return Span(span.since, middle), Span(middle - overlap, span.until)


def can_be_halved(total: int | None) -> bool:
    """Return whether a window of so many rows can be read in halves: it is too long, and not absurdly so."""
    return total is not None and ROW_CAP < total <= READABLE_ROWS


def is_doubled(span: Span, total: int, halves: Sequence[int | None]) -> bool:
    """Return whether the halves of a window hold so much more than it does that its totals make no sense.

    Halves share a second, so a burst in just that second counts twice. In a short window that is likely; a
    long one can still be halved where it happens once.
    """
    held = sum(one or 0 for one in halves)
    return span.until - span.since > _LONG and held > _DOUBLED * total
