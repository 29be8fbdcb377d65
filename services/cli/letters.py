"""Reads the dead letters of a kept log file: folds them by key, finds one by its address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.dead_letter import DeadLetter
from schemas.topics import DLQ_PREFIX
from shared.dead_letters import Resolution, failure_count, read_dead_letter, resolution_of
from shared.errors import ConfigurationError
from shared.log.interface import Log, OffsetOutOfRangeError, Record, TopicPartition
from shared.log.sqlite import SqliteLog

READ_RECORDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLetter:
    """One dead letter as the file holds it.

    Attributes:
        record: The record in the dead-letter topic.
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
    def address(self) -> str:
        """Return `<topic>/<partition>/<offset>` of the record in the dead-letter topic."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"


async def read_letters(file: Path) -> list[KeptLetter]:
    """Return all dead letters of a file, closed ones too, oldest first.

    Raises:
        ConfigurationError: The file is missing or no log of a version we can read.
    """
    log = await SqliteLog.open(file, durable=True, consuming=False)
    try:
        return fold(await _read_all(log))
    finally:
        await log.close()


async def _read_all(log: Log) -> list[Record]:
    places = await log.partitions(lambda name: name.startswith(DLQ_PREFIX))
    ends = await log.end_offsets(places)
    at = dict.fromkeys(places, 0)
    records: list[Record] = []
    while waiting := {place: offset for place, offset in at.items() if offset < ends[place]}:
        try:
            batch = await log.read(waiting, max_records=READ_RECORDS, wait_s=0)
        except OffsetOutOfRangeError as error:
            at.update(error.starts)
            continue
        if not batch:
            break
        for record in batch:
            at[record.place] = record.offset + 1
        records += batch
    return records


def fold(records: list[Record]) -> list[KeptLetter]:
    """Return the letters of records in offset order per partition; of a key the newest record counts."""
    letters: dict[tuple[TopicPartition, bytes | None, int], KeptLetter] = {}
    newest: dict[tuple[TopicPartition, bytes | None], tuple[TopicPartition, bytes | None, int]] = {}
    for record in records:
        key = (record.place, record.key)
        resolution = resolution_of(record)
        if resolution is None:
            newest[key] = (*key, record.offset if record.key is None else 0)
            letters[newest[key]] = _kept(record)
        elif key in newest:
            letters[newest[key]] = replace(letters[newest[key]], resolution=resolution)
    return sorted(letters.values(), key=_age)


def _age(one: KeptLetter) -> tuple[int, str, int, int]:
    record = one.record
    return record.timestamp_ms, record.topic, record.partition, record.offset


def _kept(record: Record) -> KeptLetter:
    try:
        return KeptLetter(record=record, letter=read_dead_letter(record), failures=failure_count(record))
    except ValueError as error:
        return KeptLetter(record=record, letter=None, broken=str(error))


def find_letter(letters: list[KeptLetter], address: str) -> KeptLetter:
    """Return the letter with an address: its own, or that of the original record.

    Raises:
        ConfigurationError: There is none.
    """
    for one in letters:
        if address in {one.address, original_address(one.letter)}:
            return one
    raise ConfigurationError(
        f"no dead letter {address!r} in this log; `pagerport dlq list --all` shows the addresses"
    )


def original_address(letter: DeadLetter | None) -> str:
    """Return `<topic>/<partition>/<offset>` of the record that failed."""
    return "" if letter is None else f"{letter.topic}/{letter.partition}/{letter.offset}"


def header_texts(record: Record) -> Mapping[str, str]:
    """Return the headers of a record as text; bytes that are no UTF-8 are shown as escapes."""
    return {
        name: "" if value is None else value.decode("utf-8", "backslashreplace")
        for name, value in record.headers
    }
