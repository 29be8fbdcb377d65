"""Is the writer's core: takes records of the entity topic, makes Port hold them, returns an outcome each."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import orjson

from schemas.outcome import Count, Reason
from services.writer.attempt import Again, Attempt, Later
from services.writer.breaker import Sizes
from services.writer.chain import Chain, Chains, Settled, failure
from services.writer.change import Change
from services.writer.comparison import differences
from services.writer.decoding import Unreadable, decode
from services.writer.deleting import DELETED, NOT_DELETED, PLANNED, Deleter
from services.writer.folding import fold, overtaken
from services.writer.grace import run_with_grace
from services.writer.holds import Holds
from services.writer.letters import Decoded, letter_of, outcome_of
from services.writer.looking import look
from services.writer.lookups import lookups
from services.writer.preparation import Drop, Preparer, is_proposal
from services.writer.recorder import Recorder
from services.writer.retrying import Retries
from services.writer.shape import Shape
from services.writer.shapes import Shapes
from services.writer.upserting import WRITTEN, Upserter, pack
from shared.core import Batch
from shared.dead_letters import dead_letter_record
from shared.held_partitions import HeldPartitions, Newer
from shared.http.backoff import Backoff
from shared.installations import Foreign, foreign
from shared.letter_lines import LetterLines
from shared.log.interface import Clock, Log, Record, TopicPartition
from shared.outcome import Outcome
from shared.port.client import PortClient
from shared.port.persistence import Patience
from shared.settings.choices import Deletes
from shared.sightings import Sightings

UNCHANGED = Settled(Count.UNCHANGED)


class WriterCore:
    """Implements `shared.core.Core` for `port.entities`. Keeps nothing of an entity between batches.

    Args:
        log: Takes dead letters.
        port: Is written to.
        now: Aware UTC time.
        search_chunk: Entities per look before the write.
        concurrency: Calls at once.
        patience: How long an entity that Port neither takes nor refuses is tried.
        backoff: Waits between those tries.
        grace_s: How long calls under way may take to end after we were asked to leave.
        dry_run: Takes what would be done; nothing is written to Port.
        deletes: What is done with deletes, live and of sweeps.
        members: Members of the group in this process. They share the core, so that one's calls go out while
            another waits for the last ones of its batch; batches of different partitions may be handled side
            by side.
        says_all: Log which values a run's changes lose too; else who made the core asks for `drops`.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        log: Log,
        port: PortClient,
        *,
        now: Callable[[], datetime],
        search_chunk: int = 100,
        concurrency: int = 8,
        patience: Patience | None = None,
        backoff: Backoff | None = None,
        grace_s: float = 10.0,
        dry_run: Recorder | None = None,
        deletes: Deletes = Deletes.ON,
        members: int = 1,
        says_all: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self._log = log
        self._port = port
        self._now = now
        self._search_chunk = search_chunk
        self._concurrency = concurrency
        self._retries = Retries(
            port, patience or Patience(), backoff or Backoff(cap_s=15.0, jitter=random.random), clock
        )
        self._grace_s = grace_s
        self._dry_run = dry_run
        shapes = Shapes(port, clock)
        self._preparer = Preparer(shapes, says_all=says_all)
        self._upserter = Upserter(port, shapes, concurrency=concurrency)
        self._deleter = Deleter(port, Sizes(port, clock), mode=deletes, concurrency=concurrency)
        self._deletes = deletes
        self._holds = Holds(lambda: now().timestamp(), members=members)
        self._letter_lines = LetterLines()
        self._held = HeldPartitions("writer", port.identifier)

    @property
    def drops(self) -> Sightings[Drop]:
        """What was dropped so far, for the warnings of a run."""
        return self._preparer.drops

    @property
    def held_blueprints(self) -> tuple[str, ...]:
        """Blueprints whose live deletes were held in the last ten minutes: for readiness."""
        return self._holds.blueprints

    def held(self, owned: Collection[TopicPartition]) -> str:
        """Return why one of our partitions is held (readiness); empty: none is."""
        return self._held.why(owned)

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        """Carry out a batch. See `shared.core.Core.handle`."""
        decoded = self._decode(batch.records)
        work = Chains([None] * len(decoded), self._holds.open(batch.progress))
        for index, one in enumerate(decoded):
            if isinstance(one, Unreadable):
                work.ends[index] = failure(Reason.UNREADABLE, one.detail)
        changes = [one for one in decoded if isinstance(one, Change)]
        await run_with_grace(
            self._carry_out(changes, work, batch.leaving), batch.leaving, grace_s=self._grace_s
        )
        self._holds.close(work.breaker)
        letters = [
            (record, letter_of(record, one, end, self._now()))
            for record, one, end in zip(batch.records, decoded, work.ends, strict=True)
            if end is not None and end.reason is not None
        ]
        if letters:
            positions = await self._log.append(
                [dead_letter_record(record, letter) for record, letter in letters]
            )
            for (_, letter), position in zip(letters, positions, strict=True):
                self._letter_lines.say(letter, position)
        for change in changes:
            if change.notes and work.ends[change.index] is not None:
                self._preparer.note(change)
        minute = work.breaker.minute
        return [outcome_of(one, end, minute) for one, end in zip(decoded, work.ends, strict=True)]

    def _decode(self, records: Sequence[Record]) -> list[Decoded]:
        """Read a batch. What lies behind a record of a newer schema, or of another installation, is held too.

        It is handed in again and again: written each time, it would be written for ever.
        """
        held: dict[TopicPartition, Newer | Foreign] = {}
        decoded: list[Decoded] = []
        for index, record in enumerate(records):
            one: Decoded | None = held.get(record.place)
            one = one or foreign(record.headers, self._port.identifier) or decode(index, record)
            if isinstance(one, Newer | Foreign) and record.place not in held:
                held[record.place] = one
                self._held.hold(record, one)
            decoded.append(one)
        self._held.release({record.place for record in records}.difference(held))
        return decoded

    async def _carry_out(self, changes: list[Change], work: Chains, leaving: asyncio.Event) -> None:
        """Carry out the changes blueprint by blueprint as these come to be known.

        One that Port does not give holds up only its own changes.
        """
        by_blueprint: dict[str, list[Change]] = {}
        for change in changes:
            if is_proposal(change) or (change.is_delete and self._deletes is Deletes.OFF):
                work.ends[change.index] = NOT_DELETED
            else:
                by_blueprint.setdefault(change.blueprint, []).append(change)
        shapes: dict[str, Shape | None] = {}
        async with lookups(by_blueprint, self._preparer.get_shape, leaving) as unknown:
            while not leaving.is_set():
                for blueprint, shape in await unknown.found(may_wait=not work.ready(is_whole=False)):
                    self._take_up(by_blueprint[blueprint], blueprint, shape, work, shapes)
                ready = work.ready(is_whole=not unknown)
                if ready:
                    await self._take_steps(ready, work, shapes, leaving)
                elif not unknown:
                    return

    def _take_up(
        self,
        changes: list[Change],
        blueprint: str,
        shape: Shape | Settled | None,
        work: Chains,
        shapes: dict[str, Shape | None],
    ) -> None:
        """Make chains of the changes of a blueprint, or settle them where that is all that can be done."""
        if isinstance(shape, Settled):
            for change in changes:
                work.ends[change.index] = shape
            return
        shapes[blueprint] = shape
        of_one: dict[str, list[Change]] = {}
        for change in changes:
            end = self._preparer.prepare(change, shapes)
            if end is not None:
                work.ends[change.index] = end
            else:
                of_one.setdefault(_name(change), []).append(change)
        for name, parts in of_one.items():
            stale = overtaken(parts)
            for change in stale:
                work.ends[change.index] = NOT_DELETED
            left = [change for change in parts if change not in stale] if stale else parts
            work.chains.append(Chain(name, deque(fold(left))))

    async def _take_steps(
        self, ready: list[Chain], work: Chains, shapes: dict[str, Shape | None], leaving: asyncio.Event
    ) -> None:
        """Take the next step of each chain, and wait if one of them needs it."""
        written_before = self._retries.written
        deletes = [chain for chain in ready if chain.head.is_delete]
        upserts = [chain for chain in ready if not chain.head.is_delete]
        curious = [chain for chain in upserts if chain.wants_look or (self._dry_run and not chain.looked)]
        if curious:
            await look(
                self._port,
                [chain for chain in curious if isinstance(chain.head.identifier, str)],
                chunk=self._search_chunk,
                concurrency=self._concurrency,
                leaving=leaving,
            )
        wanted = []
        for chain in upserts:
            if leaving.is_set() and chain.wants_look:
                continue
            if chain.held is not None and not self._paths(chain, shapes):
                if self._dry_run is not None:
                    self._dry_run.leave(chain.head)
                work.settle(chain, UNCHANGED)
            else:
                wanted.append(chain)
        if self._dry_run is not None:
            self._record(self._dry_run, wanted, deletes, work, shapes)
            return
        attempts = await self._upserter.upsert(wanted, leaving)
        if deletes:
            attempts |= await self._deleter.delete(deletes, work.breaker, leaving)
        refused = {chain: end for chain, end in attempts.items() if _may_be_judged_again(chain, end)}
        again = self._settle({chain: end for chain, end in attempts.items() if chain not in refused}, work)
        await self._judge_again(refused, work, shapes, leaving)
        if again and not leaving.is_set():
            await self._retries.wait(again, work, leaving, others=self._retries.written > written_before)

    def _settle(self, attempts: dict[Chain, Attempt], work: Chains) -> dict[Chain, Again]:
        """Settle what can be; return what must be tried again."""
        again: dict[Chain, Again] = {}
        for chain, attempt in attempts.items():
            match attempt:
                case Again():
                    again[chain] = attempt
                case Later() if not chain.on_last_try:
                    chain.parked = True
                case Later():
                    work.settle(chain, attempt.end)
                case Settled():
                    if attempt is WRITTEN or attempt is DELETED:
                        self._retries.note_written()
                    work.settle(chain, attempt)
        return again

    async def _judge_again(
        self,
        refused: dict[Chain, Attempt],
        work: Chains,
        shapes: dict[str, Shape | None],
        leaving: asyncio.Event,
    ) -> None:
        """Make what Port refused fit its blueprint as it is now, or settle it if that has not changed.

        Shapes are kept for two minutes; a refusal tells that one of them may be out of date.
        """
        for chain, attempt in refused.items():
            change = chain.head
            if change.blueprint not in work.refreshed:
                work.refreshed.add(change.blueprint)
                fresh = await self._preparer.refresh(change.blueprint, leaving)
                shapes[change.blueprint] = fresh or shapes[change.blueprint]
            if change.judged_by == shapes[change.blueprint]:
                self._settle({chain: attempt}, work)
            elif end := self._preparer.prepare(change, shapes):
                work.settle(chain, end)

    def _record(
        self,
        recorder: Recorder,
        upserts: list[Chain],
        deletes: list[Chain],
        work: Chains,
        shapes: dict[str, Shape | None],
    ) -> None:
        for chain in upserts:
            ready = pack(chain)
            if isinstance(ready, Settled):
                work.settle(chain, ready)
                continue
            if chain.blind or not chain.looked:
                recorder.send_unseen(chain.head)
            elif chain.held is None:
                recorder.create(chain.head)
            else:
                recorder.update(chain.head, chain.held, self._paths(chain, shapes))
            work.settle(chain, PLANNED)
        for chain in deletes:
            recorder.delete(chain.head)
            work.settle(chain, PLANNED)

    def _paths(self, chain: Chain, shapes: dict[str, Shape | None]) -> tuple[str, ...]:
        """Return what a chain's next write would change of the entity that Port holds."""
        change = chain.head
        shape = shapes[change.blueprint]
        return differences(change.body, chain.held or {}, shape or Shape(), merge=change.merge)


def _may_be_judged_again(chain: Chain, attempt: Attempt) -> bool:
    """Whether Port refused one upsert that was made to fit a blueprint; several are taken apart first."""
    if not isinstance(attempt, Settled) or attempt.reason is not Reason.REFUSED:
        return False
    return not chain.head.is_delete and len(chain.steps[0].parts) == 1


def _name(change: Change) -> str:
    if isinstance(change.identifier, str):
        return change.identifier
    # No identifier begins with a question mark.
    return "?" + orjson.dumps(change.identifier, option=orjson.OPT_SORT_KEYS).decode()
