"""Reads the dead letters that a run has left open."""

from collections.abc import Collection
from dataclasses import dataclass

import orjson

from schemas.dead_letter import DeadLetter
from schemas.outcome import Reason
from shared.dead_letters import read_dead_letter
from shared.log.interface import Log, Record, TopicPartition
from shared.topic_scan import scan


@dataclass(frozen=True, slots=True)
class OpenLetter:
    """A dead letter nobody has closed, with the record that holds it."""

    letter: DeadLetter
    record: Record

    @property
    def source_topic(self) -> str:
        """Return the raw topic of the object behind a change; empty: the record does not tell."""
        try:
            return str(orjson.loads(self.record.value or b"")["source"]["topic"])
        except (ValueError, KeyError, TypeError):
            return ""

    def is_for(self, reason: Reason) -> bool:
        """Return whether it was written for this reason."""
        return any(failure.reason is reason for failure in self.letter.failures)


async def read_open_letters(
    log: Log,
    starts: dict[TopicPartition, int],
    run_id: str,
    asked_again: Collection[tuple[str, str]] = (),
) -> list[OpenLetter]:
    """Return the open letters of a run, in the order they were written.

    Args:
        log: The log.
        starts: Ends of the dead-letter topics when the run began.
        run_id: The run.
        asked_again: Kind and id of objects the run has asked for again; their letters have no run id.
    """
    found: dict[tuple[str, bytes | None], OpenLetter] = {}
    async for records in scan(log, list(starts), starts):
        for record in records:
            key = (record.topic, record.key)
            found.pop(key, None)
            letter = _letter_of(record)
            if letter and (
                letter.run_id == run_id
                or (not letter.run_id and (letter.kind, letter.object_id) in asked_again)
            ):
                found[key] = OpenLetter(letter, record)
    return list(found.values())


def _letter_of(record: Record) -> DeadLetter | None:
    """Return the letter in a record; None: it closes one, or nobody can read it."""
    if record.value is None:
        return None
    try:
        return read_dead_letter(record)
    except ValueError:
        return None
