"""Reads one list to its end, whatever its paging style, and again where that was not everything."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace

from services.fetcher.page_fetching import Fetched, PageFetcher
from services.fetcher.page_intake import PageIntake
from services.fetcher.page_room import PageRoom, Share
from services.fetcher.pages import Page, Query, classic_query, cursor_query
from services.fetcher.tally import Tally
from shared.errors import FatalError
from shared.kind_model import ROW_CAP, Kind, Paging

READINGS = 2
"""How often a list is read whose rows are not as many as announced: pages may have shifted meanwhile."""
EMPTY_PAGES = 3
"""In the cursor styles so many pages in a row without a new object are taken for the end."""
SAME_PAGE = "PagerDuty gave the same page again and again"
NOTHING_MORE = "PagerDuty said that there is more, and gave nothing more"
SAME_ROWS = "PagerDuty gave a new cursor with each page, and no new row"


class ListReader:
    """Reads lists of one kind for one listing.

    Args:
        kind: The kind.
        pages: Gives the pages.
        intake: Takes them.
        concurrency: Pages in hand at once.
        room: Bounds their bytes.
    """

    def __init__(
        self, kind: Kind, *, pages: PageFetcher, intake: PageIntake, concurrency: int, room: PageRoom
    ) -> None:
        self._kind = kind
        self._pages = pages
        self._intake = intake
        self._concurrency = concurrency
        self._room = room
        self._readings = 0

    async def first(self, query: Query) -> Fetched:
        """Return the first page of a list, with its total where the list counts."""
        classic = self._kind.paging is Paging.CLASSIC
        paging = classic_query(self._kind, 0, count=True) if classic else cursor_query(self._kind, None)
        return await self._pages.fetch((*query, *paging))

    async def count(self, query: Query) -> int | None:
        """Return how many rows a list has; None: PagerDuty does not say."""
        fetched = await self._pages.fetch((*query, ("limit", "1"), ("offset", "0"), ("total", "true")))
        self._pages.forget(fetched)
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
                await self._intake.take(first, tally)
                if first.page.more or len(first.page.rows) >= (self._kind.page_limit or ROW_CAP):
                    tally.stopped = "PagerDuty gives only the first part of this list"
        return tally

    async def _read_classic(self, query: Query, first: Fetched, tally: Tally) -> None:
        """Read the pages between the first and the last side by side, the last one alone: it counts again."""
        await self._intake.take(first, tally)
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
            async with self._room.page(self._pages.expected_bytes) as share:
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
        fetched = await self._pages.fetch((*query, *classic_query(self._kind, at, count=False)))
        share.resize(fetched.size_bytes)
        page = fetched.page
        own = Page(rows=page.rows[: end - at])
        brought = await self._intake.take(replace(fetched, page=own), tally)
        if not page.rows or not page.more:
            self._note_end(page, tally)
            return len(own.rows), True
        if at + len(own.rows) < end and not brought:
            tally.stopped = SAME_PAGE
        return len(own.rows), False

    async def _read_on(self, query: Query, at: int, tally: Tally) -> None:
        """Read page after page until PagerDuty says that there is no more."""
        while at < ROW_CAP:
            fetched = await self._pages.fetch((*query, *classic_query(self._kind, at, count=True)))
            page = fetched.page
            tally.after = page.total if page.total is not None else tally.after
            brought = await self._intake.take(fetched, tally)
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
            await self._intake.take(fetched, tally)
            following = fetched.page.cursor
            if following is None:
                tally.stopped = NOTHING_MORE if fetched.page.more else ""
                return
            # A row that was read before, or has no id, brings the end no nearer.
            empty = 0 if tally.distinct > before else empty + 1
            if following == cursor or empty == EMPTY_PAGES:
                tally.stopped = SAME_ROWS if fetched.page.rows else NOTHING_MORE
                return
            cursor = following
            fetched = await self._pages.fetch((*query, *cursor_query(self._kind, cursor)))

    def _note_end(self, page: Page, tally: Tally) -> None:
        tally.past_cap = tally.past_cap or page.past_cap
        if page.more and not page.rows:
            tally.stopped = "PagerDuty said that there is more, and gave an empty page"


def _gravest(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of several that says most: what ends the run before what ends this listing."""
    return min(errors.exceptions, key=lambda error: not isinstance(error, FatalError))
