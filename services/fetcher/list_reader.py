"""Reads one list page by page and publishes each object the first time it is seen."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas.headers import Origin
from schemas.outcome import Reason
from schemas.run import KIND_FAILURE_LIMIT, KindState, RunFailure
from services.fetcher.enrichment.interface import Enricher
from services.fetcher.page_room import PageRoom, Share, expect_bytes
from services.fetcher.pages import Page, Query, classic_query, cursor_query, read_page
from services.fetcher.raw_publisher import BeginFlight, Flight, is_old
from services.fetcher.raw_records import build_raw_records
from services.fetcher.seen_ids import SeenIds, Sight
from services.fetcher.tally import Tally
from shared.errors import FatalError
from shared.kinds import ROW_CAP, Kind, Paging
from shared.log.interface import NewRecord
from shared.pagerduty.client import Answer, PagerDutyClient
from shared.pagerduty.verdicts import Verdict

Publish = Callable[[Sequence[NewRecord]], Awaitable[int | None]]
"""Returns when all records are acknowledged: how many were not superseded by newer ones; None: all."""

READINGS = 2
"""How often a list is read whose rows are not as many as announced: pages may have shifted meanwhile."""
EMPTY_PAGES = 3
"""In the cursor styles so many pages in a row without a new object are taken for the end."""
STAGE = "fetcher"
SAME_PAGE = "PagerDuty gave the same page again and again"
NOTHING_MORE = "PagerDuty said that there is more, and gave nothing more"
SAME_ROWS = "PagerDuty gave a new cursor with each page, and no new row"
_PAGING = frozenset({"limit", "offset", "total", "cursor", "after"})


class ListingEndedError(Exception):
    """This source cannot be read any further; the others go on."""

    def __init__(self, state: KindState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What is written on every record of a listing."""

    topic: str
    origin: Origin
    run_id: str
    identifier: str


