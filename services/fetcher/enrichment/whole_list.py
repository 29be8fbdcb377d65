"""Reads a whole list of PagerDuty for what other objects take from it, as a listing of its own would."""

from collections.abc import Callable, Sequence
from datetime import datetime

from schemas.headers import Origin
from schemas.run import KindResult
from schemas.topics import raw_topic
from services.fetcher.listing import list_source
from services.fetcher.pages import Query
from shared.log.interface import NewRecord
from shared.pagerduty.client import PagerDutyClient
from shared.sources import Source

Keep = Callable[[Sequence[tuple[str, bytes]]], None]
"""Takes objects: the id and the JSON text of each."""


class WholeList:
    """Reads lists of one kind: paging, repeated rows and completeness are judged as for any listing.

    Args:
        kind: The kind.
        client: Asks PagerDuty.
        now: Wall clock, aware UTC.
        concurrency: Pages in hand at once.
    """

    def __init__(
        self, kind: str, *, client: PagerDutyClient, now: Callable[[], datetime], concurrency: int
    ) -> None:
        self._kind = kind
        self._client = client
        self._now = now
        self._concurrency = concurrency

    async def read(self, query: Query, keep: Keep) -> KindResult:
        """Read a list and return how that ended.

        Raises:
            FatalError: PagerDuty refuses the token, or gives nothing at all.
        """

        async def publish(records: Sequence[NewRecord]) -> None:
            keep([((record.key or b"").decode(), record.value or b"null") for record in records])

        source = Source(
            kind=self._kind,
            parameters="",
            topic=raw_topic(self._kind),
            query=query,
            entries=(),
            window=None,
            complete_by_design=True,
        )
        return await list_source(
            source,
            client=self._client,
            publish=publish,
            run_id="",
            origin=Origin.RESYNC,
            identifier="enrichment",
            now=self._now,
            on_progress=lambda _: None,
            concurrency=self._concurrency,
        )
