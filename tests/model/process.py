"""Is one process of pagerport in the model: all services over one log file, until it is killed."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from schemas.command import Command, CommandType
from schemas.mapping import MappingInForce
from schemas.run import RunResult
from schemas.run_sweep import SweepMode
from schemas.topics import ENTITIES, RAW_PREFIX, WEBHOOKS
from services.fetcher.budget import RateBudget
from services.fetcher.healing import Healing
from services.fetcher.held_letters import HeldLetters
from services.fetcher.hydration.core import HydrationCore
from services.fetcher.hydration.hydrator import Hydrator
from services.fetcher.hydration.live_enrichment import LiveEnrichment
from services.fetcher.parts import FetcherParts
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_reader import RunReader
from services.fetcher.service import FetcherService
from services.fetcher.sweep.interface import Sweep
from services.fetcher.sweep.sweeping import make_sweep
from services.mapper.core import MapperCore
from services.mapper.mapped import Mapped, RawObject
from services.mapper.objects import ObjectMapper
from services.mapper.plan_shape import Plan
from services.mapper.pool import WorkerPool
from services.writer.core import WriterCore
from shared.commands_topic import give_command
from shared.core import Core
from shared.groups import FETCHER_GROUP, MAPPER_GROUP, WRITER_GROUP
from shared.http.backoff import Backoff
from shared.http.client import build_client
from shared.http.waits import WaitLedger
from shared.kept_letters import KeptLetter, read_letters
from shared.log.interface import NewRecord, Subscription, TopicFilter
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_lock import FileLock
from shared.log.sqlite_store import Store
from shared.log.sqlite_worker import InlineWorker
from shared.lost_records import resync_for
from shared.mapping_file import LoadedMapping
from shared.mapping_follower import MappingFollower
from shared.pagerduty.client import PagerDutyClient
from shared.port.client import PortClient
from shared.port.datasource import user_agent
from shared.port.token import Credentials
from shared.port.transport import PortTransport
from shared.runs_topic import RunRecords
from shared.runtime import Consumer
from simulators.pagerduty.app import PagerDutySimulator
from simulators.port.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, PortSimulator
from tests.model.account import TOKEN
from tests.model.clockwork import WallClock
from tests.model.wire import Line, Wire

IDENTIFIER = "model"
PAGERDUTY = "http://pagerduty.test"
PORT = "http://port.test"
AGENT = user_agent("0", IDENTIFIER)
MEMBERS = 3
LOOK = timedelta(seconds=5)
"""Between two looks at the user's mapping."""


