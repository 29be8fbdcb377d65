"""Asks PagerDuty for pages of one list, and says what an answer that is no page means for the listing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.run import KindState
from services.fetcher.page_room import expect_bytes
from services.fetcher.pages import Page, Query, read_page
from services.fetcher.raw_publisher import BeginFlight, Flight, is_old
from shared.kind_model import Kind
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.interface import Answer
from shared.pagerduty.verdicts import Verdict


class ListingEndedError(Exception):
    """This source cannot be read any further; the others go on."""

    def __init__(self, state: KindState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


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


class PageFetcher:
    """Pages of one kind for one listing.

    Args:
        kind: The kind.
        client: Asks PagerDuty.
        now: Wall clock, aware UTC.
        begin_flight: Hears of each request before it is sent; None: nobody needs to.

    Attributes:
        requests: Sent so far, repetitions included.
        expected_bytes: How large the next page will probably be.
        is_absent: The account does not know the list: it has none of these objects.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        client: PagerDutyClient,
        now: Callable[[], datetime],
        begin_flight: BeginFlight | None = None,
    ) -> None:
        self.requests = 0
        self.expected_bytes = 0
        self.is_absent = False
        self._kind = kind
        self._client = client
        self._now = now
        self._begin_flight: BeginFlight = begin_flight or _NoFlight
        self._flights: list[Flight] = []
        self._was_there = False

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
            self.expected_bytes = expect_bytes(self.expected_bytes, answer.size_bytes)
            fetched = Fetched(self._page_of(answer), query, answer.sent_at, answer.size_bytes, flight)
            if not self.is_old(fetched):
                return fetched

    def is_old(self, fetched: Fetched) -> bool:
        """Return whether a page must be read again."""
        return is_old(fetched.sent_at, self._now())

    def forget(self, fetched: Fetched) -> None:
        """Say that a page is done with, or was read only to be counted."""
        fetched.flight.end()
        if fetched.flight in self._flights:
            self._flights.remove(fetched.flight)

    def close(self) -> None:
        """Forget pages that were read in vain."""
        for flight in self._flights:
            flight.end()

    def _page_of(self, answer: Answer) -> Page:
        kind = self._kind
        match answer.verdict:
            case Verdict.OK:
                self._was_there = True
                try:
                    return read_page(kind, answer.body)
                except ValueError as error:
                    raise ListingEndedError(KindState.FAILED, f"GET {kind.path}: {error}") from None
            case Verdict.PAST_CAP:
                return Page(rows=(), past_cap=True)
            case Verdict.DENIED:
                step = f"give the token that right, or take {kind.name} out of the mapping"
                raise ListingEndedError(KindState.SKIPPED, f"{answer.detail}; {step}")
            case Verdict.NOT_FOUND if kind.may_be_absent and not self._was_there:
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
