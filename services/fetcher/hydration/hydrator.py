"""Brings one object into the raw topics of its kind, as PagerDuty has it now."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from schemas.headers import Operation, Origin
from schemas.outcome import Reason
from services.fetcher.hydration.live_enrichment import LiveEnrichment
from services.fetcher.hydration.worklist import Job
from services.fetcher.one_object import (
    Found,
    Presence,
    ask_for_object,
    keys_of,
    single_query,
    would_list,
)
from services.fetcher.pages import Query
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.raw_records import NOTHING_OMITTED, RawRecords, build_raw_records
from shared.pagerduty.client import PagerDutyClient
from shared.sources import Source

INCIDENTS = "incidents"
"""Of these a 404 says no more than that this token may not see it. Source: PagerDuty REST API, Errors."""


class Fate(Enum):
    """What became of an object that was asked for."""

    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    """A newer version had been published."""
    DELETED = "deleted"
    NOT_FOUND = "not_found"
    """404, and whoever asked may ask again: the object may be too new."""
    NOT_VISIBLE = "not_visible"
    OUTSIDE = "outside"
    DENIED = "denied"
    UNASKABLE = "unaskable"
    UNWANTED = "unwanted"
    FAILED = "failed"

    @property
    def is_settled_well(self) -> bool:
        """Return whether the raw topics now hold what PagerDuty says."""
        return self in {Fate.PUBLISHED, Fate.SUPERSEDED, Fate.DELETED}


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended with one object.

    Attributes:
        fate: See `Fate`.
        detail: What went wrong, in one line.
        reason: Of a failure.
        lacking: Enrichment keys that could not be had.
        asked_at: When what was published had been asked for; None: nothing was.
    """

    fate: Fate
    detail: str = ""
    reason: Reason = Reason.REFUSED
    lacking: int = 0
    asked_at: datetime | None = None


_PLAIN = {
    Presence.OUTSIDE: Fate.OUTSIDE,
    Presence.DENIED: Fate.DENIED,
    Presence.UNASKABLE: Fate.UNASKABLE,
}