class _NoFlight:
    """Stands for a request of which nobody needs to know."""

    def end(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page, with what it was asked for and when, and its flight, which ends when it has been taken."""

    page: Page
    query: Query
    sent_at: datetime
    size_bytes: int
    flight: Flight


class ListReader:
    """Reads lists of one kind for one listing; ids are compared over all of them.

    Args:
        kind: The kind.
        client: Asks PagerDuty.
        publish: See `Publish`.
        stamp: What is written on every record.
        now: Wall clock, aware UTC.
        on_page: Called after each page.
        concurrency: Pages in hand at once.
        room: Bounds their bytes.
        enricher: Adds to objects before they are published; None: they are published as listed.
        begin_flight: Hears of each request before it is sent; None: nobody needs to.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        client: PagerDutyClient,
        publish: Publish,
        stamp: Stamp,
        now: Callable[[], datetime],
        on_page: Callable[[], None],
        concurrency: int,
        room: PageRoom,
        enricher: Enricher | None = None,
        begin_flight: BeginFlight | None = None,
    ) -> None:
        self._kind = kind
        self._client = client
        self._publish = publish
        self._stamp = stamp
        self._now = now
        self._on_page = on_page
        self._concurrency = concurrency
        self._enricher = enricher
        self._room = room
        self._begin_flight: BeginFlight = begin_flight or _NoFlight
        self._flights: list[Flight] = []
        self._page_bytes = 0
        self._seen = SeenIds()
        self._readings = 0
        self.fetched = 0
        self.superseded = 0
        self.duplicates = 0
        self.requests = 0
        self.failures_by_reason: dict[Reason, int] = {}
        self.failures: list[RunFailure] = []
        """The first of the rows that were not published."""
        self.is_absent = False
        """The account does not know the list: it has none of these objects."""

    @property
    def ids_digest(self) -> str:
        """Return the digest of the ids read so far. See `SeenIds.digest`."""
        return self._seen.digest

    def close(self) -> None:
        """Forget the ids, and pages that were read in vain."""
        self._seen.close()
        for flight in self._flights:
            flight.end()

    async def fetch(self, query: Query) -> Fetched:
        """Return one page.

        Raises:
            ListingEndedError: PagerDuty does not give it, or it has no rows.
            FatalError: PagerDuty gives nothing at all.
        """
        flight = self._begin_flight()
        self._flights.append(flight)
        while True:
            answer = await self._client.get(self._kind.path, query, self._kind.headers)
            self.requests += answer.attempts
            self._page_bytes = expect_bytes(self._page_bytes, answer.size_bytes)
            fetched = Fetched(self._page_of(answer), query, answer.sent_at, answer.size_bytes, flight)
            if not self._is_old(fetched):
                return fetched

    def forget(self, fetched: Fetched) -> None:
        """Say that a page is done with, or was read only to be counted."""
        fetched.flight.end()
        if fetched.flight in self._flights:
            self._flights.remove(fetched.flight)

    async def first(self, query: Query) -> Fetched:
        """Return the first page of a list, with its total where the list counts."""
        classic = self._kind.paging is Paging.CLASSIC
        paging = classic_query(self._kind, 0, count=True) if classic else cursor_query(self._kind, None)
        return await self.fetch((*query, *paging))

    async def count(self, query: Query) -> int | None:
        """Return how many rows a list has; None: PagerDuty does not say."""
        fetched = await self.fetch((*query, ("limit", "1"), ("offset", "0"), ("total", "true")))
        self.forget(fetched)
        return fetched.page.total

    async def read(self, query: Query, first: Fetched) -> Tally:
        """Read a list to its end, again when that was not everything, and return how the last reading went.

        Args:
            query: Query pairs of every request, paging aside.
            first: Its first page.
        """
        tally = await self._read_once(query, first)
        for _ in range(READINGS - 1):
            if tally.worth_repeating:
                tally = await self._read_once(query, await self.first(query))
        return tally

    async def _read_once(self, query: Query, first: Fetched) -> Tally:
        self._readings += 1
        tally = Tally(number=self._readings, before=first.page.total, after=first.page.total)
        match self._kind.paging:
            case Paging.CLASSIC:
                await self._read_classic(query, first, tally)
            case Paging.CURSOR | Paging.BEFORE_AFTER:
                await self._read_by_cursor(query, first, tally)
            case Paging.NONE:
                await self._take(first, tally)
                if first.page.more or len(first.page.rows) >= (self._kind.page_limit or ROW_CAP):
                    tally.stopped = "PagerDuty gives only the first part of this list"
        return tally

    async def _read_classic(self, query: Query, first: Fetched, tally: Tally) -> None:
        """Read the pages between the first and the last side by side, the last one alone: it counts again."""
        await self._take(first, tally)
        page, step = first.page, self._kind.page_limit or ROW_CAP
        if not page.rows or page.past_cap:
            self._note_end(page, tally)
            return
        end = min(page.total or 0, ROW_CAP)
        starts = list(range(step, end, step))
        if not starts:
            if page.more:
                await self._read_on(query, len(page.rows), tally)
            return
        gap = [(len(page.rows), step)] if page.more and len(page.rows) < step else []
        await self._read_slots(query, [*gap, *((at, at + step) for at in starts[:-1])], tally)
        await self._read_on(query, starts[-1], tally)

    async def _read_slots(self, query: Query, slots: Iterable[tuple[int, int]], tally: Tally) -> None:
        """Read ranges of offsets side by side."""
        waiting = iter(list(slots))

        async def work(waiting: Iterator[tuple[int, int]]) -> None:
            for at, end in waiting:
                await self._read_slot(query, at, end, tally)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(work(waiting))
        except BaseExceptionGroup as errors:
            raise _gravest(errors) from None

    async def _read_slot(self, query: Query, at: int, end: int, tally: Tally) -> None:
        """Read a range of offsets. A page may come short and say that there is more: the gap is read too."""
        while at < end and tally.stopped != SAME_PAGE:
            async with self._room.page(self._page_bytes) as share:
                number, is_last = await self._read_part(query, at, end, tally, share)
            at += number
            if is_last:
                return

    async def _read_part(
        self, query: Query, at: int, end: int, tally: Tally, share: Share
    ) -> tuple[int, bool]:
        """Read what one page has of a range of offsets; nothing of it is held any longer after that.

        Returns:
            Rows read, and whether PagerDuty says that there is no more.
        """
        fetched = await self.fetch((*query, *classic_query(self._kind, at, count=False)))
        share.resize(fetched.size_bytes)
        page = fetched.page
        own = Page(rows=page.rows[: end - at])
        brought = await self._take(replace(fetched, page=own), tally)
        if not page.rows or not page.more:
            self._note_end(page, tally)
            return len(own.rows), True
        if at + len(own.rows) < end and not brought:
            tally.stopped = SAME_PAGE
        return len(own.rows), False

    async def _read_on(self, query: Query, at: int, tally: Tally) -> None:
        """Read page after page until PagerDuty says that there is no more."""
        while at < ROW_CAP:
            fetched = await self.fetch((*query, *classic_query(self._kind, at, count=True)))
            page = fetched.page
            tally.after = page.total if page.total is not None else tally.after
            brought = await self._take(fetched, tally)
            at += len(page.rows)
            if not page.rows or not page.more:
                self._note_end(page, tally)
                return
            if not brought:
                tally.stopped = SAME_PAGE
                return
        tally.past_cap = True

    async def _read_by_cursor(self, query: Query, first: Fetched, tally: Tally) -> None:
        fetched, cursor, empty = first, None, 0
        while True:
            before = tally.distinct
            await self._take(fetched, tally)
            following = fetched.page.cursor
            if following is None:
                return
            # A row that was read before, or has no id, brings the end no nearer.
            empty = 0 if tally.distinct > before else empty + 1
            if following == cursor or empty == EMPTY_PAGES:
                tally.stopped = SAME_ROWS if fetched.page.rows else NOTHING_MORE
                return
            cursor = following
            fetched = await self.fetch((*query, *cursor_query(self._kind, cursor)))

    def _note_end(self, page: Page, tally: Tally) -> None:
        tally.past_cap = tally.past_cap or page.past_cap
        if page.more and not page.rows:
            tally.stopped = "PagerDuty said that there is more, and gave an empty page"

    async def _take(self, fetched: Fetched, tally: Tally) -> int:
        """Count a page's rows, publish those that are new, and return how many this reading had not seen."""
        enriched, omitted = await self._enriched(fetched)
        try:
            return await self._publish_new(enriched, omitted, tally)
        finally:
            self.forget(fetched)
            self.forget(enriched)

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

    async def _enriched(self, fetched: Fetched) -> tuple[Fetched, Mapping[str, tuple[str, ...]]]:
        """Add to the objects of a page that are new what is read beside the list.

        Returns:
            The page, read again if that took too long (once: it may take as long again), and the keys that
            could not be had.
        """
        if self._enricher is None:
            return fetched, {}
        omitted = await self._enrich(fetched.page)
        if self._is_old(fetched):
            again = await self.fetch(fetched.query)
            fetched = replace(again, page=replace(again.page, rows=again.page.rows[: len(fetched.page.rows)]))
            omitted = await self._enrich(fetched.page)
        return fetched, omitted

    async def _enrich(self, page: Page) -> Mapping[str, tuple[str, ...]]:
        firsts: dict[str, Any] = {}
        for object_id, row in self._named(page):
            # Of a row that the page repeats the first one is published.
            firsts.setdefault(object_id, row)
        unseen = self._seen.unseen(list(firsts))
        if self._enricher is None or not unseen:
            return {}
        return await self._enricher.enrich([(one, row) for one, row in firsts.items() if one in unseen])

    def _named(self, page: Page) -> list[tuple[str, Any]]:
        """Return the rows that have an id, each with it."""
        named = ((self._kind.identify(row), row) for row in page.rows)
        return [(object_id, row) for object_id, row in named if object_id is not None]

    def _is_old(self, fetched: Fetched) -> bool:
        return is_old(fetched.sent_at, self._now())

    def _page_of(self, answer: Answer) -> Page:
        kind = self._kind
        match answer.verdict:
            case Verdict.OK:
                try:
                    return read_page(kind, answer.body)
                except ValueError as error:
                    raise ListingEndedError(KindState.FAILED, f"GET {kind.path}: {error}") from None
            case Verdict.PAST_CAP:
                return Page(rows=(), past_cap=True)
            case Verdict.DENIED:
                step = f"give the token that right, or take {kind.name} out of the mapping"
                raise ListingEndedError(KindState.SKIPPED, f"{answer.detail}; {step}")
            case Verdict.NOT_FOUND if kind.may_be_absent:
                self.is_absent = True
                return Page(rows=())
            case Verdict.NOT_FOUND if kind.by_enrollment:
                step = f"the account is not enrolled: take {kind.name} out of the mapping"
                raise ListingEndedError(KindState.SKIPPED, f"{answer.detail}; {step}")
            case Verdict.NOT_FOUND:
                step = "check OCEAN__INTEGRATION__CONFIG__API_URL"
                raise ListingEndedError(KindState.FAILED, f"{answer.detail}; {step}")
            case Verdict.REFUSED:
                step = f"check apiQueryParams in the entries of {kind.name}"
                raise ListingEndedError(KindState.FAILED, f"{answer.detail}; {step}")
            case _:
                raise ListingEndedError(KindState.FAILED, answer.detail)


def _gravest(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of several that says most: what ends the run before what ends this listing."""
    return min(errors.exceptions, key=lambda error: not isinstance(error, FatalError))
