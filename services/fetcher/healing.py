"""Asks again for objects whose entities found no blueprint or no relation target, until they find them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.outcome import Reason
from schemas.refresh_request import RefreshCause, RefreshRequest
from schemas.topics import DLQ_PREFIX
from services.fetcher.held_letters import HeldLetters
from shared.dead_letters import read_dead_letter
from shared.errors import PagerportError
from shared.kept_letters import KeptLetter
from shared.log.interface import Log, Record, Sleep, TopicPartition
from shared.refresh_requests import refresh_record, requests_of
from shared.topic_scan import scan

_LOG = logging.getLogger(__name__)

INTERVAL_S: Final = 300.0
AT_ONCE: Final = 100
"""Objects asked for at once: each costs a request of the rate budget."""
KEPT: Final = 10_000
"""Letters kept in memory; those beyond are read once half of these are closed."""
Subject = tuple[str, str]
"""Kind and object id."""
HEALABLE: Final = frozenset({Reason.BLUEPRINT_MISSING, Reason.RELATION_TARGET_MISSING})


class OpenLetters:
    """The open letters that may heal, folded from the dead-letter topics as they grow.

    Attributes:
        is_cut: Whether there are more than are kept.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[TopicPartition, bytes | None], KeptLetter] = {}
        self.is_cut = False

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._open)

    def take(self, records: Iterable[Record]) -> None:
        """Fold in records that come in offset order per partition."""
        for record in records:
            key = (record.place, record.key)
            self._open.pop(key, None)
            letter = _healable(record)
            if letter is None:
                continue
            if len(self._open) >= KEPT:
                self.is_cut = True
                continue
            self._open[key] = letter

    def oldest_first(self) -> list[KeptLetter]:
        """Return them in the order in which they were written."""
        return sorted(self._open.values(), key=lambda one: (one.record.timestamp_ms, one.record.offset))


def choose_requests(
    letters: Sequence[KeptLetter], asked: Mapping[Subject, int], limit: int = AT_ONCE
) -> list[RefreshRequest]:
    """Return whom to ask for now, each object once: those never asked for, then those whose turn is oldest.

    A letter is closed when its object is published; one that cannot be, of an incident that is not visible
    for one, must not keep the others from their turn.

    Args:
        letters: Open letters, oldest first.
        asked: Kind and id of objects that have been asked for, to the number of the turn that did so last.
        limit: Most objects.
    """
    requests: dict[Subject, RefreshRequest] = {}
    for one in requests_of(letters, RefreshCause.HEAL):
        requests.setdefault((one.kind, one.object_id), one)
    turns = sorted(requests, key=lambda subject: asked.get(subject, 0))
    return [requests[subject] for subject in turns[:limit]]


class Healing:
    """Asks for what may heal, every five minutes while this replica leads.

    Args:
        log: Has the letters, takes the requests.
        may_ask: Whether to ask now: this replica leads, and what was asked for before is done.
        kinds: Kinds that the mapping in force wants; others are never published, so nothing heals.
        identifier: The installation.
        now: Wall clock, aware UTC.
        held: Closes letters of held deletes that have nothing left to do; None: nobody does.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        log: Log,
        *,
        may_ask: Callable[[], bool],
        kinds: Callable[[], Collection[str]],
        identifier: str,
        now: Callable[[], datetime],
        held: HeldLetters | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._log = log
        self._held = held
        self._may_ask = may_ask
        self._kinds = kinds
        self._identifier = identifier
        self._now = now
        self._sleep = sleep
        self._at: dict[TopicPartition, int] = {}
        self._asked: dict[Subject, int] = {}
        self._turn = 0
        self.letters = OpenLetters()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._sleep(INTERVAL_S)
            if not self._may_ask():
                continue
            try:
                await self.ask()
                if self._held is not None:
                    await self._held.close()
            except PagerportError as error:
                _LOG.warning("open dead letters could not be looked after, tried again later: %s", error)

    async def ask(self) -> int:
        """Ask for what may heal now and return how many objects that is."""
        await self._read()
        kinds = self._kinds()
        letters = [one for one in self.letters.oldest_first() if one.letter and one.letter.kind in kinds]
        behind = {(one.letter.kind, one.letter.object_id) for one in letters if one.letter}
        self._asked = {subject: turn for subject, turn in self._asked.items() if subject in behind}
        requests = choose_requests(letters, self._asked)
        if requests:
            made_at = self._now()
            records = [refresh_record(one, identifier=self._identifier, made_at=made_at) for one in requests]
            await self._log.append(records)
            self._turn += 1
            self._asked.update({(one.kind, one.object_id): self._turn for one in requests})
            _LOG.info("%d objects with open dead letters are asked for again", len(requests))
        return len(requests)

    async def _read(self) -> None:
        """Fold in what has been written since the last time."""
        if self.letters.is_cut and len(self.letters) < KEPT // 2:
            self.letters, self._at = OpenLetters(), {}
        places = await self._log.partitions(lambda topic: topic.startswith(DLQ_PREFIX))
        async for records in scan(self._log, places, self._at):
            self.letters.take(records)
            self._at.update({record.place: record.offset + 1 for record in records})


def _healable(record: Record) -> KeptLetter | None:
    """Return the letter in a record if it may heal by asking again; None: it closes one, or is another."""
    if record.value is None or record.key is None:
        return None
    try:
        letter = read_dead_letter(record)
    except ValueError:
        return None
    if HEALABLE.isdisjoint(failure.reason for failure in letter.failures):
        return None
    return KeptLetter(record=replace(record, value=b""), letter=letter, failures=len(letter.failures))
