"""Closes the letters of held deletes for which a later change of their entity has done the job."""

import base64
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from schemas.dead_letter import DeadLetter
from schemas.entity_change import EntityChange
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.outcome import Reason
from schemas.topics import ENTITIES, dlq_topic
from services.fetcher.sweep.port_side import NotReadableError, owned_among
from shared.dead_letters import Resolution, read_dead_letter, resolution_record
from shared.groups import WRITER_GROUP
from shared.log.interface import Log, Record, TopicPartition
from shared.port.client import PortClient
from shared.topic_scan import scan

_LOG = logging.getLogger(__name__)

KEPT: Final = 10_000
"""Letters kept in memory; those beyond are read once half of these are closed."""
ASKED_AT_ONCE: Final = 100

Subject = tuple[TopicPartition, bytes]
"""Partition and key of a change: one entity."""
Name = tuple[str, str]
"""Blueprint and identifier."""


class HeldLetters:
    """Looks at what became of entities whose delete is held, on behalf of the leader.

    The object may be back, a sweep may have deleted the entity, or a later delete has passed the breaker:
    then there is nothing left to release. What the mapper only proposed does nothing, nor what has failed.

    Args:
        log: Has letters and changes.
        port: Tells which entities are still ours.
        now: Aware UTC time.
    """

    def __init__(self, log: Log, port: PortClient, *, now: Callable[[], datetime]) -> None:
        self._log = log
        self._port = port
        self._now = now
        self._held: dict[Subject, dict[bytes, DeadLetter]] = {}
        self._subjects: dict[bytes, Subject] = {}
        self._failed: set[bytes] = set()
        self._letters_at: dict[TopicPartition, int] = {}
        self._changes_at: dict[TopicPartition, int] = {}
        self._cut_at: dict[TopicPartition, int] = {}

    async def close(self) -> int:
        """Close what can be closed by now and return how many letters that is.

        Raises:
            RetryableError: Port or the log fails for now; what was read is read again.
            FatalError: Port refuses us or cannot be reached.
        """
        # Before the letters: what the writer has done until now has left its letters by then.
        ends = await self._written()
        await self._read_letters()
        if self._cut_at and len(self._subjects) <= KEPT // 2:
            self._letters_at |= self._cut_at
            self._changes_at, self._cut_at = {}, {}
            await self._read_letters()
        done = await self._done(ends) if self._held else []
        if done:
            resolved_at = self._now()
            await self._log.append(
                [resolution_record(one, Resolution.HEALED, resolved_at=resolved_at) for one in done]
            )
            _LOG.info("%d held deletes have nothing left to do: their letters are closed", len(done))
        self._changes_at = ends
        return len(done)

    async def _written(self) -> dict[TopicPartition, int]:
        places = await self._log.partitions(ENTITIES.name.__eq__)
        committed = await self._log.committed(WRITER_GROUP, places)
        return {place: committed[place].offset for place in places if place in committed}

    async def _read_letters(self) -> None:
        places = await self._log.partitions(dlq_topic(ENTITIES.name).__eq__)
        async for records in scan(self._log, places, self._letters_at):
            for record in records:
                self._take(record)
                self._letters_at[record.place] = record.offset + 1

    def _take(self, record: Record) -> None:
        """Fold in a record of the dead-letter topic."""
        if record.key is None:
            return
        subject = self._subjects.pop(record.key, None)
        if subject is not None:
            del self._held[subject][record.key]
            if not self._held[subject]:
                del self._held[subject]
        self._failed.discard(record.key)
        if record.value is None:
            return
        try:
            letter = read_dead_letter(record)
            key = base64.b64decode(letter.original_key)
        except ValueError:
            return
        subject = TopicPartition(letter.topic, letter.partition), key
        if all(one.reason is not Reason.DELETE_HELD for one in letter.failures):
            if subject in self._held:
                self._failed.add(record.key)
        elif len(self._subjects) >= KEPT:
            self._cut_at.setdefault(record.place, record.offset)
        else:
            self._subjects[record.key] = subject
            self._held.setdefault(subject, {})[record.key] = letter

    async def _done(self, ends: dict[TopicPartition, int]) -> list[DeadLetter]:
        """Return the letters of entities of which a later change was carried out, since we looked last."""
        starts: dict[TopicPartition, int] = {}
        for (place, _), letters in self._held.items():
            first = min(letter.offset for letter in letters.values()) + 1
            starts[place] = max(min(starts.get(place, first), first), self._changes_at.get(place, 0))
        wanted = {place: start for place, start in starts.items() if start < ends.get(place, 0)}
        done: dict[bytes, DeadLetter] = {}
        to_ask: dict[Name, dict[bytes, DeadLetter]] = {}
        async for records in scan(self._log, list(wanted), wanted):
            for record in records:
                if record.offset >= ends[record.place]:
                    continue
                before = self._before(record)
                change = _read(record) if before else None
                if change is None:
                    continue
                if change.operation is Operation.UPSERT:
                    done.update(before)
                else:
                    to_ask.setdefault((change.blueprint, str(change.identifier)), {}).update(before)
        for name in await self._gone(to_ask):
            done.update(to_ask[name])
        return list(done.values())

    def _before(self, record: Record) -> dict[bytes, DeadLetter]:
        """Return the letters that a change makes up for if it does its work: none if it has failed itself."""
        letters = self._held.get((record.place, record.key or b""), {})
        own = f"{record.partition}/{record.offset}".encode()
        if own in self._failed or own in letters:
            return {}
        return {key: letter for key, letter in letters.items() if letter.offset < record.offset}

    async def _gone(self, names: Iterable[Name]) -> set[Name]:
        """Return those entities that are not ours any more: a delete may also have been left undone."""
        of_blueprint: dict[str, list[str]] = {}
        for blueprint, identifier in names:
            of_blueprint.setdefault(blueprint, []).append(identifier)
        gone: set[Name] = set()
        for blueprint, identifiers in of_blueprint.items():
            for start in range(0, len(identifiers), ASKED_AT_ONCE):
                part = identifiers[start : start + ASKED_AT_ONCE]
                try:
                    owned = await owned_among(self._port, blueprint, part)
                except NotReadableError:
                    continue
                left = {entity.identifier for entity in owned}
                gone.update((blueprint, identifier) for identifier in part if identifier not in left)
        return gone


def _read(record: Record) -> EntityChange | None:
    """Return the change in a record; None: a mere proposal to delete, or nothing readable."""
    try:
        origin = RecordHeaders.decode(record.headers).origin
        change = EntityChange.model_validate_json(record.value or b"")
    except ValueError:
        return None
    is_proposal = change.operation is Operation.DELETE and origin not in {Origin.LIVE, Origin.SWEEP}
    return None if is_proposal else change
