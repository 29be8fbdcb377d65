"""Maps webhook events by a mapping in Port's webhook format: a core beside the mapper's own."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from schemas.dead_letter import LetterFailure
from schemas.entity_change import ChangeSource
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.outcome import Count
from schemas.topics import ENTITIES
from services.mapper.evaluate import Failed, Omission
from services.mapper.event_order import BatchOrder, EventOrder
from services.mapper.event_reading import TakenEvent, read_taken
from services.mapper.largest_change import CHANGE_LIMIT_BYTES, too_large
from services.mapper.mapped import Mapped
from services.mapper.omissions import OMISSIONS_KEPT, WebhookLeftOut, warn_of
from services.mapper.patient_run import map_patiently
from services.mapper.pool import WorkerPool
from services.mapper.webhook_format import (
    WebhookPlan,
    changes_of_groups,
    plan_webhook_format,
)
from shared.core import Batch
from shared.dead_letters import dead_letter_record, letter_about
from shared.held_partitions import Newer
from shared.installations import Foreign, foreign
from shared.letter_lines import LetterLines
from shared.log.interface import Log, NewRecord, Record, TopicPartition
from shared.outcome import DONE, Outcome
from shared.sightings import Sightings
from shared.tasks import first_of
from shared.topic_scan import scan

STAGE: Final = "mapper"
READER: Final = "event-mapper"
"""The fetcher may have a letter of its own for the same event: its object could not be had."""
LEAVING_GRACE_S: Final = 2.0
PATIENCE_S: Final = 10.0
"""For each group of mappings, so that the first event of a batch is done with all of them."""
LOOK_BACK_RECORDS: Final = 1000
"""So many events before the first one are mapped again, to know up to when their entities are known."""

Json = Any


class WebhookMapperCore:
    """Reads `pagerduty.webhooks` while a mapping in the webhook format is in force; see `shared.core.Core`.

    What is no event, or cannot be read, is the fetcher's, who reads the same topic: it is passed over.

    Args:
        log: Where changes and dead letters go.
        pool: Runs the expressions. Its own: a pool that is asked for two plans in turn compiles them in turn.
        now: Tells the time of records and letters.
        identifier: The integration's identifier.
        leaving_grace_s: How long what is in the workers may take to end when the batch must go.
        patience_s: How long a batch may take per group of mappings before what is done is given back.

    Attributes:
        late: Changes that were not made, because an event that occurred later had changed the entity before.
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
    ) -> None:
        self._log = log
        self._pool = pool
        self._now = now
        self._leaving_grace_s = leaving_grace_s
        self._patience_s = patience_s
        self._identifier = identifier
        self._source = f"pagerport/{identifier}/mapper"
        self._known = asyncio.Event()
        self._letter_lines = LetterLines()
        self._mapping_version = 0
        self._plan: WebhookPlan | None = None
        self._omissions: Sightings[WebhookLeftOut] = Sightings(OMISSIONS_KEPT)
        self._order = EventOrder()
        self._next: dict[TopicPartition, int] = {}
        self.late = 0

    @property
    def is_needed(self) -> bool:
        """Whether the mapping in force is fed by events."""
        return self._plan is not None

    def use(self, mapping: MappingInForce) -> None:
        """Map what is handled from now on by this mapping.

        Raises:
            ExpressionError: An expression does not compile; only if the mapping was published unchecked.
        """
        self._plan = plan_webhook_format(mapping)
        self._mapping_version = mapping.version
        self._known.set()

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        """Map a batch of events; changes and letters are appended in the order of the records.

        None is the outcome of events that came before a mapping was known, of a schema version we do not know
        (and of what follows them in their partition), and of those left when the batch must go.

        Raises:
            FatalError: No JQ worker can be started.
        """
        if not await self._mapping_known(batch.leaving):
            return [None] * len(batch.records)
        plan = self._plan
        if plan is None:
            return [DONE] * len(batch.records)
        await self._look_back(plan, batch)
        read = [foreign(one.headers, self._identifier) or read_taken(one) for one in batch.records]
        taken = [one for one in read if isinstance(one, TakenEvent)]
        results = iter(await self._map(plan, taken, batch.leaving))
        order = BatchOrder(self._order)
        out: list[NewRecord] = []
        outcomes: list[Outcome | None] = []
        behind: set[TopicPartition] = set()
        for record, one in zip(batch.records, read, strict=True):
            mapped = [next(results) for _ in plan.groups] if isinstance(one, TakenEvent) else []
            done = [result for result in mapped if result is not None]
            if record.place in behind or isinstance(one, Newer | Foreign) or len(done) < len(mapped):
                behind.add(record.place)
                outcomes.append(None)
            else:
                outcome = self._publish(plan, one, done, out, order) if isinstance(one, TakenEvent) else DONE
                outcomes.append(outcome)
                self._next[record.place] = record.offset + 1
        if out:
            self._letter_lines.say_appended(out, await self._log.append(out))
        # Not before: what could not be appended comes once more.
        self._order.note(order.changed)
        self.late += order.late
        return outcomes

    async def _map(
        self, plan: WebhookPlan, taken: Sequence[TakenEvent], leaving: asyncio.Event
    ) -> list[Mapped | None]:
        """Return what each mapping of the plan makes of each event."""
        return await map_patiently(
            self._pool,
            plan.plan,
            [one.raw(group.topic) for one in taken for group in plan.groups],
            leaving,
            patience_s=self._patience_s * len(plan.groups),
            leaving_grace_s=self._leaving_grace_s,
        )

    async def _look_back(self, plan: WebhookPlan, batch: Batch) -> None:
        """Learn from the events before: another process has handled them, or this one before a restart."""
        firsts: dict[TopicPartition, int] = {}
        for record in batch.records:
            firsts.setdefault(record.place, record.offset)
        for place, first in firsts.items():
            if first <= self._next.get(place, -1):
                continue
            start = max(0, first - LOOK_BACK_RECORDS)
            async for records in scan(self._log, [place], {place: start}):
                await self._learn(plan, [one for one in records if one.offset < first], batch.leaving)
                if batch.leaving.is_set():
                    # Little of it was learned: if the partition comes back, it is looked at again.
                    return
                if records and records[-1].offset >= first - 1:
                    break
            self._next[place] = first

    async def _learn(self, plan: WebhookPlan, records: Sequence[Record], leaving: asyncio.Event) -> None:
        read = [read_taken(one) for one in records if foreign(one.headers, self._identifier) is None]
        taken = [one for one in read if isinstance(one, TakenEvent) and one.event.occurred_at is not None]
        results = iter(await self._map(plan, taken, leaving))
        order = BatchOrder(self._order)
        for one in taken:
            for result in [next(results) for _ in plan.groups]:
                for change in result.changes if result is not None else ():
                    order.takes(change.key, one.event.occurred_at)
        self._order.note(order.changed)

    async def _mapping_known(self, leaving: asyncio.Event) -> bool:
        """Wait for the first mapping as long as the batch may stay; return whether there is one."""
        if not self._known.is_set():
            await first_of(self._known, leaving)
        return self._known.is_set()

    def _publish(
        self,
        plan: WebhookPlan,
        one: TakenEvent,
        results: Sequence[Mapped],
        out: list[NewRecord],
        order: BatchOrder,
    ) -> Outcome:
        """Add an event's changes and letter to what is appended; return its outcome."""
        record, event = one.record, one.event
        source = ChangeSource(
            kind=event.kind,
            object_id=event.object_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            mapping_version=self._mapping_version,
        )
        made = zip(plan.groups, (result.changes for result in results), strict=True)
        failures = [_listed(failure) for result in results for failure in result.failures]
        emitted = 0
        for number, (key, operation, body) in enumerate(changes_of_groups(made, source)):
            if not order.takes(key, event.occurred_at):
                continue
            value = orjson.dumps(body)
            if len(value) > CHANGE_LIMIT_BYTES:
                failures.append(too_large(key, len(value)))
                continue
            emitted += 1
            out.append(
                NewRecord(ENTITIES.name, key.encode(), value, self._headers(one, number, key, operation))
            )
        for omission in (omission for result in results for omission in result.omissions):
            self._note(omission, f"{record.topic}/{record.partition}/{record.offset}")
        if failures:
            out.append(self._letter(one, failures))
        return Outcome(one.headers.runid, event.kind, _counts(results, len(failures), emitted))

    def _headers(
        self, one: TakenEvent, number: int, key: str, operation: str
    ) -> tuple[tuple[str, bytes | None], ...]:
        record = one.record
        return RecordHeaders(
            id=f"{record.topic}/{record.partition}/{record.offset}/{number}",
            source=self._source,
            type="pagerport.entity",
            subject=key,
            time=self._now(),
            operation=Operation(operation),
            origin=Origin.LIVE,
            kind=one.event.kind,
            runid=one.headers.runid,
            traceparent=one.headers.traceparent,
        ).encode()

    def _letter(self, one: TakenEvent, failures: Sequence[LetterFailure]) -> NewRecord:
        letter = letter_about(
            one.record,
            stage=STAGE,
            reader=READER,
            failures=failures,
            kind=one.event.kind,
            object_id=one.event.object_id,
            run_id=one.headers.runid,
            failed_at=self._now(),
        )
        return dead_letter_record(one.record, letter)

    def _note(self, omission: Omission, place: str) -> None:
        left_out = WebhookLeftOut(omission.entry, omission.path, omission.text, omission.cause)
        if self._omissions.note(left_out, place, omission.detail):
            warn_of(left_out, place, omission.detail)


def _counts(results: Sequence[Mapped], failures: int, emitted: int) -> Mapping[Count, int]:
    omitted = sum(len(result.omissions) for result in results)
    mapped = any(result.counts.get(Count.MAPPED) for result in results)
    of_event = Count.FAILED if failures else Count.MAPPED if mapped else Count.FILTERED
    counts = {of_event: 1, Count.EMITTED: emitted, Count.OMITTED: omitted}
    return {count: number for count, number in counts.items() if number}


def _listed(failure: Failed) -> LetterFailure:
    entry = f"webhookMappings[{failure.entry}]: " if failure.entry >= 0 else ""
    return LetterFailure(
        reason=failure.reason,
        detail=entry + failure.detail.replace("selector `", "filter `", 1),
        blueprint=failure.blueprint,
        identifier=failure.identifier,
    )
