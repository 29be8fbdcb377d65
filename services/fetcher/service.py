"""Is the fetcher as a service: leads or stands by, takes commands, keeps the schedule, has runs done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from schemas.command import Command, CommandType
from schemas.mapping import MappingInForce
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RUNS, WEBHOOKS, dlq_topic
from services.fetcher.core import FetcherCore
from services.fetcher.integration.care import AskedInPort
from services.fetcher.integration.resync_state import resync_state
from services.fetcher.mapping_authority import MappingAuthority
from services.fetcher.mapping_poll import MappingPoll
from services.fetcher.mapping_versions import asked_kinds, is_replay_due, plan_change
from services.fetcher.nap import LOOK_S, Nap
from services.fetcher.parts import FetcherParts
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_keeper import HOLD_S, RunKeeper
from services.fetcher.run_requests import RunRequest, is_answered, next_due, next_due_of_kind, next_run
from services.fetcher.run_waits import RunWaits
from shared.errors import NotOwnerError, PagerportError
from shared.groups import FETCHER_GROUP
from shared.log.interface import Subscription, TopicPartition
from shared.lost_records import resync_for
from shared.mapping_file import LoadedMapping
from shared.runtime import Consumer

logger = logging.getLogger(__name__)

LEADING: Final = TopicPartition(COMMANDS.name, 0)
LONGEST_NAP_S: Final = 5.0
COMMANDS_WAIT_S: Final = 5.0
BATCH_RECORDS: Final = 1000
"""Events that wait together are coalesced: the more are read at once, the fewer requests they cost."""
LONGEST_BACKOFF_S: Final = 1.0
"""Events that wait must not keep commands waiting."""


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
        core = self._core = FetcherCore(
            parts.log,
            self._obey,
            now=parts.now,
            identifier=parts.identifier,
            hydration=hydration,
            catch_up=self._authority.catch_up,
        )
        topics = (COMMANDS.name, WEBHOOKS.name) if hydration else (COMMANDS.name,)
        self.consumer = Consumer(
            parts.log,
            FETCHER_GROUP,
            Subscription.to(*topics),
            core,
            max_records=BATCH_RECORDS,
            on_fatal="hold",
            longest_backoff_s=LONGEST_BACKOFF_S,
            on_lost=resync_for(parts.log, parts.identifier, parts.now),
        )
        self._is_closing = False
        self._left_at_s = self.consumer.membership.left_at_s
        self._nap = Nap(self.leads, parts.sleep)
        self._keeper = RunKeeper(
            parts,
            publisher=self._publisher,
            authority=self._authority,
            journal=self._journal,
            leads=self.leads,
            nap=self._nap,
        )
        self._waits = RunWaits(parts, self._journal, lambda: self._keeper.in_hand)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin; the topics that everybody needs are created."""
        fixed = [COMMANDS.name, WEBHOOKS.name, ENTITIES.name]
        await self._parts.log.create_topics([MAPPING.name, RUNS.name, *fixed, *map(dlq_topic, fixed)])
        self._tasks = [
            asyncio.create_task(self.consumer.run(), name="commands and events"),
            asyncio.create_task(self._work(), name="runs"),
            asyncio.create_task(self.while_leading(self._watch_mapping), name="watching the mapping"),
            asyncio.create_task(self.while_leading(self._waits.run), name="telling what runs wait for"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; a run in hand is left to the next leader."""
        self._is_closing = True
        self.consumer.stop()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Return what runs until the end of the block; one that ends before has failed."""
        return self._tasks

    @property
    def held(self) -> str:
        """Return why nothing goes on (readiness); empty: it does."""
        no_mapping = self.mapping_problem if self._poll.newest is None else ""
        return no_mapping or self._keeper.held or self._core.held

    @property
    def mapping_problem(self) -> str:
        """Return why the user's mapping as it is now is not in force; empty: it is, or will be.

        Who does not lead does not look at it.
        """
        return self._poll.problem if self.leads() else ""

    @property
    def mapping_waits(self) -> str:
        """Return what the user's newest mapping waits for; empty: it does not."""
        newest, run, used = self._poll.newest, self._keeper.in_hand, self._keeper.mapping
        if newest is None or run is None or used is None or newest.config == used.config:
            return ""
        return f"{newest.name}: comes into force after run {run.run_id}"

    def resync_state(self) -> dict[str, Any] | None:
        """Return what Port's page is to show of the last resync; None: nothing yet."""
        interval, runs = self._parts.resync_interval, self._journal.runs
        return resync_state(
            runs,
            problem=self.mapping_problem,
            interval=interval,
            next_at=next_due(runs, interval, self._parts.now()) if runs else None,
        )

    def leads(self) -> bool:
        """Return whether this replica is the active one now."""
        return not self._is_closing and LEADING in self.consumer.owned

    def mapping(self) -> MappingInForce | None:
        """Return the mapping in force, as far as this replica has read."""
        return self._authority.in_force

    def left_out(self) -> dict[str, int]:
        """Return how many records could not be read, of topics that everybody reads."""
        return {MAPPING.name: self._authority.left_out, RUNS.name: self._journal.left_out}

    async def catch_up(self, why: str) -> None:
        """Ask for a resync because changes were not told of.

        Args:
            why: For the log lines.
        """
        runs = await self._journal.catch_up()
        # Before the first run nothing was missed.
        level = logging.WARNING if any(run.ended for run in runs) else logging.INFO
        logger.log(level, "a resync is asked for: %s", why)
        await self._ask(RunRequest(type="resync", asked_by="subscription"))

    async def asked_in_port(self, asked: AskedInPort) -> None:
        """Answer the last resync that somebody asked Port for, if nobody has."""
        runs = await self._journal.catch_up()
        if not is_answered(runs, asked.key, asked.at):
            await self._ask(RunRequest(type="resync", asked_by="Port", command=asked.key))

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
                return await self._keeper.stop(command_id)
            case CommandType.RELEASE:
                if self._parts.on_release is not None:
                    await self._parts.on_release(command)
        return True

    async def _ask(self, request: RunRequest) -> None:
        run = await self._journal.ask(request, in_hand=lambda: self._keeper.in_hand)
        if run is not None:
            kinds = ", ".join(run.only_kinds) or "all kinds"
            logger.info("%s %s asked for by %s: %s", run.type, run.run_id, request.asked_by, kinds)
        self._nap.wake()

    async def _work(self) -> None:
        """Lead whenever this replica is the active one, until cancelled."""
        is_new = True
        while True:
            if not self.leads():
                self._keeper.forget()
                is_new = True
                await self._parts.sleep(LOOK_S)
                continue
            try:
                if is_new:
                    await self._let_commands_in()
                    is_new = False
                await self._turn()
            except NotOwnerError as error:
                logger.info("%s", error)
            except PagerportError as error:
                await self._keeper.hold(error)
            except Exception:
                logger.exception("the fetcher failed between two runs; it goes on in %g s", HOLD_S)
                await self._nap.wait(HOLD_S)

    async def _let_commands_in(self) -> None:
        """Wait a while until the commands that nobody was there for are taken: they merge into one run.

        So does what the subscription asks for, where it is made now.
        """
        log = self._parts.log
        ends = await log.end_offsets([LEADING])
        for _ in range(round(COMMANDS_WAIT_S / LOOK_S)):
            committed = (await log.committed(FETCHER_GROUP, [LEADING])).get(LEADING)
            is_done = (committed.offset if committed else 0) >= ends[LEADING] and self._parts.may_begin()
            if is_done or not self.leads():
                return
            await self._parts.sleep(LOOK_S)

    async def _watch_mapping(self) -> None:
        """Look at the user's mapping also while a run is in hand: what is wrong with it is said at once."""
        while True:
            if self._poll.due_at is not None:
                await self._poll.look()
            await self._parts.sleep(min(self._parts.mapping_interval.total_seconds(), LONGEST_NAP_S))

    async def _turn(self) -> None:
        """See what is to be done, and do one run or nap."""
        left_at_s = self.consumer.membership.left_at_s
        if left_at_s != self._left_at_s:
            # Another replica may have led, and put a newer mapping in force than the one read here.
            self._poll.forget()
            self._left_at_s = left_at_s
        current = await self._authority.catch_up()
        if current is not None:
            self._poll.stand_in(LoadedMapping(current.config, current.origin))
        await self._journal.catch_up()
        await self._poll.look()
        loaded = self._poll.newest
        if loaded is None:
            await self._nap.wait(LONGEST_NAP_S)
            return
        await self._ask_what_is_due(loaded, current)
        async with self._journal.changing:
            run = next_run(await self._journal.catch_up())
            if run is not None:
                self._keeper.take(run)
        if run is None:
            self._keeper.go_on()
            await self._nap.wait(self._until_due_s(loaded))
        else:
            await self._keeper.carry_out(loaded)

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
        elif is_replay_due(current, self._journal.runs):
            await self._ask(RunRequest(type="replay", asked_by="mapping"))
        due_at = next_due(self._journal.runs, self._parts.resync_interval, self._parts.now())
        if due_at is not None and due_at <= self._parts.now():
            await self._ask(RunRequest(type="resync", asked_by="schedule"))
        dues = self._dues_of_kinds(loaded)
        if kinds := tuple(kind for kind, due in dues.items() if due <= self._parts.now()):
            await self._ask(RunRequest(type="resync", kinds=kinds, asked_by="schedule"))

    def _dues_of_kinds(self, loaded: LoadedMapping) -> dict[str, datetime]:
        now, runs = self._parts.now(), self._journal.runs
        named = {resource.kind for resource in loaded.config.resources}
        dues = {
            kind: next_due_of_kind(runs, kind, interval, now)
            for kind, interval in self._parts.kind_intervals.items()
            if kind in named
        }
        return {kind: due for kind, due in dues.items() if due is not None}

    def _until_due_s(self, loaded: LoadedMapping) -> float:
        now = self._parts.now()
        dues = [
            self._poll.due_at,
            next_due(self._journal.runs, self._parts.resync_interval, now),
            *self._dues_of_kinds(loaded).values(),
        ]
        return min((max((due - now).total_seconds(), LOOK_S) for due in dues if due), default=LONGEST_NAP_S)
