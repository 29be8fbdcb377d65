"""Maps raw records to entity changes: the mapper's core, which knows neither Kafka nor SQLite."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.dead_letter import LetterFailure
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.outcome import Count, Reason
from schemas.topics import ENTITIES
from services.mapper.change_stamps import ChangeStamps
from services.mapper.evaluate import Failed, Omission
from services.mapper.largest_change import CHANGE_LIMIT_BYTES, too_large
from services.mapper.mapped import Change, Mapped, RawObject
from services.mapper.newest_records import NewestRecords
from services.mapper.omissions import LeftOut, new_omissions, warn_of
from services.mapper.patient_run import map_patiently
from services.mapper.plan import build_plan
from services.mapper.plan_shape import Plan
from services.mapper.pool import WorkerPool
from services.mapper.reading import Readable, Unreadable, read_record
from services.mapper.replaying import Replaying
from shared.core import Batch
from shared.dead_letters import dead_letter_record, letter_about
from shared.held_partitions import HeldPartitions, Newer
from shared.installations import Foreign, foreign
from shared.letter_lines import LetterLines
from shared.log.interface import Log, NewRecord, Record, TopicPartition
from shared.outcome import DONE, Outcome
from shared.sightings import Sightings
from shared.sources import plan_sources
from shared.tasks import first_of

STAGE: Final = "mapper"
LEAVING_GRACE_S: Final = 2.0
"""What is in the workers may end when its partitions are taken away; a hanging expression is left."""
PATIENCE_S: Final = 10.0
"""After that a batch is given back with what is done of each partition: slow mappings show progress."""
_CLASSES: Final[frozenset[Count]] = frozenset({Count.MAPPED, Count.FILTERED, Count.REJECTED, Count.FAILED})
"""An object has exactly one of these."""


class MapperCore:
    """The mapper between two logs' topics; see `shared.core.Core`.

    Args:
        log: Where changes and dead letters go.
        pool: Runs the expressions.
        now: Tells the time of records and letters.
        identifier: The integration's identifier.
        leaving_grace_s: How long what is in the workers may take to end when the batch must go.
        patience_s: How long a batch may take before what is done of it is given back.
        omissions: Takes what is left as it is, for the warnings of a run.
    """

    def __init__(
        self,
        log: Log,
        pool: WorkerPool,
        *,
        now: Callable[[], datetime],
        identifier: str,
        leaving_grace_s: float = LEAVING_GRACE_S,
        patience_s: float = PATIENCE_S,
        omissions: Sightings[LeftOut] | None = None,
    ) -> None:
        self._log = log
        self._pool = pool
        self._now = now
        self._leaving_grace_s = leaving_grace_s
        self._patience_s = patience_s
        self._identifier = identifier
        self._plan: Plan | None = None
        self._replaying = Replaying()
        self._newest = NewestRecords(log)
        self._omissions = new_omissions() if omissions is None else omissions
        self._known = asyncio.Event()
        self._letter_lines = LetterLines()
        self._held = HeldPartitions("mapper", identifier)
        self._stamps = ChangeStamps(f"pagerport/{identifier}/mapper", now)

    def held(self, owned: Collection[TopicPartition]) -> str:
        """Return why one of our partitions is held (readiness); empty: none is."""
        return self._held.why(owned)

    def use(self, mapping: MappingInForce) -> None:
        """Map what is handled from now on by this mapping.

        Raises:
            ConfigurationError: It names an unknown kind or parameter.
            ExpressionError: An expression does not compile. Both only if it was published unchecked.
        """
        self._plan = build_plan(mapping, plan_sources(mapping.config, now=self._now()))
        self._replaying = Replaying.of(mapping)
        self._known.set()

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        """Map a batch; its changes and letters are appended in the order of its records.

        None is the outcome of records that came before a mapping was known, of a schema version we do not
        know (and what follows them in their partition), and of those left when the batch must go or has taken
        long.

        Raises:
            FatalError: No JQ worker can be started.
        """
        self._stamps.clear()
        read = self._read(batch.records)
        plan = await self._mapping(batch.leaving)
        if plan is None:
            return [None] * len(batch.records)
        read = self._replaying.adopt(batch, read)
        old = await self._superseded(batch, read)
        if old is None:
            return [None] * len(batch.records)
        read = [None if index in old else one for index, one in enumerate(read)]
        objects = [_in_run(one) if plan["previous"] else one.raw for one in read if isinstance(one, Readable)]
        results = iter(
            await map_patiently(
                self._pool,
                plan,
                objects,
                batch.leaving,
                patience_s=self._patience_s,
                leaving_grace_s=self._leaving_grace_s,
            )
        )
        behind: set[TopicPartition] = set()
        out: list[NewRecord] = []
        outcomes: list[Outcome | None] = []
        for index, (record, one) in enumerate(zip(batch.records, read, strict=True)):
            mapped = next(results) if isinstance(one, Readable) else None
            # Only what comes first in its partition: later changes of a key must not overtake earlier ones.
            if record.place in behind or (isinstance(one, Readable) and mapped is None):
                behind.add(record.place)
                outcomes.append(None)
            elif isinstance(one, Readable) and mapped is not None:
                outcomes.append(self._publish(plan, record, one, mapped, out))
            elif isinstance(one, Unreadable):
                outcomes.append(self._reject(plan, record, one, out))
            else:
                outcomes.append(DONE if index in old else None)
        if out:
            self._letter_lines.say_appended(out, await self._log.append(out))
        return outcomes

    async def _superseded(
        self, batch: Batch, read: Sequence[Readable | Unreadable | None]
    ) -> set[int] | None:
        """Return which records of a replay a later one of their object follows; None: the batch must go."""
        replayed = {
            index: record
            for index, (record, one) in enumerate(zip(batch.records, read, strict=True))
            if self._replaying.has(record, one)
        }
        self._newest.forget(self._newest.places - batch.progress.keys())
        if not replayed:
            return set()
        ours = {
            place: self._replaying.starts.get(place, 0)
            for place in self._replaying.ends
            if place in batch.progress
        }
        found = await self._newest.superseded(replayed.values(), self._replaying.version, batch.leaving, ours)
        # If these must be handled again after all, the little that is left is read again.
        self._newest.forget({one.place for one in replayed.values() if self._replaying.ends_with(one)})
        if found is None:
            return None
        return {index for index, record in replayed.items() if (record.place, record.offset) in found}

    def _read(self, records: Sequence[Record]) -> list[Readable | Unreadable | None]:
        """Read records; None: held, as is everything behind it in its partition."""
        held: set[TopicPartition] = set()
        read: list[Readable | Unreadable | None] = []
        for record in records:
            if record.place in held:
                read.append(None)
                continue
            one = foreign(record.headers, self._identifier) or read_record(record)
            if isinstance(one, Newer | Foreign):
                held.add(record.place)
                self._held.hold(record, one)
                read.append(None)
                continue
            read.append(one)
        self._held.release({record.place for record in records}.difference(held))
        return read

    async def _mapping(self, leaving: asyncio.Event) -> Plan | None:
        """Return the plan in force, waiting for the first one as long as the batch may stay."""
        if self._plan is None:
            await first_of(self._known, leaving)
        return self._plan

    def _publish(
        self, plan: Plan, record: Record, one: Readable, mapped: Mapped, out: list[NewRecord]
    ) -> Outcome:
        """Add an object's changes and letter to what is appended; return its outcome."""
        headers = one.headers
        failures = [_listed(failure) for failure in mapped.failures]
        counts = {Count(name): number for name, number in mapped.counts.items()}
        for number, change in enumerate(mapped.changes):
            if len(change.value) > CHANGE_LIMIT_BYTES:
                failures.append(too_large(change.key, len(change.value)))
                continue
            out.append(self._entity(record, headers, change, number))
        if len(failures) > len(mapped.failures):
            counts = _failed_too(counts, len(failures) - len(mapped.failures))
        kind = headers.kind or _kind_of(plan, record.topic)
        for omission in mapped.omissions:
            self._note(kind, omission, one.raw.object_id, headers.runid)
        if failures:
            out.append(self._letter(record, failures, kind, one.raw.object_id, headers.runid))
        return Outcome(headers.runid, kind, counts)

    def _note(self, kind: str, omission: Omission, object_id: str, run_id: str) -> None:
        entry, path, text, cause, detail = omission
        left_out = LeftOut(kind, entry, path, text, cause)
        if self._omissions.note(left_out, object_id, detail) and not run_id:
            # Those of a run are in its result.
            warn_of(left_out, object_id, detail)

    def _reject(self, plan: Plan, record: Record, one: Unreadable, out: list[NewRecord]) -> Outcome:
        kind = _kind_of(plan, record.topic)
        failure = LetterFailure(reason=Reason.UNREADABLE, detail=one.detail)
        out.append(self._letter(record, [failure], kind, one.object_id, one.run_id))
        return Outcome(one.run_id, kind, {Count.FAILED: 1})

    def _entity(self, record: Record, headers: RecordHeaders, change: Change, number: int) -> NewRecord:
        made = self._stamps.stamp(headers, Operation(change.operation)).headers(
            f"{record.topic}/{record.partition}/{record.offset}/{number}", change.key
        )
        return NewRecord(ENTITIES.name, change.key.encode(), change.value, made)

    def _letter(
        self, record: Record, failures: Sequence[LetterFailure], kind: str, object_id: str, run_id: str
    ) -> NewRecord:
        letter = letter_about(
            record,
            stage=STAGE,
            failures=failures,
            kind=kind,
            object_id=object_id,
            run_id=run_id,
            failed_at=self._now(),
        )
        return dead_letter_record(record, letter)


def _in_run(one: Readable) -> RawObject:
    return replace(one.raw, in_run=one.headers.origin in (Origin.RESYNC, Origin.REPLAY))


def _kind_of(plan: Plan, topic: str) -> str:
    return plan["topics"][topic]["kind"] if topic in plan["topics"] else ""


def _listed(failure: Failed) -> LetterFailure:
    return LetterFailure(
        reason=failure.reason,
        detail=failure.detail,
        entry=failure.entry if failure.entry >= 0 else None,
        blueprint=failure.blueprint,
        identifier=failure.identifier,
    )


def _failed_too(counts: dict[Count, int], unsent: int) -> dict[Count, int]:
    """Return the counts of an object of which changes could not be sent: it failed, whatever else it did."""
    kept: dict[Count, int] = {count: number for count, number in counts.items() if count not in _CLASSES}
    return {**kept, Count.FAILED: 1, Count.EMITTED: max(0, kept.get(Count.EMITTED, 0) - unsent)}
