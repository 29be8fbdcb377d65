"""Closes the dead letters of objects that a run has brought to Port since."""

import logging
from datetime import datetime
from typing import Final

from schemas.headers import RecordHeaders
from schemas.outcome import Reason
from schemas.topics import WEBHOOKS
from services.fetcher.run_in_hand import RunInHand
from shared.counted import number_of
from shared.dead_letters import Resolution, resolution_record
from shared.kept_letters import KeptLetter, read_letters
from shared.log.interface import Log, Record, TopicPartition
from shared.log.offsets import by_place
from shared.topic_scan import scan

_LOG = logging.getLogger(__name__)

_MAPPER: Final = "mapper"

Subject = tuple[str, str]
"""Kind and object id."""


async def close_healed(log: Log, run: RunInHand, resolved_at: datetime) -> int:
    """Close the older letters of objects that the run has handled without one, and return how many.

    To be called when both stages have passed all that the run published. A letter of the object that is
    younger than the start of the run, whoever left it, keeps the older ones open: the same may have failed.

    Args:
        log: Has the letters, the objects, and takes the closing records.
        run: The run; a resync has read its objects anew, a replay has mapped what the log holds of them.
        resolved_at: Now.
    """
    kinds = set(run.kind_of.values())
    letters = [one for one in await read_letters(log) if one.is_open and _subject(one) is not None]
    of_kinds = [one for one in letters if one.letter is not None and one.letter.kind in kinds]
    older = [one for one in of_kinds if _is_older(run, one)]
    if not older:
        return 0
    failed_again = {_subject(one) for one in of_kinds if not _is_older(run, one)}
    wanted = {_subject(one) for one in older} - failed_again
    handled = await _handled(log, run, wanted) if wanted else set()
    closing = [
        resolution_record(one.letter, Resolution.HEALED, resolved_at=resolved_at)
        for one in older
        if one.letter is not None and _subject(one) in handled and _can_heal(one)
    ]
    if closing:
        await log.append(closing)
        closed = number_of(len(closing), "older dead letter is closed", "older dead letters are closed")
        _LOG.info("%s: the run has brought to Port what they are about", closed)
    return len(closing)


def _subject(one: KeptLetter) -> Subject | None:
    """Return what a letter is about; None: it does not tell."""
    letter = one.letter
    return None if letter is None or not letter.object_id else (letter.kind, letter.object_id)


def _can_heal(one: KeptLetter) -> bool:
    """Whether a letter is of what runs do: not a held delete, and not of an event, which comes once."""
    letter = one.letter
    if letter is None or Reason.DELETE_HELD in one.reasons:
        return False
    return letter.topic != WEBHOOKS.name or letter.stage != _MAPPER


def _is_older(run: RunInHand, one: KeptLetter) -> bool:
    """Whether a letter was there when the run began."""
    if one.letter is None or one.letter.run_id == run.result.stamp:
        return False
    start = run.letters_from.get(one.record.place)
    # Of a topic whose end the run has not noted, all that is left is the letter's own time.
    return one.letter.failed_at < run.result.started_at if start is None else one.record.offset < start


async def _handled(log: Log, run: RunInHand, wanted: set[Subject | None]) -> set[Subject]:
    """Return those of the wanted objects of which the run has handled a record."""
    mapping = run.mapping
    ends: dict[TopicPartition, int] = {}
    if run.result.type == "replay" and mapping is not None:
        ends = by_place(mapping.replay_to)
        starts: dict[TopicPartition, int] = {}
        places = list(ends)
    else:
        starts = run.noted(list(run.kind_of))
        places = await log.partitions(run.kind_of.__contains__)
    found: set[Subject] = set()
    async for records in scan(log, places, starts):
        for record in records:
            subject = run.kind_of.get(record.topic, ""), (record.key or b"").decode(errors="replace")
            if subject in wanted and (
                record.offset < ends[record.place] if ends else _is_of(run.result.stamp, record)
            ):
                found.add(subject)
    return found


def _is_of(stamp: str, record: Record) -> bool:
    try:
        return RecordHeaders.decode(record.headers).runid == stamp
    except ValueError:
        return False
