"""Adds the values of an object's custom fields, which PagerDuty gives one object at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from services.fetcher.enrichment.fuse import Fuse
from services.fetcher.enrichment.interface import Named, Row
from shared.enrichment import CUSTOM_FIELDS
from shared.pagerduty.client import PagerDutyClient
from shared.tasks import all_of

FAILURES_IN_A_ROW = 10
"""Of single objects: so many say that the rest will fail as well."""


class CustomFieldPart:
    """Adds the values of custom fields to each object.

    Args:
        kind: `services` or `incidents`.
        client: Asks PagerDuty.
        concurrency: Objects asked for at once.
    """

    def __init__(self, kind: str, *, client: PagerDutyClient, concurrency: int) -> None:
        self.key = CUSTOM_FIELDS
        self.requests = 0
        self._kind = kind
        self._client = client
        # First come, first served: the pages in hand come to their end one after the other.
        self._slots = asyncio.Semaphore(concurrency)
        self._fuse = Fuse(patience=FAILURES_IN_A_ROW, per_object=True)

    async def add(self, rows: Sequence[Named]) -> Mapping[str, str]:
        """See `Part`."""
        lacking: dict[str, str] = {}

        async def one(object_id: str, row: Row) -> None:
            async with self._slots:
                if why := self._fuse.blown or await self._add_to(object_id, row):
                    lacking[object_id] = why

        await all_of(*(one(object_id, row) for object_id, row in rows))
        return lacking

    async def _add_to(self, object_id: str, row: Row) -> str:
        """Add the values to one object; return why they cannot be had, empty if they can."""
        path = f"/{self._kind}/{quote(object_id, safe='')}/custom_fields/values"
        answer = await self._client.get(path, scope=f"/{self._kind}/{{id}}/custom_fields/values")
        self.requests += answer.attempts
        if not self._fuse.judge(answer):
            return answer.detail
        values = answer.body.get("custom_fields")
        if not isinstance(values, list):
            return f"GET {path}: the answer has no list of custom_fields"
        row[self.key] = values
        return ""
