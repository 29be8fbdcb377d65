"""Reads the raw analytics of incidents as one stream, oldest first, as far as somebody needs them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.fetcher.enrichment.fuse import Fuse
from services.fetcher.enrichment.shelf import Shelf
from shared.pagerduty.client import PagerDutyClient
from shared.query_values import as_instant, instant_text

PATH = "/analytics/raw/incidents"
ROW_LIMIT = 1000
"""Rows of one answer. Source: PagerDuty REST API, Get raw data of multiple incidents."""
LONGEST = timedelta(days=365)
"""Range of creation times in one request. Source: the same page, filters."""
_SECOND = timedelta(seconds=1)


class AnalyticsStream:
    """Ten pages of incidents cost one request here, whatever their services.

    Args:
        client: Asks PagerDuty.
        fuse: That of all analytics.
        until: Later incidents are not read.
        filters: Filters of every request, creation times aside.
    """

    def __init__(
        self, *, client: PagerDutyClient, fuse: Fuse, until: datetime, filters: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._fuse = fuse
        self._end_at = until + _SECOND
        self._filters = dict(filters)
        self._shelf = Shelf()
        self._from_at: datetime | None = None
        self._window = (until, until)
        self._covered_at = until
        self._cursor: str | None = None
        self.stopped = ""
        """Why it goes no further; empty: it has not failed."""
        self.requests = 0

    def close(self) -> None:
        """Forget what was read."""
        self._shelf.close()

    def begin(self, at: datetime) -> None:
        """Begin with incidents of this second; only the first call counts."""
        if self._from_at is None:
            self._from_at = at
            self._open_window(at)

    def covers(self, at: datetime) -> bool:
        """Whether everything there is on incidents of this second has been read."""
        return self._from_at is not None and self._from_at <= at < self._covered_at

    def may_cover(self, at: datetime) -> bool:
        """Whether reading on will come to incidents of this second."""
        return self._lies_ahead(at) and not self.stopped

    def broke_before(self, at: datetime) -> bool:
        """Whether reading on would have come to incidents of this second, and failed."""
        return self._lies_ahead(at) and bool(self.stopped)

    def _lies_ahead(self, at: datetime) -> bool:
        return self._from_at is not None and self._covered_at <= at < self._end_at

    async def read_on(self) -> None:
        """Read one more page."""
        start_at, end_at = self._window
        bounds = {"created_at_start": instant_text(start_at), "created_at_end": instant_text(end_at)}
        body: dict[str, Any] = {
            "filters": {**self._filters, **bounds},
            "limit": ROW_LIMIT,
            "order": "asc",
            "order_by": "created_at",
            "time_zone": "UTC",
        }
        if self._cursor is not None:
            body["starting_after"] = self._cursor
        answer = await self._client.post(PATH, body)
        self.requests += answer.attempts
        if not self._fuse.judge(answer):
            self.stopped = answer.detail
            return
        try:
            self._take(answer.body)
        except (LookupError, TypeError, ValueError):
            self.stopped = f"POST {PATH}: the answer is not a page of incidents"

    def get(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return what was read on these incidents, as JSON texts."""
        return {one: held[0] for one, held in self._shelf.get(ids).items()}

    def _open_window(self, at: datetime) -> None:
        self._window = (at, min(at + LONGEST, self._end_at))
        self._covered_at = at
        self._cursor = None

    def _take(self, body: Mapping[str, Any]) -> None:
        rows = body["data"]
        if not all(isinstance(row["id"], str) for row in rows):
            raise ValueError("an incident without an id")
        self._shelf.put([(row["id"], "", orjson.dumps(row)) for row in rows])
        if not body.get("more"):
            self._covered_at = self._window[1]
            if self._covered_at < self._end_at:
                self._open_window(self._covered_at)
            return
        cursor = body.get("last") or rows[-1]["id"]
        if not rows or cursor == self._cursor:
            raise ValueError("the cursor does not move")
        self._cursor = cursor
        # More of the same second may follow.
        self._covered_at = max(self._covered_at, as_instant(rows[-1]["created_at"]).replace(microsecond=0))
