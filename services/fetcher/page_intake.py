"""Takes the rows of pages: tells those that are new by their ids, enriches them, and publishes each once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas.headers import Origin
from schemas.outcome import Reason
from schemas.run import KIND_FAILURE_LIMIT, RunFailure
from services.fetcher.enrichment.interface import Enricher
from services.fetcher.leadership import Leadership
from services.fetcher.page_fetching import Fetched, PageFetcher
from services.fetcher.pages import Page
from services.fetcher.raw_records import build_raw_records
from services.fetcher.seen_ids import SeenIds, Sight
from services.fetcher.tally import Tally
from shared.kind_model import Kind
from shared.log.interface import NewRecord

Publish = Callable[[Sequence[NewRecord]], Awaitable[int | None]]
"""Returns when all records are acknowledged: how many were not superseded by newer ones; None: all."""

STAGE = "fetcher"
_PAGING = frozenset({"limit", "offset", "total", "cursor", "after"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What is written on every record of a listing."""

    topic: str
    origin: Origin
    run_id: str
    identifier: str


class PageIntake:
    """The rows of one listing; ids are compared over all its lists and readings.

    Args:
        kind: The kind.
        pages: Asks again for a page that grew old before it could be published.
        publish: See `Publish`.
        stamp: What is written on every record.
        now: Wall clock, aware UTC.
        on_page: Called after each page.
        leadership: Leave to publish.
        enricher: Adds to objects before they are published; None: they are published as listed.

    Attributes:
        fetched: Objects published.
        superseded: Objects not published, for a newer version of them was.
        duplicates: Rows that their reading had seen before.
        failures_by_reason: Rows that could not be published.
        failures: The first of these.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        pages: PageFetcher,
        publish: Publish,
        stamp: Stamp,
        now: Callable[[], datetime],
        on_page: Callable[[], None],
        leadership: Leadership,
        enricher: Enricher | None = None,
    ) -> None:
        self.fetched = 0
        self.superseded = 0
        self.duplicates = 0
        self.failures_by_reason: dict[Reason, int] = {}
        self.failures: list[RunFailure] = []
        self._kind = kind
        self._pages = pages
        self._publish = publish
        self._stamp = stamp
        self._now = now
        self._on_page = on_page
        self._leadership = leadership
        self._enricher = enricher
        self._seen = SeenIds()

    @property
    def ids_digest(self) -> str:
        """Return the digest of the ids read so far. See `SeenIds.digest`."""
        return self._seen.digest

    def close(self) -> None:
        """Forget the ids."""
        self._seen.close()

    async def take(self, fetched: Fetched, tally: Tally) -> int:
        """Count a page's rows, publish those that are new, and return how many this reading had not seen."""
        ready, omitted = await self._ready(fetched)
        try:
            return await self._publish_new(ready, omitted, tally)
        finally:
            self._pages.forget(fetched)
            self._pages.forget(ready)

    async def _publish_new(
        self, fetched: Fetched, omitted: Mapping[str, tuple[str, ...]], tally: Tally
    ) -> int:
        named = self._named(fetched.page)
        nameless = len(fetched.page.rows) - len(named)
        if nameless:
            self._note_nameless(fetched, tally)
        tally.nameless += nameless
        sights = self._seen.add([object_id for object_id, _ in named], tally.number)
        repeated = sights.count(Sight.REPEATED)
        tally.distinct += len(sights) - repeated
        tally.repeated += repeated
        self.duplicates += repeated
        fresh = [one for one, sight in zip(named, sights, strict=True) if sight is Sight.NEW]
        built = build_raw_records(
            self._stamp.topic,
            fresh,
            kind=self._kind.name,
            origin=self._stamp.origin,
            run_id=self._stamp.run_id,
            identifier=self._stamp.identifier,
            observed_at=fetched.sent_at,
            made_at=self._now(),
            omitted=omitted,
        )
        for lost in built.unpublished:
            self._fail(lost.object_id, lost.reason, lost.detail)
        if built.records:
            published = await self._publish(built.records)
            self.superseded += 0 if published is None else len(built.records) - published
            self.fetched += len(built.records) if published is None else published
        self._on_page()
        return len(sights) - repeated + nameless

    def _note_nameless(self, fetched: Fetched, tally: Tally) -> None:
        """Name the rows of a page that have no id by where they stand, each once."""
        paging = dict(fetched.query)
        rows_before = tally.distinct + tally.repeated + tally.nameless
        offset = int(paging["offset"]) if "offset" in paging else rows_before
        of_list = [pair for pair in fetched.query if pair[0] not in _PAGING]
        for number, row in enumerate(fetched.page.rows, start=1):
            if self._kind.identify(row) is not None:
                continue
            (sight,) = self._seen.add([f"\n{of_list}/{offset + number}"], tally.number)
            if sight is Sight.NEW:
                holds = ", ".join(sorted(row)[:8]) if isinstance(row, dict) else f"a {type(row).__name__}"
                detail = f"the row has no id that can be used; it has {holds or 'nothing'}"
                self._fail(f"row {number} of offset {offset}", Reason.NO_ID, detail)

    def _fail(self, object_id: str, reason: Reason, detail: str) -> None:
        """Count a row that was not published, and name it while there is room."""
        self.failures_by_reason[reason] = self.failures_by_reason.get(reason, 0) + 1
        if len(self.failures) < KIND_FAILURE_LIMIT:
            self.failures.append(
                RunFailure(
                    kind=self._kind.name, object_id=object_id, stage=STAGE, reason=reason, detail=detail
                )
            )

    async def _ready(self, fetched: Fetched) -> tuple[Fetched, Mapping[str, tuple[str, ...]]]:
        """Add what is read beside the list to the objects of a page that are new; wait for leave to publish.

        Returns:
            The page, read again if it grew old meanwhile (once: it may take as long again), and the keys that
            could not be had.
        """
        omitted = await self._enrich(fetched.page)
        await self._leadership.gate()
        if self._is_old(fetched):
            again = await self._pages.fetch(fetched.query)
            fetched = replace(again, page=replace(again.page, rows=again.page.rows[: len(fetched.page.rows)]))
            omitted = await self._enrich(fetched.page)
        return fetched, omitted

    def _is_old(self, fetched: Fetched) -> bool:
        since = self._leadership.since
        return self._pages.is_old(fetched) or (since is not None and fetched.sent_at < since)

    async def _enrich(self, page: Page) -> Mapping[str, tuple[str, ...]]:
        if self._enricher is None:
            return {}
        firsts: dict[str, Any] = {}
        for object_id, row in self._named(page):
            # Of a row that the page repeats the first one is published.
            firsts.setdefault(object_id, row)
        unseen = self._seen.unseen(list(firsts))
        if not unseen:
            return {}
        return await self._enricher.enrich([(one, row) for one, row in firsts.items() if one in unseen])

    def _named(self, page: Page) -> list[tuple[str, Any]]:
        """Return the rows that have an id, each with it."""
        named = ((self._kind.identify(row), row) for row in page.rows)
        return [(object_id, row) for object_id, row in named if object_id is not None]
