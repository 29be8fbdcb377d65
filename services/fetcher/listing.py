"""Lists a source: cuts it into windows where it must, reads them, and says whether that was everything."""

from collections.abc import Callable
from datetime import datetime, timedelta

from schemas.headers import Origin
from schemas.outcome import Reason
from schemas.run import KindResult, KindState
from services.fetcher.enrichment.interface import Enricher
from services.fetcher.leadership import Leadership, undisputed
from services.fetcher.list_reader import ListReader
from services.fetcher.page_fetching import Fetched, ListingEndedError, PageFetcher
from services.fetcher.page_intake import PageIntake, Publish, Stamp
from services.fetcher.page_room import PageRoom
from services.fetcher.pages import Query
from services.fetcher.raw_publisher import BeginFlight
from services.fetcher.tally import Tally
from services.fetcher.windows import OVERLAP, Span, bisect_span, can_be_halved, is_doubled, split_span
from shared.counted import number_of
from shared.kinds import kind_named
from shared.pagerduty.client import PagerDutyClient
from shared.query_values import as_instant
from shared.sources import Source

OPEN_STATUSES = ("triggered", "acknowledged")
ALL = ("date_range", "all")
"""Takes the bounds out of force. Source: PagerDuty REST API, List incidents."""
_STATUSES = "statuses[]"
_CREATED_AT = "created_at"
PAGES_OF_SINGLES = 2
"""Pages in hand where each object costs a request: that is work enough, and they do not grow old waiting."""
MOST_DOUBLINGS = 2
"""A list whose totals do not shrink as its window does is not halved for ever."""


async def list_source(
    source: Source,
    *,
    client: PagerDutyClient,
    publish: Publish,
    run_id: str,
    origin: Origin,
    identifier: str,
    now: Callable[[], datetime],
    on_progress: Callable[[KindResult], None],
    concurrency: int = 10,
    room: PageRoom | None = None,
    enricher: Enricher | None = None,
    begin_flight: BeginFlight | None = None,
    leadership: Leadership | None = None,
) -> KindResult:
    """Read a source and publish each of its objects once.

    Pages are published as they arrive. What keeps this source from being read is its state and reason in the
    result, not an exception.

    Args:
        source: What to read, and where to.
        client: Asks PagerDuty.
        publish: See `Publish`.
        run_id: Run that lists.
        origin: Why it lists.
        identifier: The installation.
        now: Wall clock, aware UTC.
        on_progress: Hears how it stands after each page; must not block.
        concurrency: Pages in hand at once.
        room: Bounds the bytes of the pages of all listings that share it; None: one of its own.
        enricher: Adds to objects before they are published; None: they are published as listed.
        begin_flight: Hears of each request before it is sent; None: nobody needs to.
        leadership: Leave to publish; None: nobody else leads.

    Raises:
        FatalError: PagerDuty refuses the token, or gives nothing at all.
        NotOwnerError: This replica does not lead any more.
    """
    kind, singles = kind_named(source.kind), enricher is not None and enricher.asks_per_object
    pages = PageFetcher(kind, client=client, now=now, begin_flight=begin_flight)
    intake = PageIntake(
        kind,
        pages=pages,
        publish=publish,
        stamp=Stamp(topic=source.topic, origin=origin, run_id=run_id, identifier=identifier),
        now=now,
        on_page=lambda: listing.tell(),
        leadership=leadership or undisputed(),
        enricher=enricher,
    )
    reader = ListReader(
        kind,
        pages=pages,
        intake=intake,
        concurrency=min(concurrency, PAGES_OF_SINGLES) if singles else concurrency,
        room=room or PageRoom(),
    )
    listing = _Listing(source, on_progress, reader, pages, intake, enricher)
    try:
        await listing.read()
    except ListingEndedError as ended:
        return listing.result(ended.state, ended.reason)
    finally:
        pages.close()
        intake.close()
    return listing.final()


