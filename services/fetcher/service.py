"""Is the fetcher as a service: leads or stands by, takes commands, keeps the schedule, has runs done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from schemas.command import Command, CommandType
from schemas.mapping import MappingInForce
from schemas.run import RunResult, RunState
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RUNS, WEBHOOKS, dlq_topic
from services.fetcher.core import FetcherCore
from services.fetcher.leadership import Leadership
from services.fetcher.mapping_authority import MappingAuthority
from services.fetcher.mapping_poll import MappingPoll
from services.fetcher.mapping_versions import asked_kinds, plan_change
from services.fetcher.parts import FetcherParts
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_attempt import Attempt
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_requests import RunRequest, begin_run, next_due, next_run
from shared.errors import FatalError, NotOwnerError, PagerportError, RetryableError
from shared.groups import FETCHER_GROUP
from shared.log.interface import Subscription, TopicPartition
from shared.logs import log_context
from shared.mapping_file import LoadedMapping
from shared.runtime import Consumer

logger = logging.getLogger(__name__)

LEADING: Final = TopicPartition(COMMANDS.name, 0)
LOOK_S: Final = 0.2
"""How often it is seen whether this process leads."""
LONGEST_NAP_S: Final = 5.0
AWAY_S: Final = 15.0
"""How long a run stands still while its process does not lead; then it is the next leader's."""
HOLD_S: Final = 60.0
"""After that a run that was refused is tried again."""
STOP_WAIT_S: Final = 1.0
LONGEST_BACKOFF_S: Final = 1.0
"""Events that wait must not keep commands waiting."""


@dataclass(slots=True)
class _InHand:
    """The run that this process carries out, or holds until it is tried again."""

    run: RunResult
    task: asyncio.Task[None] | None = None


