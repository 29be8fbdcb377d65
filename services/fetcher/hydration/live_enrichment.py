"""Enriches objects that come one by one, from what was read at most a minute ago."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.fetcher.enrichment.fuse import Fuse
from services.fetcher.enrichment.run_enrichment import RunEnrichment
from shared.pagerduty.client import PagerDutyClient
from shared.sources import Source

FRESH = timedelta(seconds=60)
"""Who is on call, and users' e-mails, are read again for objects that come later than this."""
ANALYTICS_OFF = timedelta(hours=1)
"""Analytics that cannot be had, for their quota of the day, are not asked for again before."""


@dataclass(slots=True)
class _Shelf:
    """What was read since a moment, and who still uses it."""

    enrichment: RunEnrichment
    sources: Sequence[Source]
    begun_at: datetime
    users: int = 0


class LiveEnrichment:
    """Gives the enrichment of a run to single objects. What cannot be had is omitted, as in a run.

    Args:
        client: Asks PagerDuty, before all that runs ask.
        now: Wall clock, aware UTC.
        concurrency: Requests of one source at once.
    """

    def __init__(self, client: PagerDutyClient, *, now: Callable[[], datetime], concurrency: int) -> None:
        self._client = client
        self._now = now
        self._concurrency = concurrency
        self._current: _Shelf | None = None
        self._analytics = Fuse()
        self._analytics_since = now()

    @contextmanager
    def hold(self, sources: Sequence[Source]) -> Iterator[RunEnrichment]:
        """Hold an enrichment that is fresh now for the time of the block.

        Args:
            sources: All sources of the mapping in force.
        """
        shelf = self._fresh(sources)
        shelf.users += 1
        try:
            yield shelf.enrichment
        finally:
            shelf.users -= 1
            if shelf is not self._current:
                _close_unused(shelf)

    def close(self) -> None:
        """Forget what was read; what is still in use goes when it is not."""
        shelf, self._current = self._current, None
        if shelf is not None:
            _close_unused(shelf)

    def _fresh(self, sources: Sequence[Source]) -> _Shelf:
        held, now = self._current, self._now()
        if held is not None and held.sources == sources and held.begun_at <= now < held.begun_at + FRESH:
            return held
        self.close()
        if self._analytics.blown and now - self._analytics_since >= ANALYTICS_OFF:
            self._analytics = Fuse()
        if not self._analytics.blown:
            self._analytics_since = now
        enrichment = RunEnrichment(
            sources,
            client=self._client,
            started_at=now,
            now=self._now,
            concurrency=self._concurrency,
            singly=True,
            analytics=self._analytics,
        )
        self._current = _Shelf(enrichment, sources, now)
        return self._current


def _close_unused(shelf: _Shelf) -> None:
    if not shelf.users:
        shelf.enrichment.__exit__(None, None, None)