class _Listing:
    """One listing of one source."""

    def __init__(
        self,
        source: Source,
        on_progress: Callable[[KindResult], None],
        reader: ListReader,
        pages: PageFetcher,
        intake: PageIntake,
        enricher: Enricher | None,
    ) -> None:
        self._source = source
        self._reader = reader
        self._pages = pages
        self._intake = intake
        self._enricher = enricher
        self._kind = kind_named(source.kind)
        self._on_progress = on_progress
        self._announced: int | None = None
        self._tallies: list[Tally] = []
        self._totals: dict[tuple[Query, Span], int | None] = {}
        self._shortcomings: list[str] = []

    def tell(self) -> None:
        """Tell how it stands."""
        self._on_progress(self.result(KindState.LISTING, ""))

    async def read(self) -> None:
        """Read all windows of the source, or its one list where time does not cut it."""
        query, window = self._source.query, self._source.window
        if window is None:
            await self._read_list(query, None)
        elif window.since is not None:
            await self._read_spans(query, Span(window.since, window.until))
            if window.with_open:
                await self._read_open(window.since)
        else:
            await self._read_history(query, window.until)

    async def _read_history(self, query: Query, until: datetime) -> None:
        """Read everything up to a moment, from the oldest object on."""
        oldest_at = await self._oldest_at(query)
        if oldest_at is not None and oldest_at <= until:
            await self._read_spans(query, Span(oldest_at, until))

    async def _read_spans(self, query: Query, span: Span) -> None:
        longest = timedelta(days=self._kind.time_filter.max_days if self._kind.time_filter else 0)
        for part in split_span(span, longest):
            await self._read_list(query, part)

    async def _read_open(self, until: datetime) -> None:
        """Read incidents that are still open, however old; beyond the cap in windows, up to a moment."""
        query = _open_query(self._source.query)
        if query is None:
            return
        everything = (*query, ALL)
        first = await self._reader.first(everything)
        if can_be_halved(first.page.total):
            self._pages.forget(first)
            await self._read_history(query, until + OVERLAP)
            return
        self._announce(first.page.total)
        self._judge(await self._reader.read(everything, first))

    async def _oldest_at(self, query: Query) -> datetime | None:
        """Return when the oldest object was made; the query sorts by that. None: there is none."""
        fetched = await self._pages.fetch((*query, ALL, ("limit", "1"), ("offset", "0")))
        self._pages.forget(fetched)
        if not fetched.page.rows:
            return None
        row = fetched.page.rows[0]
        try:
            return as_instant(row[_CREATED_AT]).replace(microsecond=0)
        except (KeyError, TypeError, ValueError):
            reason = f"the oldest row of GET {self._kind.path} has no readable {_CREATED_AT}"
            raise ListingEndedError(KindState.FAILED, reason) from None

    async def _read_list(self, query: Query, span: Span | None) -> None:
        """Read one list, cut in halves where it is longer than PagerDuty pages through."""
        if span is not None and (query, span) in self._totals:
            return
        first = await self._first(query, span)
        self._announce(first.page.total)
        await self._read_part(query, span, first, doublings=0)

    async def _first(self, query: Query, span: Span | None) -> Fetched:
        return await self._reader.first(query if span is None else (*query, *span.query))

    async def _read_part(self, query: Query, span: Span | None, first: Fetched, *, doublings: int) -> None:
        total = first.page.total
        halves = None
        if span is not None:
            self._totals[query, span] = total
            if can_be_halved(total) and doublings < MOST_DOUBLINGS:
                halves = bisect_span(span)
        if halves is None or span is None or total is None:
            whole = query if span is None else (*query, *span.query)
            self._judge(await self._reader.read(whole, first))
            return
        self._pages.forget(first)
        totals = await self._count(query, halves)
        held = sum(one or 0 for one in totals)
        if held < total:
            self._shortcomings.append(f"the halves of a window of {total} rows hold {held}; run it again")
        doublings += is_doubled(span, total, totals)
        for half in halves:
            # Neighbouring windows share a second: a burst in it is read once.
            if (query, half) not in self._totals:
                await self._read_part(query, half, await self._first(query, half), doublings=doublings)

    async def _count(self, query: Query, halves: tuple[Span, Span]) -> list[int | None]:
        """Return how much halves hold: before they are read, for what is read grows old while others are."""
        return [
            self._totals[query, half]
            if (query, half) in self._totals
            else await self._reader.count((*query, *half.query))
            for half in halves
        ]

    def _announce(self, total: int | None) -> None:
        if total is not None:
            self._announced = (self._announced or 0) + total

    def _judge(self, tally: Tally) -> None:
        self._tallies.append(tally)
        if shortcoming := tally.shortcoming():
            self._shortcomings.append(shortcoming)

    def final(self) -> KindResult:
        """Return the result of a listing that came to its end."""
        reasons = list(dict.fromkeys(self._shortcomings))
        lost = self._intake.failures_by_reason
        if number := lost.get(Reason.TOO_LARGE):
            reasons.append(f"{number_of(number, 'object')} too large for a record, left out")
        if number := lost.get(Reason.UNREADABLE):
            reasons.append(f"{number_of(number, 'object')} not to be written as JSON, left out")
        state = KindState.INCOMPLETE if reasons else KindState.COMPLETE
        result = self.result(state, "; ".join(reasons))
        result.announced = self._total()
        result.ids_digest = self._intake.ids_digest
        return result

    def _total(self) -> int | None:
        """Return how many objects there are, those counted that lie in several windows once."""
        if any(tally.after is None for tally in self._tallies):
            return None
        if len(self._tallies) == 1:
            return self._tallies[0].after
        lost = self._intake.failures_by_reason
        left_out = lost.get(Reason.TOO_LARGE, 0) + lost.get(Reason.UNREADABLE, 0)
        found = self._intake.fetched + self._intake.superseded
        return found + left_out + sum(tally.missing for tally in self._tallies)

    def result(self, state: KindState, reason: str) -> KindResult:
        """Return what was done so far."""
        return KindResult(
            state=state,
            reason=reason,
            announced=self._announced,
            fetched=self._intake.fetched,
            superseded=self._intake.superseded,
            duplicates=self._intake.duplicates,
            requests=self._pages.requests + (self._enricher.requests if self._enricher else 0),
            warnings=self._warnings(),
            failures_by_reason=dict(self._intake.failures_by_reason),
            failures=list(self._intake.failures),
        )

    def _warnings(self) -> list[str]:
        warnings = self._enricher.warnings() if self._enricher else []
        if self._pages.is_absent:
            warnings.append(f"the account has no {self._kind.name}: GET {self._kind.path} answers 404")
        return warnings


def _open_query(query: Query) -> Query | None:
    """Return the query for open incidents only; None: it asks for none of them."""
    asked = {value for name, value in query if name == _STATUSES}
    statuses = [status for status in OPEN_STATUSES if not asked or status in asked]
    if not statuses:
        return None
    kept = [pair for pair in query if pair[0] != _STATUSES]
    return tuple(sorted([*kept, *((_STATUSES, status) for status in statuses)]))
