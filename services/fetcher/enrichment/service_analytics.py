"""Adds the metrics of a service's incidents over the last months."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.fetcher.enrichment.fuse import Fuse
from services.fetcher.enrichment.interface import Named
from shared.enrichment import ANALYTICS
from shared.pagerduty.client import PagerDutyClient
from shared.query_values import MONTH, instant_text

PATH = "/analytics/metrics/incidents/services"


class ServiceAnalyticsPart:
    """Adds `__analytics` to services: a request for all services of a page; null for one without incidents.

    Source: PagerDuty REST API, Get aggregated service data; services without data are not in the answer.

    Args:
        client: Asks PagerDuty.
        fuse: That of all analytics: they have one daily quota.
        until: End of the period.
        months: Length of the period, in months of 30 days.
    """

    def __init__(self, *, client: PagerDutyClient, fuse: Fuse, until: datetime, months: int) -> None:
        self.key = ANALYTICS
        self.requests = 0
        self._client = client
        self._fuse = fuse
        self._period = {
            "created_at_start": instant_text(until - months * MONTH),
            "created_at_end": instant_text(until),
        }

    async def add(self, rows: Sequence[Named]) -> Mapping[str, str]:
        """See `Part`."""
        ids = [object_id for object_id, _ in rows]
        if self._fuse.blown:
            return dict.fromkeys(ids, self._fuse.blown)
        answer = await self._client.post(
            PATH, {"filters": {**self._period, "service_ids": ids}, "time_zone": "UTC"}
        )
        self.requests += answer.attempts
        if not self._fuse.judge(answer):
            return dict.fromkeys(ids, answer.detail)
        metrics = _by_service(answer.body.get("data"))
        if metrics is None:
            return dict.fromkeys(ids, f"POST {PATH}: the answer has no list of data")
        for object_id, row in rows:
            row[self.key] = metrics.get(object_id)
        return {}


def _by_service(data: Any) -> dict[str, Any] | None:  # noqa: ANN401 - foreign JSON
    if not isinstance(data, list):
        return None
    return {str(one.get("service_id")): one for one in data if isinstance(one, dict)}
