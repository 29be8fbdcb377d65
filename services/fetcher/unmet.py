"""Gives changes whose relation target was missing a second chance, once the whole run has been written."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime

from schemas.outcome import Count, Reason
from schemas.run import KindResult
from services.fetcher.run_letters import OpenLetter
from shared.dead_letters import Resolution, resolution_record
from shared.log.interface import Log
from shared.sources import Source
from shared.tasks import all_of

REFRESH_LIMIT = 1000
"""Objects asked for again in one run: each costs a request."""

Refresh = Callable[[Source, str], Awaitable[bool]]
"""Asks PagerDuty for one object again and publishes it without a run id; False: it cannot be had."""


async def redrive_unmet(
    log: Log,
    letters: Collection[OpenLetter],
    sources: Mapping[str, Source],
    refresh: Refresh,
    now: Callable[[], datetime],
) -> list[OpenLetter]:
    """Ask again for the objects behind letters of unmet relations, and close these letters.

    An old body is never sent again: what is published is what PagerDuty says now. It carries no run id, so
    that no stage counts the object twice.

    Args:
        log: Takes the closing records.
        letters: Open letters of the run.
        sources: Raw topic to source.
        refresh: See `Refresh`.
        now: Aware UTC.

    Returns:
        The letters that were closed.
    """
    behind: dict[tuple[str, str], list[OpenLetter]] = {}
    for one in letters:
        if one.is_for(Reason.RELATION_TARGET_MISSING) and one.source_topic in sources:
            behind.setdefault((one.source_topic, one.letter.object_id), []).append(one)
    closed: list[OpenLetter] = []

    async def again(topic: str, object_id: str, of_object: list[OpenLetter]) -> None:
        if await refresh(sources[topic], object_id):
            resolved_at = now()
            await log.append(
                [
                    resolution_record(one.letter, Resolution.REDRIVEN, resolved_at=resolved_at)
                    for one in of_object
                ]
            )
            closed.extend(of_object)

    chosen = list(behind.items())[:REFRESH_LIMIT]
    await all_of(*(again(topic, object_id, found) for (topic, object_id), found in chosen))
    return closed


def settle_counts(
    kinds: Mapping[str, KindResult], closed: Collection[OpenLetter], remaining: Collection[OpenLetter]
) -> None:
    """Bring the counts of the run up to date with what the second chance did.

    Args:
        kinds: Changed in place.
        closed: Letters that were closed: each was counted as unmet.
        remaining: Letters that the same objects have left since: counted nowhere yet.
    """
    for one in closed:
        _shift(kinds[one.letter.kind].writer, Count.UNMET, -1)
        _shift(kinds[one.letter.kind].writer, Count.WRITTEN, +1)
    for one in remaining:
        unmet = one.is_for(Reason.RELATION_TARGET_MISSING)
        _shift(kinds[one.letter.kind].writer, Count.UNMET if unmet else Count.REJECTED, +1)
        _shift(kinds[one.letter.kind].writer, Count.WRITTEN, -1)


def _shift(counts: dict[Count, int], count: Count, by: int) -> None:
    counts[count] = counts.get(count, 0) + by
    if not counts[count]:
        del counts[count]