class Hydrator:
    """Asks for objects and publishes them, with the includes, filters and enrichment of their listings.

    Args:
        client: Asks PagerDuty, before all that runs ask.
        publisher: Takes the records.
        enrichment: Adds to the objects.
        identifier: The installation.
        now: Wall clock, aware UTC.

    Attributes:
        identifier: The installation.
    """

    def __init__(
        self,
        client: PagerDutyClient,
        publisher: RawPublisher,
        enrichment: LiveEnrichment,
        *,
        identifier: str,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._enrichment = enrichment
        self.identifier = identifier
        self._now = now

    def close(self) -> None:
        """Forget what was read beside the objects."""
        self._enrichment.close()

    async def hydrate(
        self, job: Job, sources: Sequence[Source], *, is_last_try: bool, may_go_on: Callable[[], None]
    ) -> Ending:
        """Publish an object to every source of its kind, or that it is gone.

        Args:
            job: The object.
            sources: All sources of the mapping in force.
            is_last_try: Whether a 404 is final.
            may_go_on: Called right before each publish; raises if it is not to be.

        Raises:
            FatalError: PagerDuty refuses the token, or gives nothing at all.
            NotOwnerError: This replica does not lead any more.
        """
        wanted = [source for source in sources if source.kind == job.kind]
        if not wanted:
            return Ending(Fate.UNWANTED)
        with self._publisher.single(keys_of(wanted, job.object_id)):
            if job.is_deleted:
                return await self._delete(job, wanted, self._now(), may_go_on)
            found: dict[Query, Found] = {}
            for query in dict.fromkeys(map(single_query, wanted)):
                one = found[query] = await ask_for_object(self._client, job.kind, job.object_id, query)
                if one.presence is Presence.ABSENT and one.asked_at is not None:
                    return await self._absent(job, wanted, one.asked_at, is_last_try, may_go_on)
                if one.presence is not Presence.THERE:
                    return _refused(one)
            with self._enrichment.hold(sources) as enrichment:
                endings = []
                for source in wanted:
                    enricher = enrichment.of(source)
                    one = await would_list(self._client, source, found[single_query(source)])
                    if one.presence is not Presence.THERE:
                        endings.append(_refused(one))
                        continue
                    row = copy.deepcopy(one.row) if len(wanted) > 1 else one.row
                    omitted = await enricher.enrich([(job.object_id, row)]) if enricher else NOTHING_OMITTED
                    endings.append(await self._upsert(job, source, one, row, omitted, may_go_on))
        return _worst(endings)

    async def _absent(
        self,
        job: Job,
        wanted: Sequence[Source],
        asked_at: datetime,
        is_last_try: bool,
        may_go_on: Callable[[], None],
    ) -> Ending:
        if not is_last_try:
            return Ending(Fate.NOT_FOUND)
        if job.kind == INCIDENTS:
            return Ending(Fate.NOT_VISIBLE)
        return await self._delete(job, wanted, asked_at, may_go_on)

    async def _delete(
        self, job: Job, wanted: Sequence[Source], asked_at: datetime, may_go_on: Callable[[], None]
    ) -> Ending:
        body = dict(job.body) or {"id": job.object_id}
        endings = []
        for source in wanted:
            built = self._build(job, source, body, asked_at, operation=Operation.DELETE)
            endings.append(await self._publish(built, Fate.DELETED, may_go_on))
        return _worst(endings)

    async def _upsert(
        self,
        job: Job,
        source: Source,
        found: Found,
        row: dict[str, Any],
        omitted: Mapping[str, tuple[str, ...]],
        may_go_on: Callable[[], None],
    ) -> Ending:
        asked_at = found.asked_at or self._now()
        built = self._build(job, source, row, asked_at, omitted=omitted)
        lacking = len(omitted.get(job.object_id, ()))
        ending = await self._publish(built, Fate.PUBLISHED, may_go_on, lacking=lacking)
        # An event that comes again may bring the enrichment that could not be had.
        return ending if lacking else replace(ending, asked_at=asked_at)

    def _build(
        self,
        job: Job,
        source: Source,
        row: Mapping[str, Any],
        asked_at: datetime,
        *,
        omitted: Mapping[str, tuple[str, ...]] = NOTHING_OMITTED,
        operation: Operation = Operation.UPSERT,
    ) -> RawRecords:
        return build_raw_records(
            source.topic,
            [(job.object_id, row)],
            kind=source.kind,
            origin=Origin.LIVE,
            run_id="",
            identifier=self.identifier,
            observed_at=asked_at,
            made_at=self._now(),
            omitted=omitted,
            operation=operation,
            confirmed=job.is_confirmed,
            traceparent=job.traceparent,
        )

    async def _publish(
        self, built: RawRecords, fate: Fate, may_go_on: Callable[[], None], *, lacking: int = 0
    ) -> Ending:
        for lost in built.unpublished:
            return Ending(Fate.FAILED, lost.detail, lost.reason)
        may_go_on()
        published = await self._publisher.publish(built.records)
        return Ending(fate if published else Fate.SUPERSEDED, lacking=lacking)


def _refused(found: Found) -> Ending:
    if found.presence in _PLAIN:
        return Ending(_PLAIN[found.presence], found.detail)
    given_up = found.presence is Presence.GIVEN_UP
    return Ending(Fate.FAILED, found.detail, Reason.RETRIES_EXHAUSTED if given_up else Reason.REFUSED)


_WORST_FIRST = (Fate.FAILED, Fate.DELETED, Fate.PUBLISHED, Fate.SUPERSEDED, Fate.OUTSIDE)


def _worst(endings: Sequence[Ending]) -> Ending:
    """Return what is said of an object with several sources."""
    worst = min(endings, key=lambda one: _WORST_FIRST.index(one.fate))
    asked = [one.asked_at for one in endings if one.asked_at is not None]
    asked_at = min(asked) if len(asked) == len(endings) else None
    return Ending(worst.fate, worst.detail, worst.reason, sum(one.lacking for one in endings), asked_at)