class InlinePool(WorkerPool):
    """Maps in this process, by the workers' own code: other processes' time cannot be jumped over."""

    def __init__(self, random: Random) -> None:
        super().__init__(1, batch_timeout_s=30.0)
        self._random = random
        self._mapper: tuple[Plan, ObjectMapper] | None = None

    async def map_into(
        self, plan: Plan, objects: Sequence[RawObject], found: list[Mapped | None], enough: asyncio.Event
    ) -> None:
        if self._mapper is None or self._mapper[0] is not plan:
            self._mapper = (plan, ObjectMapper(plan))
        mapper = self._mapper[1]
        for index, raw in enumerate(objects):
            if index and enough.is_set():
                return
            found[index] = mapper.map_object(raw)
            if self._random.random() < 0.1:
                await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that a process finds there.

    Attributes:
        pagerduty: PagerDuty.
        port: Port.
        clock: The time of day.
        random: Source of chance.
        mapping: Reads the user's mapping file.
    """

    pagerduty: PagerDutySimulator
    port: PortSimulator
    clock: WallClock
    random: Random
    mapping: Callable[[], LoadedMapping]


class Process:
    """Starts with `start`, dies with `kill`.

    Args:
        outside: What there is.
        path: The log file.
    """

    def __init__(self, outside: Outside, path: Path) -> None:
        self.outside = outside
        self.path = path
        self.line = Line(outside.random)
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Do what `pagerport run` does: open the log file, run the services."""
        clock, loop = self.outside.clock, asyncio.get_running_loop()
        store = Store.open(self.path, durable=True, locked=True, prefix="")
        self._store, self._lock = store, FileLock.acquire(self.path)
        self.log = SqliteLog(store, InlineWorker(), lock=self._lock, is_shared=False, clock=clock.seconds)
        self.runs = RunRecords(self.log, keep_failures=True)
        waits = WaitLedger(loop.time)
        self._waits = waits
        jitter = self.outside.random.random
        self._http = [
            build_client(user_agent=AGENT, transport=Wire(app, self.line))
            for app in (self.outside.pagerduty, self.outside.port)
        ]
        self.pagerduty = PagerDutyClient(
            self._http[0],
            base_url=PAGERDUTY,
            token=TOKEN,
            user_agent=AGENT,
            budget=RateBudget(waits, clock=loop.time),
            waits=waits,
            now=clock.now,
            clock=loop.time,
            jitter=jitter,
        )
        self.port = PortClient(
            PortTransport(
                self._http[1],
                base_url=PORT,
                credentials=Credentials(DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET),
                user_agent=AGENT,
                waits=waits,
                backoff=Backoff(cap_s=15.0, jitter=jitter),
                clock=loop.time,
                wall=clock.seconds,
            ),
            identifier=IDENTIFIER,
        )
        self.hydration: HydrationCore | None = None
        self.fetcher = FetcherService(self._parts())
        await self.fetcher.__aenter__()
        self._start_mapper(jitter)
        self._start_writer(jitter)
        healing = Healing(
            self.log,
            may_ask=self._may_heal,
            kinds=self._kinds,
            identifier=IDENTIFIER,
            now=clock.now,
            held=HeldLetters(self.log, self.port, now=clock.now),
        )
        self._tasks.append(asyncio.create_task(healing.run()))

    async def kill(self, to: Path) -> None:
        """End it where it is: what the file holds by now is what the next one finds.

        Args:
            to: Where the file goes, as the end of the process has left it.
        """
        self.line.is_cut = True
        for ending in ("", "-wal"):
            part = self.path.with_name(self.path.name + ending)
            if part.exists():
                shutil.copyfile(part, to.with_name(to.name + ending))
        # What follows is no part of the model: tasks go, and whatever they still write nobody reads.
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=60)
        for http in self._http:
            await http.aclose()
        self._store.close()
        self._lock.close()

    @property
    def ended(self) -> list[asyncio.Task[Any]]:
        """Return tasks that ended by themselves: none may."""
        return [task for task in [*self._tasks, *self.fetcher.tasks] if task.done()]

    async def command(self, command: CommandType, *kinds: str) -> str:
        given = Command(type=command, kinds=kinds, asked_by="model")
        return await give_command(self.log, given, identifier=IDENTIFIER, at=self.outside.clock.now())

    async def deliver(self, record: NewRecord) -> None:
        await self.log.append([record])

    async def run_of(self, command_id: str) -> RunResult | None:
        """Return the run that answers a command, once it has ended."""
        await self.runs.catch_up()
        run = self.runs.of_command(command_id)
        return run if run is not None and run.ended else None

    async def is_idle(self) -> bool:
        """Whether nothing is left to do, by all that the log says."""
        mapping = self.fetcher.mapping()
        wanted = await self._load_mapping()
        if mapping is None or mapping.config != wanted.config:
            return False
        await self.runs.catch_up()
        if any(not run.ended for run in self.runs.runs):
            return False
        groups: list[tuple[str, TopicFilter]] = [
            (FETCHER_GROUP, lambda name: name in {WEBHOOKS.name, "pagerport.commands"}),
            (MAPPER_GROUP, Subscription.to_all(RAW_PREFIX)),
            (WRITER_GROUP, ENTITIES.name.__eq__),
        ]
        return all([await self._has_passed(group, topics) for group, topics in groups])

    async def letters(self) -> list[KeptLetter]:
        """Return the open dead letters."""
        return [one for one in await read_letters(self.log) if one.is_open]

    def stand(self) -> str:
        """Say what is waited for, for the message of a test."""
        hydration = self.hydration.waiting_for() if self.hydration else None
        return (
            f"held: {self.fetcher.held!r}, waits: {self._waits.waiting_for()!r}, events: {hydration!r}, "
            f"run: {[(one.run_id, one.state, one.error) for one in self.runs.runs if not one.ended]}"
        )

    async def _has_passed(self, group: str, topics: TopicFilter) -> bool:
        places = await self.log.partitions(topics)
        committed = await self.log.committed(group, places)
        ends = await self.log.end_offsets(places)
        return all(
            end == 0 or (place in committed and committed[place].offset >= end) for place, end in ends.items()
        )

    async def _load_mapping(self) -> LoadedMapping:
        return self.outside.mapping()

    def _parts(self) -> FetcherParts:
        return FetcherParts(
            log=self.log,
            identifier=IDENTIFIER,
            client=self.pagerduty,
            waits=self._waits,
            requests=dict,
            successes=lambda: self.pagerduty.successes + self.port.successes,
            load_mapping=self._load_mapping,
            mapping_interval=LOOK,
            resync_interval=None,
            concurrency=4,
            now=self.outside.clock.now,
            port_time=self.port.time,
            make_sweep=self._make_sweep,
            make_hydration=self._make_hydration,
            clock=asyncio.get_running_loop().time,
        )

    def _make_sweep(self, reader: RunReader) -> Sweep:
        return make_sweep(
            self.log,
            self.port,
            ask=reader.ask,
            relist=reader.relist,
            identifier=IDENTIFIER,
            mode=SweepMode.ON,
            now=self.outside.clock.now,
        )

    def _make_hydration(self, publisher: RawPublisher, mapping: Callable[[], MappingInForce | None]) -> Core:
        live, now = self.pagerduty.live(), self.outside.clock.now
        enrichment = LiveEnrichment(live, now=now, concurrency=4)
        hydrator = Hydrator(live, publisher, enrichment, identifier=IDENTIFIER, now=now)
        self.hydration = HydrationCore(
            self.log,
            hydrator,
            mapping=mapping,
            waits=self._waits,
            now=now,
            clock=asyncio.get_running_loop().time,
        )
        return self.hydration

    def _start_mapper(self, jitter: Callable[[], float]) -> None:
        follower = MappingFollower(self.log, IDENTIFIER)
        pool = InlinePool(self.outside.random)
        core = MapperCore(self.log, pool, now=self.outside.clock.now, identifier=IDENTIFIER)
        consumer = Consumer(
            self.log,
            MAPPER_GROUP,
            Subscription.to_all(RAW_PREFIX),
            core,
            max_records=20,
            on_fatal="hold",
            mapping_version=follower.version,
            replay_from=follower.replay_from,
            on_lost=resync_for(self.log, IDENTIFIER, self.outside.clock.now),
            jitter=jitter,
            clock=asyncio.get_running_loop().time,
        )
        self._tasks += [
            asyncio.create_task(consumer.run()),
            asyncio.create_task(follower.follow(core.use, consumer.replay)),
        ]

    def _start_writer(self, jitter: Callable[[], float]) -> None:
        core = WriterCore(
            self.log,
            self.port,
            now=self.outside.clock.now,
            backoff=Backoff(cap_s=15.0, jitter=jitter),
            members=MEMBERS,
            clock=asyncio.get_running_loop().time,
        )
        for _ in range(MEMBERS):
            consumer = Consumer(
                self.log,
                WRITER_GROUP,
                Subscription.to(ENTITIES.name),
                core,
                max_records=50,
                on_fatal="hold",
                on_lost=resync_for(self.log, IDENTIFIER, self.outside.clock.now),
                jitter=jitter,
                clock=asyncio.get_running_loop().time,
            )
            self._tasks.append(asyncio.create_task(consumer.run()))

    def _may_heal(self) -> bool:
        return self.fetcher.leads() and not (self.hydration and self.hydration.waiting)

    def _kinds(self) -> set[str]:
        mapping = self.fetcher.mapping()
        return {entry.kind for entry in mapping.config.resources} if mapping else set()
