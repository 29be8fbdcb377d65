"""Holds what the sources of one run share in their enrichment, and makes the enricher of each."""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from services.fetcher.enrichment.custom_fields import CustomFieldPart
from services.fetcher.enrichment.emails import EmailPart, Emails
from services.fetcher.enrichment.fuse import Fuse
from services.fetcher.enrichment.incident_analytics import (
    IncidentAnalyticsPart,
    analytics_filters,
    is_dense,
)
from services.fetcher.enrichment.interface import Part
from services.fetcher.enrichment.oncalls import OncallPart, Oncalls, policy_itself, policy_of_service
from services.fetcher.enrichment.raw_analytics import AnalyticsStream
from services.fetcher.enrichment.service_analytics import ServiceAnalyticsPart
from services.fetcher.enrichment.source_enricher import SourceEnricher
from services.fetcher.enrichment.whole_list import WholeList
from shared.enrichment import CUSTOM_FIELDS, POLICY_ONCALLS, SERVICE_ONCALLS, USER_EMAIL
from shared.pagerduty.client import PagerDutyClient
from shared.sources import Source

_LOOKS = frozenset({"include[]", "sort_by", "time_zone"})
"""Query parameters that leave no object out."""


class RunEnrichment:
    """Enriches the objects of one run. Users and on-calls are read once, when first needed.

    Leave the block when all listings have ended: what was read is then forgotten.

    Args:
        sources: All sources of the run.
        client: Asks PagerDuty.
        started_at: Start of the run: periods end here.
        now: Wall clock, aware UTC.
        concurrency: Requests of one source at once.
        singly: Objects come one by one, each when it has changed: nothing is read whole of which a request
            can give the part that one object needs.
        analytics: Says whether analytics can be had; None: one of its own.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        client: PagerDutyClient,
        started_at: datetime,
        now: Callable[[], datetime],
        concurrency: int = 10,
        singly: bool = False,
        analytics: Fuse | None = None,
    ) -> None:
        self._client = client
        self._started_at = started_at
        self._concurrency = concurrency
        self._oncalls = Oncalls(
            WholeList("oncalls", client=client, now=now, concurrency=concurrency),
            whole=not singly
            and any(_reads_oncalls(source) and not _is_filtered(source) for source in sources),
        )
        self._emails = Emails(WholeList("users", client=client, now=now, concurrency=concurrency))
        self._singly = singly
        self._analytics = analytics or Fuse()
        self._streams: list[AnalyticsStream] = []
        self._enrichers: dict[str, SourceEnricher] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget what was read."""
        self._oncalls.close()
        self._emails.close()
        for stream in self._streams:
            stream.close()

    def of(self, source: Source) -> SourceEnricher | None:
        """Return what enriches the objects of a source, the same one each time; None: nothing is read."""
        keys = source.enrichment.keys
        if not keys:
            return None
        if source.topic not in self._enrichers:
            self._enrichers[source.topic] = SourceEnricher(
                source.kind,
                [self._part(key, source) for key in keys],
                asks_per_object=CUSTOM_FIELDS in keys,
            )
        return self._enrichers[source.topic]

    def _part(self, key: str, source: Source) -> Part:
        if key in {SERVICE_ONCALLS, POLICY_ONCALLS}:
            policy_of = policy_of_service if key == SERVICE_ONCALLS else policy_itself
            return OncallPart(key, self._oncalls, policy_of)
        if key == USER_EMAIL:
            return EmailPart(self._emails)
        if key == CUSTOM_FIELDS:
            return CustomFieldPart(source.kind, client=self._client, concurrency=self._concurrency)
        if source.kind == "services":
            return ServiceAnalyticsPart(
                client=self._client,
                fuse=self._analytics,
                until=self._started_at,
                months=source.enrichment.analytics_months,
            )
        return IncidentAnalyticsPart(
            client=self._client,
            fuse=self._analytics,
            stream=self._stream(source),
            singly=self._singly or not is_dense(source.query),
            concurrency=self._concurrency,
        )

    def _stream(self, source: Source) -> AnalyticsStream:
        stream = AnalyticsStream(
            client=self._client,
            fuse=self._analytics,
            until=self._started_at if source.window is None else source.window.until,
            filters=analytics_filters(source.query),
        )
        self._streams.append(stream)
        return stream


def _reads_oncalls(source: Source) -> bool:
    return not {SERVICE_ONCALLS, POLICY_ONCALLS}.isdisjoint(source.enrichment.keys)


def _is_filtered(source: Source) -> bool:
    return any(name not in _LOOKS for name, _ in source.query)
