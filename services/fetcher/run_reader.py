"""Asks PagerDuty for what one run wants, and publishes it once this process may."""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from schemas.headers import Origin
from schemas.run import KindResult
from services.fetcher.enrichment.run_enrichment import RunEnrichment
from services.fetcher.leadership import Leadership
from services.fetcher.listing import list_source
from services.fetcher.page_room import PageRoom
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.refresh import ask_and_publish
from services.fetcher.sweep.interface import Existence
from shared.log.interface import NewRecord
from shared.pagerduty.client import PagerDutyClient
from shared.sources import Source


class RunReader:
    """What the conductor and the sweep of a run ask of PagerDuty. Leave the block at the end of the run.

    Args:
        sources: All sources of the run.
        client: Asks PagerDuty.
        publisher: Publishes what it gives.
        stamp: Run id on the records of listings; what is asked for singly has none.
        identifier: The installation.
        started_at: Start of the run.
        now: Aware UTC.
        concurrency: Requests of a listing at once.
        leadership: Leave to publish: without it everything stands still at its next page.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        client: PagerDutyClient,
        publisher: RawPublisher,
        stamp: str,
        identifier: str,
        started_at: datetime,
        now: Callable[[], datetime],
        concurrency: int,
        leadership: Leadership,
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._stamp = stamp
        self._identifier = identifier
        self._now = now
        self._concurrency = concurrency
        self._leadership = leadership
        self._room = PageRoom()
        self._enrichment = RunEnrichment(
            sources, client=client, started_at=started_at, now=now, concurrency=concurrency
        )

    def __enter__(self) -> Self:
        """Begin."""
        self._enrichment.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget what was read beside the lists."""
        self._enrichment.__exit__(kind, error, trace)

    async def list_source(self, source: Source, heard: Callable[[KindResult], None]) -> KindResult:
        """List a source. See `conductor.ListSource`."""
        return await list_source(
            source,
            client=self._client,
            publish=self._publish,
            run_id=self._stamp,
            origin=Origin.RESYNC,
            identifier=self._identifier,
            now=self._now,
            on_progress=heard,
            concurrency=self._concurrency,
            room=self._room,
            enricher=self._enrichment.of(source),
            begin_flight=self._publisher.begin_page,
            leadership=self._leadership,
        )

    async def relist(self, source: Source) -> KindResult:
        """Read a source's list once more and publish nothing. See `sweep.interface.Relist`."""
        return await list_source(
            source,
            client=self._client,
            publish=_publish_nothing,
            run_id=self._stamp,
            origin=Origin.RESYNC,
            identifier=self._identifier,
            now=self._now,
            on_progress=lambda _: None,
            concurrency=self._concurrency,
            room=self._room,
        )

    async def ask(self, source: Source, object_id: str) -> Existence:
        """Ask for one object and publish it if it is there. See `sweep.interface.Ask`."""
        return await ask_and_publish(
            source,
            object_id,
            client=self._client,
            publish=self._publish,
            identifier=self._identifier,
            now=self._now,
            enricher=self._enrichment.of(source),
            hold=self._publisher.single,
        )

    async def refresh(self, source: Source, object_id: str) -> bool:
        """Ask for one object again and publish it; False: it cannot be had. See `unmet.Refresh`."""
        return await self.ask(source, object_id) is Existence.THERE

    async def _publish(self, records: Sequence[NewRecord]) -> int:
        await self._leadership.gate()
        return await self._publisher.publish(records, self._leadership.since)


async def _publish_nothing(records: Sequence[NewRecord]) -> int:
    return len(records)
