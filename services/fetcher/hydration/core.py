"""Turns records of `pagerduty.webhooks` into raw records: an event is a trigger, the object is asked for.

The work goes on between two batches: `handle` gives back what is settled by then, so that commands, which are
read by the same consumer, never wait for PagerDuty. No record is settled before its object is published.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from schemas.mapping import MappingInForce
from services.fetcher.hydration.aftermath import STAGE, Aftermath
from services.fetcher.hydration.covered import Covered
from services.fetcher.hydration.hydrator import Ending, Fate, Hydrator
from services.fetcher.hydration.triggers import Ignored, Unreadable, read_trigger
from services.fetcher.hydration.worklist import Job, Worklist, first_offsets
from shared.core import Batch
from shared.counted import number_of
from shared.errors import ConfigurationError, FatalError
from shared.held_partitions import Newer, says_held
from shared.http.waits import WaitLedger
from shared.installations import Foreign, foreign
from shared.log.interface import Clock, Log, Record, Sleep
from shared.outcome import DONE, Outcome
from shared.sources import Source, plan_sources
from shared.tasks import first_of

_LOG = logging.getLogger(__name__)

TURN_S: Final = 0.1
"""A batch is waited for this long: what comes meanwhile joins what waits."""
PATIENCE_S: Final = 0.3
"""And this long where not even its first record is settled; what comes meanwhile is not read."""
MISSING_WAITS_S: Final = (1.0, 2.0, 4.0)
"""Before an object that has just been made is asked for again after a 404: it shows up late.

