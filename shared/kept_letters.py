"""Reads the dead letters of a log: folds them by key into open and closed ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from schemas.dead_letter import DeadLetter
from schemas.outcome import Reason
from schemas.topics import DLQ_PREFIX, WEBHOOKS
from shared.dead_letters import Resolution, failure_count, read_dead_letter, resolution_of
from shared.kinds import KINDS
from shared.log.interface import Log, Record, TopicPartition
from shared.topic_scan import scan

_MAPPER: Final = "mapper"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLetter:
    """One dead letter as the log holds it.

    Attributes:
        record: The record in the dead-letter topic, without its value: letters are read by the thousand.
        letter: What its headers say; None: they cannot be read, `broken` says why.
        failures: How many failures it has, also those its headers do not list.
        resolution: How it was closed; None: it is open.
        broken: Why the record is no readable letter.
    """

    record: Record
    letter: DeadLetter | None
    failures: int = 0
    resolution: Resolution | None = None
    broken: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.resolution is None

    @property
    def address(self) -> str:
        """Return `<topic>/<partition>/<offset>` of the record in the dead-letter topic."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"

    @property
    def original_address(self) -> str:
        """Return `<topic>/<partition>/<offset>` of the record that failed; empty: it does not tell."""
        letter = self.letter
        return "" if letter is None else f"{letter.topic}/{letter.partition}/{letter.offset}"

    @property
    def reasons(self) -> frozenset[Reason]:
        """Return the reasons its headers list."""
        return frozenset() if self.letter is None else frozenset(one.reason for one in self.letter.failures)

    def is_about(self, blueprint: str) -> bool:
        """Whether a failure that it lists names a blueprint."""
        return self.letter is not None and any(one.blueprint == blueprint for one in self.letter.failures)


async def read_letters(log: Log) -> list[KeptLetter]:
    """Return all dead letters of a log, closed ones too, oldest first."""
    folding = Folding()
    places = await log.partitions(lambda name: name.startswith(DLQ_PREFIX))
    async for records in scan(log, places):
        folding.take(records)
    return folding.letters()


_Key = tuple[TopicPartition, bytes | None, int]


@dataclass(slots=True)
class Folding:
    """Letters of the records so far; of a key the newest record counts.

    Those without a key are letters of their own, which nobody can close.
    """

    _letters: dict[_Key, KeptLetter] = field(default_factory=dict)

    def take(self, records: Iterable[Record]) -> None:
        """Fold records in; they come in offset order per partition."""
        for record in records:
            key = (record.place, record.key, record.offset if record.key is None else 0)
            resolution = resolution_of(record)
            if resolution is None:
                self._letters[key] = _kept(record)
            elif key in self._letters:
                self._letters[key] = replace(self._letters[key], resolution=resolution)

    def letters(self) -> list[KeptLetter]:
        """Return the letters, oldest first."""
        return sorted(self._letters.values(), key=_age)


def why_not_refreshed(letter: KeptLetter) -> str:
    """Return why asking PagerDuty for the object cannot mend a letter, and what can; empty: it can.

    An old body is never sent again.
    """
    found = letter.letter
    if found is None:
        return "the letter cannot be read: look at it with `pagerport dlq show`, then discard it"
    if found.topic == WEBHOOKS.name and found.stage == _MAPPER:
        return "made of an event, which PagerDuty sends once: mend the mapping, which the next event follows"
    if not found.object_id or not found.kind:
        return "it tells no object to ask for: run `pagerport resync`, then discard it"
    kind = KINDS.get(found.kind)
    if kind is None or kind.single is None:
        return f"PagerDuty gives no single object of {found.kind}: run `pagerport resync --kind {found.kind}`"
    return ""


def _age(one: KeptLetter) -> tuple[int, str, int, int]:
    record = one.record
    return record.timestamp_ms, record.topic, record.partition, record.offset


def _kept(record: Record) -> KeptLetter:
    bare = replace(record, value=b"")
    try:
        return KeptLetter(record=bare, letter=read_dead_letter(record), failures=failure_count(record))
    except ValueError as error:
        return KeptLetter(record=bare, letter=None, broken=str(error))