class FetcherService:
    """One replica of the fetcher, for the time of its block.

    Args:
        parts: What it is made of.
    """

    def __init__(self, parts: FetcherParts) -> None:
        self._parts = parts
        self._journal = RunJournal(parts.log, parts.identifier, parts.now)
        self._authority = MappingAuthority(parts.log, parts.identifier, parts.now)
        self._poll = MappingPoll(parts.load_mapping, interval=parts.mapping_interval, now=parts.now)
        self._publisher = RawPublisher(parts.log, leads=self.leads, now=parts.now)
        hydration = parts.make_hydration(self._publisher, self.mapping) if parts.make_hydration else None
        core = FetcherCore(parts.log, self._obey, now=parts.now, hydration=hydration)
        topics = (COMMANDS.name, WEBHOOKS.name) if hydration else (COMMANDS.name,)
        self.consumer = Consumer(
            parts.log,
            FETCHER_GROUP,
            Subscription.to(*topics),
            core,
            on_fatal="hold",
            longest_backoff_s=LONGEST_BACKOFF_S,
        )
        self._is_closing = False
        self._asking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._in_hand: _InHand | None = None
        self._held = ""
        self._successes_at_hold = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin; the topics that everybody needs are created."""
        fixed = [COMMANDS.name, WEBHOOKS.name, ENTITIES.name]
        await self._parts.log.create_topics([MAPPING.name, RUNS.name, *fixed, *map(dlq_topic, fixed)])
        self._tasks = [asyncio.create_task(self.consumer.run()), asyncio.create_task(self._work())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; a run in hand is left to the next leader."""
        self._is_closing = True
        self.consumer.stop()
        consuming, working = self._tasks
        working.cancel()
        await asyncio.gather(consuming, working, return_exceptions=True)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Return what runs until the end of the block; one that ends before has failed."""
        return self._tasks

    @property
    def held(self) -> str:
        """Return why nothing goes on (readiness); empty: it does."""
        if self._poll.newest is None and self._poll.problem:
            return self._poll.problem
        # Served since: whoever refused us does not any more, even if the run still goes on.
        return self._held if self._parts.successes() == self._successes_at_hold else ""

    @property
    def mapping_problem(self) -> str:
        """Return why the user's mapping as it is now is not in force; empty: it is, or will be."""
        return self._poll.problem

    def leads(self) -> bool:
        """Return whether this replica is the active one now."""
        return not self._is_closing and LEADING in self.consumer.owned

    def mapping(self) -> MappingInForce | None:
        """Return the mapping in force, as far as this replica has read."""
        return self._authority.in_force

    async def catch_up(self, why: str) -> None:
        """Ask for a resync because changes were not told of.

        Args:
            why: For the log lines.
        """
        logger.warning("a resync is asked for: %s", why)
        await self._ask(RunRequest(type="resync", asked_by="subscription"))

    async def while_leading(self, do: Callable[[], Awaitable[None]]) -> None:
        """Do something whenever this replica is the active one, until cancelled."""
        while True:
            while not self.leads():
                await self._parts.sleep(LOOK_S)
            doing = asyncio.ensure_future(do())
            try:
                while self.leads() and not doing.done():
                    await asyncio.wait({doing}, timeout=LOOK_S)
                if doing.done():
                    doing.result()
                    return
            finally:
                doing.cancel()
                await asyncio.gather(doing, return_exceptions=True)

    async def _obey(self, command_id: str, command: Command) -> bool:
        """Carry out a command. See `core.OnCommand`."""
        match command.type:
            case CommandType.RESYNC | CommandType.REPLAY:
                request = RunRequest(
                    type="replay" if command.type is CommandType.REPLAY else "resync",
                    kinds=command.kinds,
                    asked_by=command.asked_by or "command",
                    command=command_id,
                )
                await self._ask(request)
            case CommandType.STOP:
                return await self._stop(command_id)
            case CommandType.RELEASE:
                if self._parts.on_release is not None:
                    await self._parts.on_release(command)
        return True

    async def _ask(self, request: RunRequest) -> None:
        async with self._asking:
            begun = {self._in_hand.run.run_id} if self._in_hand else set()
            run = await self._journal.ask(request, begun=begun)
        if run is not None:
            kinds = ", ".join(run.only_kinds) or "all kinds"
            logger.info("%s %s asked for by %s: %s", run.type, run.run_id, request.asked_by, kinds)
        self._woken.set()

    async def _stop(self, command_id: str) -> bool:
        in_hand = self._in_hand
        if in_hand is None:
            logger.info("stop: there is no run in hand")
            return True
        if command_id not in in_hand.run.commands:
            logger.info("run %s is stopped", in_hand.run.run_id)
            in_hand.run.commands.append(command_id)
            if in_hand.task is not None:
                in_hand.task.cancel()
        if in_hand.task is None:
            await self._journal.interrupt(in_hand.run)
            self._in_hand = None
            self._woken.set()
            return True
        await asyncio.wait({in_hand.task}, timeout=STOP_WAIT_S)
        return in_hand.task.done()

    async def _work(self) -> None:
        """Lead whenever this replica is the active one, until cancelled."""
        while True:
            if not self.leads():
                self._in_hand, self._held = None, ""
                await self._parts.sleep(LOOK_S)
                continue
            try:
                await self._turn()
            except NotOwnerError as error:
                logger.info("%s", error)
            except PagerportError as error:
                self._hold(str(error) or type(error).__name__)
                await self._nap(HOLD_S)
            except Exception:
                logger.exception("the fetcher failed between two runs; it goes on in %g s", HOLD_S)
                await self._nap(HOLD_S)

    async def _turn(self) -> None:
        """See what is to be done, and do one run or nap."""
        current = await self._authority.catch_up()
        if current is not None:
            self._poll.stand_in(LoadedMapping(current.config, current.origin))
        await self._journal.catch_up()
        await self._poll.look()
        loaded = self._poll.newest
        if loaded is None:
            await self._nap(LONGEST_NAP_S)
            return
        await self._ask_what_is_due(loaded, current)
        async with self._asking:
            run = next_run(await self._journal.catch_up())
            if run is not None:
                self._in_hand = _InHand(begin_run(run, self._parts.now()))
        if self._in_hand is None:
            self._held = ""
            await self._nap(self._until_due_s())
        else:
            await self._carry_out(self._in_hand, loaded)

    async def _ask_what_is_due(self, loaded: LoadedMapping, current: MappingInForce | None) -> None:
        """Ask for what a new mapping needs, and for the scheduled resync."""
        if current is None or current.config != loaded.config:
            todo = plan_change(loaded.config, current, self._authority.listings)
            if todo.resynced:
                kinds = asked_kinds(todo, loaded.config)
                await self._ask(RunRequest(type="resync", kinds=kinds, asked_by="mapping"))
            if todo.replayed:
                await self._ask(RunRequest(type="replay", asked_by="mapping"))
            if not todo.resynced and not todo.replayed:
                await self._authority.publish(loaded)
        due_at = next_due(self._journal.runs, self._parts.resync_interval, self._parts.now())
        if due_at is not None and due_at <= self._parts.now():
            await self._ask(RunRequest(type="resync", asked_by="schedule"))

    def _until_due_s(self) -> float:
        now = self._parts.now()
        dues = [self._poll.due_at, next_due(self._journal.runs, self._parts.resync_interval, now)]
        return min((max((due - now).total_seconds(), LOOK_S) for due in dues if due), default=LONGEST_NAP_S)

    async def _nap(self, delay_s: float) -> None:
        """Wait, but no longer than until somebody asks for something or leadership is to be looked at."""
        self._woken.clear()
        sleeping = asyncio.ensure_future(self._sleep_while_leading(delay_s))
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleeping, waking):
                task.cancel()
            await asyncio.gather(sleeping, waking, return_exceptions=True)

    async def _sleep_while_leading(self, delay_s: float) -> None:
        left_s = delay_s
        while left_s > 0 and self.leads():
            await self._parts.sleep(min(left_s, LOOK_S))
            left_s -= LOOK_S

    async def _carry_out(self, in_hand: _InHand, loaded: LoadedMapping) -> None:
        """Carry out an attempt of a run to its end, or to that of our leadership."""
        run, leadership = in_hand.run, Leadership(self.leads, sleep=self._parts.sleep)
        attempt = Attempt(
            run,
            loaded,
            parts=self._parts,
            publisher=self._publisher,
            authority=self._authority,
            journal=self._journal,
            leadership=leadership,
        )
        with log_context(run_id=run.run_id):
            logger.info("%s %s begins, attempt %d", run.type, run.run_id, run.attempt)
            in_hand.task = asyncio.create_task(attempt.carry_out())
            try:
                await self._watch_over(in_hand.task, run, leadership)
            finally:
                if not in_hand.task.done():
                    # This process ends: the run goes on in the next one.
                    leadership.give_up()
                    in_hand.task.cancel()
                    await asyncio.gather(in_hand.task, return_exceptions=True)
            await self._conclude(in_hand, loaded, leadership)

    async def _watch_over(self, task: asyncio.Task[None], run: RunResult, leadership: Leadership) -> None:
        """Let the run stand still while we do not lead, and give it up when that takes long."""
        away_s = 0.0
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_S)
            if not self.leads():
                leadership.pause()
                away_s += LOOK_S
            elif away_s:
                await self._journal.catch_up()
                found = next((one for one in self._journal.runs if one.run_id == run.run_id), None)
                if found is None or found.ended or found.attempt > run.attempt:
                    away_s = AWAY_S
                else:
                    leadership.go_on()
                    away_s = 0.0
            if away_s >= AWAY_S and not leadership.is_given_up:
                logger.warning("run %s is left to the next leader", run.run_id)
                leadership.give_up()
                task.cancel()

    async def _conclude(self, in_hand: _InHand, loaded: LoadedMapping, leadership: Leadership) -> None:
        """See to what an attempt has left: a result that it could not write, or the wait for the next one."""
        run, task = in_hand.run, in_hand.task
        in_hand.task = None
        error = None if task is None or task.cancelled() else task.exception()
        if leadership.is_given_up or isinstance(error, NotOwnerError):
            self._in_hand = None
            return
        if isinstance(error, FatalError | RetryableError):
            self._hold(str(error))
            run.error = str(error)
            await self._journal.write(run)
            await self._nap(HOLD_S)
            self._in_hand = None
            return
        self._in_hand, self._held = None, ""
        if not run.ended:
            # It ended before it was the conductor's.
            run.state = RunState.FAILED if error else RunState.INTERRUPTED
            run.error = str(error) if error else ""
            run.ended_at = self._parts.now()
            await self._journal.write(run)
        if error is not None:
            logger.error("run %s failed: %s", run.run_id, error, exc_info=_unexpected(error))
        else:
            logger.info("run %s: %s", run.run_id, run.state)
        await self._journal.forget_old()
        in_force = self._authority.in_force
        if error is not None and (in_force is None or in_force.config != loaded.config):
            # The new mapping asks for the same run again: not without a pause.
            await self._nap(HOLD_S)

    def _hold(self, problem: str) -> None:
        if problem != self._held:
            logger.critical("the fetcher holds, tries again in %g s: %s", HOLD_S, problem)
        self._held = problem
        self._successes_at_hold = self._parts.successes()


def _unexpected(error: BaseException) -> BaseException | None:
    return None if isinstance(error, PagerportError) else error