Source: PagerDuty/terraform-provider-pagerduty, issues 273 and 274.
"""
MISSING_ONCE_S: Final = MISSING_WAITS_S[:1]
"""The same for one that is older, and of which PagerDuty tells all the same."""
HOLD_S: Final = 60.0
"""How often a refused token is tried again."""
PLAN_AGE: Final = timedelta(hours=1)
"""Bounds that a mapping gives in months from now are computed again after this."""
_ASKED_NOBODY: Final = frozenset({Fate.UNWANTED, Fate.UNASKABLE})
"""Endings that tell nothing of the token."""


class _LeftError(Exception):
    """The partitions are not ours any more: nothing of this job may be published."""


class HydrationCore:
    """Hydrates objects for the records of one consumer; see `shared.core.Core`. Close it at the end.

    Args:
        log: Where dead letters go and are closed.
        hydrator: Asks for objects and publishes them.
        mapping: The mapping in force; None: none is known yet, everything waits.
        waits: Knows what is waited for.
        now: Wall clock, aware UTC.
        concurrency: Objects asked for at once.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
        turn_s: See `TURN_S`.
        patience_s: See `PATIENCE_S`.

    Attributes:
        counters: What became of the records so far.
    """

    def __init__(
        self,
        log: Log,
        hydrator: Hydrator,
        *,
        mapping: Callable[[], MappingInForce | None],
        waits: WaitLedger,
        now: Callable[[], datetime],
        concurrency: int = 10,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        turn_s: float = TURN_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._log = log
        self._hydrator = hydrator
        self._mapping = mapping
        self._waits = waits
        self._now = now
        self._concurrency = concurrency
        self._clock = clock
        self._sleep = sleep
        self._turn_s = turn_s
        self._patience_s = patience_s
        self._aftermath = Aftermath(log, now=now, clock=clock)
        self.counters = self._aftermath.counters
        self._work = Worklist()
        self._covered = Covered()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: asyncio.Event | None = None
        self._moved = asyncio.Event()
        self._failure: Exception | None = None
        self._held = ""
        self._held_until_s = 0.0
        self._newer = ""
        self._planned: tuple[int, datetime, tuple[Source, ...]] | None = None

    @property
    def held(self) -> str:
        """Return why nothing is asked for (readiness); empty: it is, or that is somebody else's work now."""
        if self._has_left:
            return ""
        # Where nothing waits any more nobody will learn that the token is good again.
        return (self._held if self.waiting else "") or self._newer

    @property
    def waiting(self) -> int:
        """Return how many records have been read and are not settled."""
        return 0 if self._has_left else self._work.open_records

    def oldest_age_s(self) -> float | None:
        """Return the age of the oldest record that is read and not settled; None: there is none."""
        oldest_ms = None if self._has_left else self._work.oldest_ms()
        return None if oldest_ms is None else max(self._now().timestamp() - oldest_ms / 1000, 0.0)

    def waiting_for(self) -> str | None:
        """Return what the records that are not settled wait for; None: nothing that takes long."""
        if not self.waiting:
            return None if self._has_left else self._newer or None
        cause = self.held or ("the first mapping" if self._planned is None else self._waits.waiting_for())
        return f"{number_of(self.waiting, 'event waits', 'events wait')}: {cause}" if cause else None

    @property
    def _has_left(self) -> bool:
        """Whether the partitions went to another replica, or go now: what was in hand is its work."""
        return self._leaving is not None and self._leaving.is_set()

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        """Begin the work of a batch and return what is settled of it after a fraction of a second.

        None is the outcome of records whose object is not published yet; they are handed in again.

        Raises:
            NotOwnerError: This replica does not lead any more.
            RetryableError: The log did not take something; what it was is done again.
        """
        if batch.leaving is not self._leaving:
            # What was begun for an earlier assignment is its next owner's work by now, or begins afresh.
            await self._drop()
            self._leaving = batch.leaving
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        self._work.forget_before(first_offsets(batch.records))
        await self._take(batch.records)
        await self._prepare()
        self._begin()
        await self._settle(batch)
        return [DONE if self._work.is_settled(record) else None for record in batch.records]

    async def close(self) -> None:
        """Give up what is in hand: it is not settled, so it is read again."""
        await self._drop()
        self._hydrator.close()

    async def _drop(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._work = Worklist()
        self._covered.forget()
        self._failure = None

    async def _take(self, records: Sequence[Record]) -> None:
        """Read records that were not handed in before.

        One of a newer schema, or of another installation, stops at its place.
        """
        newer = ""
        for record in records:
            if self._work.knows(record):
                continue
            identifier = self._hydrator.identifier
            read = foreign(record.headers, identifier) or read_trigger(record)
            if isinstance(read, Newer | Foreign):
                newer = says_held(record, read, stage=STAGE, identifier=identifier)
                break
            if isinstance(read, Unreadable):
                await self._aftermath.bury(record, read.reason, read.detail, read.kind)
                self.counters.unreadable += 1
                self._work.settle(record)
            elif isinstance(read, Ignored):
                self._ignore(read)
                self._work.settle(record)
            elif read.is_plain and self._covered.covers(
                (read.kind, read.object_id), record.timestamp_ms, self._now()
            ):
                self.counters.coalesced += 1
                self._work.settle(record)
            else:
                self.counters.coalesced += self._work.add(record, read)
                self.counters.requested += read.cause is not None
            self.counters.received += 1
        if newer and newer != self._newer:
            _LOG.error(newer)
        self._newer = newer

    def _ignore(self, ignored: Ignored) -> None:
        if ignored.is_ping:
            self.counters.pings += 1
        elif self.counters.note_unknown(ignored.event_type):
            _LOG.warning("events of type %.100r are not known to this release; ignored", ignored.event_type)

    async def _prepare(self) -> None:
        """Follow the mapping in force. No run may have listed a source yet: its topic is made here, too."""
        mapping, now = self._mapping(), self._now()
        if mapping is None:
            return
        held = self._planned
        if held is None or held[0] != mapping.version or not held[1] <= now <= held[1] + PLAN_AGE:
            sources = plan_sources(mapping.config, now=now)
            self._covered.forget()
            await self._log.create_topics([source.topic for source in sources])
            self._planned = (mapping.version, now, sources)

    def _begin(self) -> None:
        """Begin jobs while there is room for them."""
        leaving, now_s = self._leaving, self._clock()
        if leaving is None or leaving.is_set() or self._planned is None:
            return
        _, _, sources = self._planned
        if self._failure is not None or now_s < self._held_until_s:
            return
        # A token that was refused is tried with one object.
        room = 1 if self._held else self._concurrency
        while self._work.running < room and (job := self._work.begin(now_s)) is not None:
            task = asyncio.create_task(self._run(job, sources, leaving))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job, sources: tuple[Source, ...], leaving: asyncio.Event) -> None:
        """Do one job; whatever keeps it from its end lets it wait again, or stops the batch."""

        def may_go_on() -> None:
            if leaving.is_set():
                raise _LeftError

        try:
            is_last_try = job.misses >= len(_missing_waits_s(job))
            ending = await self._hydrator.hydrate(job, sources, is_last_try=is_last_try, may_go_on=may_go_on)
            await self._end(job, ending)
        except _LeftError:
            self._work.put_back(job)
            return
        except (FatalError, ConfigurationError) as error:
            self._hold(job, error)
            return
        except Exception as error:  # noqa: BLE001 (kept for the next batch)
            # Raised by the next batch: the runtime says it, backs off and hands everything in again.
            self._work.put_back(job)
            self._failure = error
            self._moved.set()
            return
        self._moved.set()
        self._begin()

    def _hold(self, job: Job, error: Exception) -> None:
        self._work.put_back(job)
        if not self._held:
            _LOG.critical("events wait, tried again in %g s: %s", HOLD_S, error)
        self._held = str(error)
        self._held_until_s = self._clock() + HOLD_S
        self._moved.set()

    async def _end(self, job: Job, ending: Ending) -> None:
        """Do what follows from an ending, and settle the job's records last."""
        if self._held and not (job.is_deleted or ending.fate in _ASKED_NOBODY):
            _LOG.info("PagerDuty answers again; the events that wait go on")
            self._held, self._held_until_s = "", 0.0
        if ending.fate is Fate.NOT_FOUND:
            self._wait_for(job)
            return
        if ending.fate is Fate.PUBLISHED and ending.asked_at is not None:
            self._covered.note(job.subject, ending.asked_at)
        await self._aftermath.follow(job, ending)
        self._work.finish(job)

    def _wait_for(self, job: Job) -> None:
        """Ask for an object again after a while."""
        wait_s = _missing_waits_s(job)[job.misses]
        job.misses += 1
        job.ready_at_s = self._clock() + wait_s
        self.counters.retried += 1
        self._work.put_back(job)
        task = asyncio.create_task(self._begin_after(wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begin_after(self, wait_s: float) -> None:
        await self._sleep(wait_s)
        self._begin()

    async def _settle(self, batch: Batch) -> None:
        """Wait until the batch is settled, for a turn; then until its first record is, if it takes longer."""
        first = batch.records[0]
        if await self._moves_until(lambda: not self._work.open_records, batch.leaving, self._turn_s):
            return
        await self._moves_until(
            lambda: self._work.is_settled(first), batch.leaving, self._patience_s - self._turn_s
        )

    async def _moves_until(
        self, is_enough: Callable[[], bool], leaving: asyncio.Event, wait_s: float
    ) -> bool:
        """Wait for jobs to end until it is enough; also True when something failed or the batch must go."""
        try:
            async with asyncio.timeout(wait_s):
                while not (is_enough() or self._failure or leaving.is_set()):
                    self._moved.clear()
                    await first_of(self._moved, leaving)
        except TimeoutError:
            return False
        return True


def _missing_waits_s(job: Job) -> tuple[float, ...]:
    """Return the waits before an object that is not found is asked for again."""
    if job.is_new:
        return MISSING_WAITS_S
    return MISSING_ONCE_S if job.has_events else ()
