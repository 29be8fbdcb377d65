"""Asks PagerDuty for one object and publishes it as a listing would have."""

import logging
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from schemas.headers import Origin
from services.fetcher.enrichment.interface import Enricher
from services.fetcher.newest_wins import Key
from services.fetcher.one_object import Presence, ask_for_object, keys_of, single_query, would_list
from services.fetcher.page_intake import Publish
from services.fetcher.raw_records import build_raw_records
from services.fetcher.sweep.interface import Existence
from shared.pagerduty.client import PagerDutyClient
from shared.sources import Source

logger = logging.getLogger(__name__)

Hold = Callable[[Collection[Key]], AbstractContextManager[None]]
"""Holds for the time of a block that an object is being asked for: `RawPublisher.single`."""


def _hold_nothing(_: Collection[Key]) -> AbstractContextManager[None]:
    return nullcontext()


async def refresh_object(
    source: Source,
    object_id: str,
    *,
    client: PagerDutyClient,
    publish: Publish,
    identifier: str,
    now: Callable[[], datetime],
    enricher: Enricher | None = None,
    hold: Hold = _hold_nothing,
) -> bool:
    """Publish what PagerDuty says of an object now; False: it could not be published.

    Args and errors are those of `ask_and_publish`.
    """
    existence = await ask_and_publish(
        source,
        object_id,
        client=client,
        publish=publish,
        identifier=identifier,
        now=now,
        enricher=enricher,
        hold=hold,
    )
    return existence is Existence.THERE


async def ask_and_publish(
    source: Source,
    object_id: str,
    *,
    client: PagerDutyClient,
    publish: Publish,
    identifier: str,
    now: Callable[[], datetime],
    enricher: Enricher | None = None,
    hold: Hold = _hold_nothing,
) -> Existence:
    """Ask for an object and publish it with the includes and the enrichment of its source, without a run id.

    Args:
        source: Source the object belongs to.
        object_id: Key of the object.
        client: Asks PagerDuty.
        publish: Returns when all records are acknowledged.
        identifier: The installation.
        now: Aware UTC.
        enricher: That of the source; None: nothing is added.
        hold: See `Hold`.

    Returns:
        THERE where it was published, or a newer version of it was. An object that the source's listing would
        not bring is UNCLEAR.

    Raises:
        FatalError: PagerDuty refuses the token, or gives nothing at all.
        NotOwnerError: This replica does not lead any more.
    """
    with hold(keys_of([source], object_id)):
        found = await ask_for_object(client, source.kind, object_id, single_query(source))
        if found.presence is Presence.THERE:
            found = await would_list(client, source, found)
        if found.presence is Presence.ABSENT:
            return Existence.GONE
        if found.presence is Presence.GIVEN_UP:
            logger.warning("nobody knows of %s %s: %s", source.kind, object_id, found.detail)
            return Existence.GIVEN_UP
        if found.presence is not Presence.THERE or found.asked_at is None:
            return Existence.UNCLEAR
        omitted = await enricher.enrich([(object_id, found.row)]) if enricher else {}
        built = build_raw_records(
            source.topic,
            [(object_id, found.row)],
            kind=source.kind,
            origin=Origin.RESYNC,
            run_id="",
            identifier=identifier,
            observed_at=found.asked_at,
            made_at=now(),
            omitted=omitted,
        )
        if built.records:
            await publish(built.records)
        return Existence.THERE if built.records else Existence.UNCLEAR
