"""Asks PagerDuty for one object as a listing of its sources would have given it, to try a mapping on."""

from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.headers import RecordHeaders
from services.cli.mapping.tried import TrialObject
from services.fetcher.enrichment.run_enrichment import RunEnrichment
from services.fetcher.opening import open_pagerduty
from services.fetcher.refresh import refresh_object
from shared.errors import ConfigurationError
from shared.http.waits import WaitLedger
from shared.kinds import kind_named
from shared.log.interface import NewRecord
from shared.settings import Settings
from shared.sources import Source


async def fetch_object(settings: Settings, sources: Sequence[Source], object_id: str) -> list[TrialObject]:
    """Return the object once per source, each with that source's includes and enrichment.

    Args:
        settings: With a token of PagerDuty's.
        sources: All of one kind.
        object_id: Its id.

    Raises:
        ConfigurationError: PagerDuty has no GET of one such object, or does not give it.
        FatalError: PagerDuty refuses the token or cannot be reached.
    """
    kind = kind_named(sources[0].kind)
    if kind.single is None:
        raise ConfigurationError(
            f"PagerDuty gives {kind.name} only as a list, not one by its id; save an answer of {kind.path} "
            "and name it with --input"
        )
    found: list[TrialObject] = []
    async with open_pagerduty(settings, WaitLedger()) as client:
        enrichment = RunEnrichment(sources, client=client, started_at=now(), now=now)
        with enrichment:
            for source in sources:
                records: list[NewRecord] = []

                async def keep(built: Sequence[NewRecord], into: list[NewRecord] = records) -> None:
                    into.extend(built)

                await refresh_object(
                    source,
                    object_id,
                    client=client,
                    publish=keep,
                    identifier=settings.integration.identifier,
                    now=now,
                    enricher=enrichment.of(source),
                )
                found += [_object(source, record) for record in records]
    if not found:
        raise ConfigurationError(f"PagerDuty does not give {kind.path}/{object_id}; see that the id is right")
    return found


def now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


def _object(source: Source, record: NewRecord) -> TrialObject:
    headers = RecordHeaders.decode(record.headers)
    key = (record.key or b"").decode()
    return TrialObject(source.kind, record.value, source.topic, key, omitted=headers.omitted)
