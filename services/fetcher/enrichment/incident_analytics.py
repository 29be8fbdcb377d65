"""Adds an incident's raw analytics: from the stream of all, or asked for alone where that costs less."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

import orjson

from services.fetcher.enrichment.fuse import Fuse
from services.fetcher.enrichment.interface import Named, Row
from services.fetcher.enrichment.raw_analytics import PATH, AnalyticsStream
from services.fetcher.pages import Query
from shared.enrichment import ANALYTICS
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.verdicts import Verdict
from shared.query_values import as_instant
from shared.tasks import all_of

_FILTERS = {"service_ids[]": "service_ids", "team_ids[]": "team_ids"}
"""Filters of the list that analytics have too; those on what an incident may lose are not passed on."""
_SPARSE = ("user_ids[]", "incident_key")
_RESOLVED = ("statuses[]", "resolved")


class IncidentAnalyticsPart:
    """Adds `__analytics` to incidents; null for one whose analytics are not there (yet).

    PagerDuty makes analytics within a day. Source: PagerDuty REST API, Analytics.

    Args:
        client: Asks PagerDuty.
        fuse: That of all analytics: they have one daily quota.
        stream: Of the incidents that the source lists.
        singly: Every incident is asked for alone: see `is_dense`.
        concurrency: Incidents asked for alone at once.
    """

    def __init__(
        self,
        *,
        client: PagerDutyClient,
        fuse: Fuse,
        stream: AnalyticsStream,
        singly: bool,
        concurrency: int,
    ) -> None:
        self.key = ANALYTICS
        self._client = client
        self._fuse = fuse
        self._stream = stream
        self._single = singly
        self._lock = asyncio.Lock()
        self._slots = asyncio.Semaphore(concurrency)
        self._asked_alone = 0

    @property
    def requests(self) -> int:
        """Requests to PagerDuty so far, repetitions included."""
        return self._stream.requests + self._asked_alone

    async def add(self, rows: Sequence[Named]) -> Mapping[str, str]:
        """See `Part`."""
        made = {object_id: _made_at(row) for object_id, row in rows}
        if not self._single:
            async with self._lock:
                await self._read_stream([at for at in made.values() if at is not None])
        covered = {one for one, at in made.items() if at is not None and self._stream.covers(at)}
        held = self._stream.get(covered)
        lacking: dict[str, str] = {}
        left: list[Named] = []
        for object_id, row in rows:
            at = made[object_id]
            if object_id in covered:
                row[self.key] = orjson.Fragment(held[object_id]) if object_id in held else None
            elif at is not None and self._stream.broke_before(at):
                lacking[object_id] = self._stream.stopped
            else:
                left.append((object_id, row))

        async def alone(object_id: str, row: Row) -> None:
            async with self._slots:
                if why := self._fuse.blown or await self._add_alone(object_id, row):
                    lacking[object_id] = why

        await all_of(*(alone(object_id, row) for object_id, row in left))
        return lacking

    async def _read_stream(self, times: Sequence[datetime]) -> None:
        """Read on until all is covered, unless asking for what is left alone takes fewer requests."""
        if not times:
            return
        self._stream.begin(min(times))
        before = self._stream.requests
        while not self._fuse.blown:
            left = sum(1 for at in times if self._stream.may_cover(at))
            if left <= self._stream.requests - before:
                return
            await self._stream.read_on()

    async def _add_alone(self, object_id: str, row: Row) -> str:
        """Ask for one incident's analytics; return why they cannot be had, empty if they can."""
        answer = await self._client.get(f"{PATH}/{quote(object_id, safe='')}", scope=f"{PATH}/{{id}}")
        self._asked_alone += answer.attempts
        if answer.verdict is Verdict.NOT_FOUND:
            row[self.key] = None
            return ""
        if not self._fuse.judge(answer):
            return answer.detail
        # Documented flat, shown with a wrapper. Source: PagerDuty REST API, Get raw data of one incident.
        wrapped = answer.body.get("data")
        row[self.key] = wrapped if isinstance(wrapped, dict) else dict(answer.body)
        return ""


def is_dense(query: Query) -> bool:
    """Whether a source lists most incidents of its span, so that the stream holds little else."""
    names = {name for name, _ in query}
    if names.intersection(_SPARSE):
        return False
    return "statuses[]" not in names or _RESOLVED in query


def analytics_filters(query: Query) -> dict[str, list[str]]:
    """Return the filters of analytics that say the same as those of the list."""
    found: dict[str, list[str]] = {}
    for name, value in query:
        if name in _FILTERS:
            found.setdefault(_FILTERS[name], []).append(value)
    return found


def _made_at(row: Row) -> datetime | None:
    try:
        return as_instant(row["created_at"]).replace(microsecond=0)
    except (KeyError, TypeError, ValueError):
        return None
