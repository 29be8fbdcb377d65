"""Runs a service's core over a log: batches in, outcomes committed, nothing lost.

What it promises: a record is committed only after its outcome; offset, mapping version and counts are one
write; per partition records reach the core in order; a partition that is taken away is drained first. What
is handled twice (a crash, a failed commit) is counted once.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal

from shared.batch_commits import Done, plan_commits
from shared.core import Batch, Core
from shared.errors import ConfigurationError, FatalError, LostError, NotOwnerError, RetryableError
from shared.http.backoff import Backoff
from shared.interruptible import Interruptible
from shared.log.interface import (
    Assignment,
    Clock,
    Committed,
    Log,
    OffsetOutOfRangeError,
    Record,
    Sleep,
    Subscription,
    TopicPartition,
)
from shared.membership import Membership
from shared.positions import Positions, ReplayFrom
from shared.progress import Progress

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 30.0
FAILURES_TOLD: Final = 10
"""Failures in a row, unexpected ones, from which on readiness tells of them: after almost a minute."""
HOLD_INTERVAL_S: Final = 60.0
"""How often an always-on process tries again what was refused for good."""

OnProgress = Callable[[Mapping[TopicPartition, Progress]], None]
OnLost = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]


class Consumer:
    """One member of a group that hands batches to a core. It is the log's `AssignmentListener` itself.

    Args:
        log: The log.
        group: Group id, without the installation's prefix.
        topics: What to read.
        core: What does the work.
        max_records: Most records of a batch.
        poll_wait_s: Longest single wait for records; new records, a rebalance and `stop` end it at once.
        longest_backoff_s: Longest wait after a batch of which nothing was done.
        sleep: Waits between attempts.
        jitter: A number from 0 to 1 for each back-off.
        on_fatal: `raise`: a one-shot run ends with FatalError, ConfigurationError or LostError. `hold`: an
            always-on process tries again each minute and goes on behind what was lost.
        mapping_version: Mapping in force; kept per partition in the commit metadata from the moment the
            partition is first read or rewound.
        replay_from: Offset from which a partition must be read again when its metadata has an older mapping
            version; None: no need. Asked when partitions are assigned and by `replay`.
        on_progress: Hears after each commit what the committed partitions have done.
        on_lost: With `hold`: hears of partitions whose unread records are gone, and where they go on. Asks
            for the resync.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        log: Log,
        group: str,
        topics: Subscription,
        core: Core,
        *,
        max_records: int = 500,
        poll_wait_s: float = 5.0,
        longest_backoff_s: float = LONGEST_BACKOFF_S,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        on_fatal: Literal["raise", "hold"],
        mapping_version: Callable[[], int] = lambda: 0,
        replay_from: ReplayFrom | None = None,
        on_progress: OnProgress | None = None,
        on_lost: OnLost | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._log = log
        self._group = group
        self._topics = topics
        self._core = core
        self._max_records = max_records
        self._poll_wait_s = poll_wait_s
        self._backoff = Backoff(base_s=FIRST_BACKOFF_S, cap_s=longest_backoff_s, jitter=jitter)
        self._sleep = sleep
        self._on_fatal = on_fatal
        self._mapping_version = mapping_version
        self._replay_from = replay_from
        self._on_progress = on_progress
        self._on_lost = on_lost

        self._assignment: Assignment | None = None
        self._owned: frozenset[TopicPartition] = frozenset()
        self._positions = Positions()
        # Whether the commits of `_owned` are read into `_positions`.
        self._is_loaded = True
        # Grows whenever positions change from outside the loop: what was read before is stale.
        self._epoch = 0
        self._idle = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._is_stopping = False
        self._waits = Interruptible()
        self._handling: asyncio.Task[Any] | None = None
        # Turns one after another in which nothing was done.
        self._failures = 0
        # Of those the batches that ended with an error nobody foresaw.
        self._errors = 0
        self._held = ""
        # Whether the core has raised for the batch that was handed to it last: it will come again.
        self._has_failed_batch = False
        self._clock = clock
        self._is_joined = False
        self._left_at_s = clock()
        self._polled_at_s: float | None = None

    @property
    def membership(self) -> Membership:
        """Return how the consumer stands with its group and its log (readiness)."""
        return Membership(
            group=self._group,
            owned=len(self._owned),
            is_joined=self._is_joined,
            left_at_s=self._left_at_s,
            polled_at_s=self._polled_at_s,
            is_handling=self._handling is not None,
            held=self._held,
        )

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """Return the partitions that are ours now."""
        return self._owned

    @property
    def offsets(self) -> dict[TopicPartition, int]:
        """Return the next offset of each partition that is ours and read."""
        return self._positions.offsets()

    @property
    def held(self) -> str:
        """Return why the consumer holds (readiness); empty: it does not."""
        return self._held

    def stop(self) -> None:
        """Let `run` end after the batch in hand, which gives up what it waits for."""
        self._is_stopping = True
        self._leaving.set()
        self._waits.interrupt()

    async def run(self) -> None:
        """Consume until `stop`, then leave the group.

        Raises:
            FatalError, ConfigurationError: As the core raised it, unless errors are held.
            LostError: A committed offset lies outside the log, unless errors are held.
        """
        self._assignment = await self._log.assignment(self._group, self._topics, self)
        try:
            while not self._is_stopping:
                await self._turn()
        finally:
            await self._assignment.leave()

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Let the batch in hand finish or give up, and commit, while the partitions are still ours."""
        self._leaving.set()
        self._positions_changed()
        async with self._idle:
            self._forget(partitions)
            self._held, self._has_failed_batch = "", False
            self._is_joined, self._left_at_s = False, self._clock()

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Let the loop begin with the new assignment."""
        async with self._idle:
            self._forget(self._owned)
            self._owned = partitions
            self._is_joined = True
            self._is_loaded = False
            if not self._is_stopping:
                self._leaving = asyncio.Event()
            self._positions_changed()

    def _forget(self, partitions: frozenset[TopicPartition]) -> None:
        self._owned -= partitions
        self._positions.forget(partitions)

    async def rewind(self, to: Mapping[TopicPartition, int]) -> None:
        """Commit offsets with the mapping version in force, then go on reading there.

        Waits for the batch in hand. Not to be called by the core while it handles a batch.

        Raises:
            NotOwnerError: A partition is not ours; nothing has changed.
        """
        self._refuse_the_core()
        async with self._idle:
            await self._seek(to)

    async def replay(self) -> None:
        """Rewind every partition of ours whose mapping version is older than the one in force.

        Partitions whose commits are not read yet are rewound when they are.
        """
        self._refuse_the_core()
        async with self._idle:
            await self._catch_up()

    def _refuse_the_core(self) -> None:
        if self._handling is not None and self._handling is asyncio.current_task():
            raise RuntimeError("a core cannot rewind while it handles a batch: it would wait for itself")

    async def _catch_up(self) -> None:
        if self._replay_from is not None:
            await self._seek(self._positions.behind(self._mapping_version(), self._replay_from))

    async def _seek(self, to: Mapping[TopicPartition, int]) -> None:
        if not to:
            return
        missing = self._positions.missing(to)
        if missing:
            raise NotOwnerError(
                f"group {self._group} cannot rewind {sorted(missing)}: not read by this member"
            )
        # Committed first: a crash in between leaves the new owner at the rewound offset.
        await self._commit(self._positions.rewound(to, self._mapping_version()))
        self._positions_changed()

    async def _commit(self, done: Mapping[TopicPartition, Done]) -> None:
        if self._assignment is None:
            raise NotOwnerError(f"group {self._group} is not joined")
        await self._assignment.commit(
            {place: Committed(offset, progress.encode()) for place, (offset, progress) in done.items()}
        )
        self._positions.advance(done)

    def _positions_changed(self) -> None:
        self._epoch += 1
        self._waits.interrupt()

    async def _turn(self) -> None:
        """Take one step; whatever fails is tried again."""
        try:
            await self._step()
        except NotOwnerError as error:
            logger.info("%s: %s; the new owner redoes the batch", self._group, error)
            if self._assignment is not None:
                self._forget(self._owned - self._assignment.partitions)
            await self._back_off()
        except RetryableError as error:
            logger.warning("%s: %s", self._group, error)
            await self._back_off(error.retry_after_s)
        except (FatalError, ConfigurationError) as error:
            if self._on_fatal == "raise":
                raise
            self._held = str(error)
            logger.critical("%s holds, tries again in %g s: %s", self._group, HOLD_INTERVAL_S, error)
            await self._pause(HOLD_INTERVAL_S)
        except LostError:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Something inside the core was cancelled, not we: an error of the batch like any other.
            logger.exception("%s: batch cancelled from inside; it is read again", self._group)
            await self._back_off()
        except Exception as error:
            logger.exception("%s: batch failed; it is read again", self._group)
            self._errors += 1
            if self._errors >= FAILURES_TOLD:
                kind = type(error).__name__
                self._held = (
                    f"a batch has failed {self._errors} times in a row ({kind}); the log lines tell more"
                )
            await self._back_off()

    async def _step(self) -> None:
        """Take over partitions that came, or read and handle a batch, or wait where there are none."""
        if not self._is_loaded:
            await self._load()
        elif not self._positions:
            await self._waits.wait(asyncio.Event().wait())
        else:
            await self._read_and_handle()

    async def _load(self) -> None:
        """Take over what the group has committed for the partitions that came."""
        async with self._idle:
            epoch, owned = self._epoch, sorted(self._owned)
            committed = await self._log.committed(self._group, owned)
            if epoch != self._epoch:
                return
            for place in self._positions.take_over(owned, committed, self._mapping_version()):
                logger.error("%s: unreadable commit metadata of %s; its counts restart", self._group, place)
            await self._catch_up()
            self._is_loaded = True

    async def _read_and_handle(self) -> None:
        if self._assignment is None:
            raise NotOwnerError(f"group {self._group} is not joined")
        epoch = self._epoch
        try:
            records = await self._waits.wait(
                self._assignment.read(
                    self._positions.offsets(), max_records=self._max_records, wait_s=self._poll_wait_s
                )
            )
        except OffsetOutOfRangeError as error:
            await self._go_on_at(error.starts, epoch)
            return
        if records is None:
            return
        self._polled_at_s = self._clock()
        if not records:
            if not self._has_failed_batch:
                # What refused us was the log, and it has answered.
                self._held = ""
            return
        async with self._idle:
            if epoch != self._epoch or self._is_stopping:
                return  # Rebalanced or rewound meanwhile: these records are not the next ones.
            has_progressed = await self._handle(records)
        self._errors = 0
        if has_progressed:
            self._failures = 0
        else:
            await self._back_off()

    async def _handle(self, records: Sequence[Record]) -> bool:
        """Work off one batch and commit what is done; False: nothing is."""
        self._handling, self._has_failed_batch = asyncio.current_task(), True
        try:
            outcomes = await self._core.handle(Batch(records, self._leaving, self._positions.progress()))
        finally:
            # Nothing was read meanwhile, so the log's silence begins now.
            self._handling, self._polled_at_s = None, self._clock()
        self._held, self._has_failed_batch = "", False
        done = plan_commits(records, outcomes, self._positions.progress())
        if not done:
            return False
        await self._commit(done)
        if self._on_progress is not None:
            self._on_progress({place: part.progress for place, part in done.items()})
        return True

    async def _go_on_at(self, starts: Mapping[TopicPartition, int], epoch: int) -> None:
        """Begin where the log does; if that skips records that the group had not read, raise the alarm."""
        async with self._idle:
            if epoch != self._epoch:
                return
            lost = self._positions.begin_at(starts)
            if not lost:
                return
            places = ", ".join(
                f"{place.topic}/{place.partition} (unread from {self._positions[place].offset}, now {start})"
                for place, start in sorted(lost.items())
            )
            message = f"group {self._group} has lost records: {places}; resync to make up for them"
            if self._on_fatal == "raise":
                raise LostError(message)
            logger.critical(message)
            if self._on_lost is not None:
                await self._on_lost(lost)
            # Committed, so that the alarm is not raised again at the next start.
            await self._seek(lost)

    async def _back_off(self, retry_after_s: float | None = None) -> None:
        self._failures += 1
        await self._pause(self._backoff.delay_s(self._failures) if retry_after_s is None else retry_after_s)

    async def _pause(self, delay_s: float) -> None:
        if not self._is_stopping:
            await self._waits.wait(self._nap(delay_s))

    async def _nap(self, delay_s: float) -> None:
        # The sleep is made inside the task: one that is cancelled before it begins leaves nothing unawaited.
        await self._sleep(delay_s)
