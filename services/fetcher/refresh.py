"""Asks PagerDuty for one object and publishes it as a listing would have."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from schemas.headers import Origin
from services.fetcher.enrichment.interface import Enricher
from services.fetcher.list_reader import Publish
from services.fetcher.raw_records import build_raw_records
from shared.kinds import kind_named
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.verdicts import Verdict
from shared.sources import Source

INCLUDE = "include[]"


async def refresh_object(
    source: Source,
    object_id: str,
    *,
    client: PagerDutyClient,
    publish: Publish,
    identifier: str,
    now: Callable[[], datetime],
    enricher: Enricher | None = None,
) -> bool:
    """Publish what PagerDuty says of an object now, with the includes and the enrichment of its source.

    Args:
        source: Source the object belongs to.
        object_id: Key of the object.
        client: Asks PagerDuty.
        publish: Returns when all records are acknowledged.
        identifier: The installation.
        now: Aware UTC.
        enricher: That of the source; None: nothing is added.

    Returns:
        Whether it was published; not when the kind has no GET of one object, PagerDuty does not give it, or
        no record can hold it.

    Raises:
        FatalError: PagerDuty refuses the token, or gives nothing at all.
    """
    kind = kind_named(source.kind)
    if kind.single is None:
        return False
    includes = [pair for pair in source.query if pair[0] == INCLUDE]
    answer = await client.get(f"{kind.path}/{quote(object_id, safe='')}", includes, kind.headers)
    row = answer.body.get(kind.single) if kind.single else answer.body
    if answer.verdict is not Verdict.OK or not isinstance(row, dict) or kind.identify(row) != object_id:
        return False
    omitted = await enricher.enrich([(object_id, row)]) if enricher else {}
    built = build_raw_records(
        source.topic,
        [(object_id, row)],
        kind=source.kind,
        origin=Origin.RESYNC,
        run_id="",
        identifier=identifier,
        observed_at=answer.sent_at,
        made_at=now(),
        omitted=omitted,
    )
    if built.records:
        await publish(built.records)
    return bool(built.records)
