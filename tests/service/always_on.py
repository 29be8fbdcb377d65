"""Sets the whole product between simulators in one process: a fetcher, mappers, a writer over one log."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import yaml

from schemas.command import Command, CommandType
from schemas.run import RunResult
from services.fetcher.budget import RateBudget
from services.fetcher.mapping_poll import LoadMapping
from services.fetcher.parts import FetcherParts
from services.fetcher.service import FetcherService
from services.mapper.core import MapperCore
from services.mapper.pool import WorkerPool
from services.writer.core import WriterCore
from shared.commands_topic import give_command
from shared.core import Core
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.http.client import build_client
from shared.http.waits import WaitLedger
from shared.log.interface import Log, Subscription
from shared.log.sqlite import SqliteLog
from shared.mapping_file import parse_mapping
from shared.mapping_follower import MappingFollower
from shared.pagerduty.client import PagerDutyClient
from shared.port.client import PortClient
from shared.port.token import Credentials
from shared.port.transport import PortTransport
from shared.runs_topic import RunRecords
from shared.runtime import Consumer
from simulators.pagerduty.account import Sizes, generate_account
from simulators.pagerduty.app import PagerDutySimulator
from simulators.pagerduty.app import create_app as create_pagerduty
from simulators.port.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, PortSimulator
from simulators.port.app import create_app as create_port
from simulators.port.blueprints import DEMO_BLUEPRINTS
from tests.oracle import differences, expected_catalog

Json = Any

IDENTIFIER = "always-on"
TOKEN = "u+alwaysOnTokenXYZ"
AGENT = f"pagerport/0/{IDENTIFIER}/exporter"
ACCEPT = "application/vnd.pagerduty+json;version=2"
PATIENCE_S = 60.0
PAGERDUTY = "http://pagerduty.test"
PORT = "http://port.test"
SMALL = Sizes(
    services=25,
    incidents=120,
    users=30,
    teams=6,
    schedules=4,
    v3_schedules=0,
    policies=6,
    custom_fields=False,
)


def utc_now() -> datetime:
    return datetime.now(UTC)


def account(sizes: Sizes = SMALL) -> dict[str, dict[str, Json]]:
    return generate_account(1, sizes, utc_now())


class Blocking(httpx.BaseTransport):
    """Reaches a simulator in this process from a thread of its own, as the oracle needs it."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@dataclass
class Mapper:
    """One mapper process's worth of mapper."""

    consumer: Consumer
    tasks: list[asyncio.Task[None]]

    async def stop(self) -> None:
        self.consumer.stop()
        following, consuming = self.tasks
        following.cancel()
        await asyncio.gather(following, consuming, return_exceptions=True)


@dataclass
class Installation:
    """Everything that is there whether or not a service runs."""

    log: Log
    pagerduty: PagerDutySimulator
    port: PortSimulator
    pool: WorkerPool
    client: PagerDutyClient
    port_client: PortClient
    waits: WaitLedger
    mapping: str
    """The user's mapping file; tests change it."""
    interval: timedelta | None = None
    snapshots: list[RunResult] = field(default_factory=list)
    on_snapshot: Callable[[RunResult], None] = lambda _: None

    async def load_mapping(self) -> Any:
        return parse_mapping(self.mapping, "mapping.yaml")

    def parts(self, log: Log | None = None, load: LoadMapping | None = None) -> FetcherParts:
        return FetcherParts(
            log=log or self.log,
            identifier=IDENTIFIER,
            client=self.client,
            waits=self.waits,
            requests=lambda: {"PagerDuty": self.client.requests, "Port": self.port_client.requests},
            successes=lambda: self.client.successes + self.port_client.successes,
            load_mapping=load or self.load_mapping,
            mapping_interval=timedelta(milliseconds=50),
            resync_interval=self.interval,
            concurrency=4,
            now=utc_now,
            on_snapshot=lambda run: self.on_snapshot(run),
            poll_s=0.02,
            publish_every_s=0.1,
        )

    def start_mapper(self, around: Callable[[Core], Core] = lambda core: core) -> Mapper:
        follower = MappingFollower(self.log, IDENTIFIER)
        core = MapperCore(self.log, self.pool, now=utc_now, identifier=IDENTIFIER)
        consumer = Consumer(
            self.log,
            MAPPER_GROUP,
            Subscription.to_all("pagerduty.raw."),
            around(core),
            max_records=20,
            on_fatal="raise",
            mapping_version=follower.version,
            replay_from=follower.replay_from,
        )
        following = asyncio.create_task(follower.follow(core.use, consumer.replay))
        return Mapper(consumer, [following, asyncio.create_task(consumer.run())])

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[None]:
        core = WriterCore(self.log, self.port_client, now=utc_now)
        consumer = Consumer(self.log, WRITER_GROUP, Subscription.to("port.entities"), core, on_fatal="raise")
        task = asyncio.create_task(consumer.run())
        try:
            yield
        finally:
            consumer.stop()
            await task

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FetcherService]:
        """Run a fetcher, a mapper and a writer for the time of the block."""
        mapper = self.start_mapper()
        try:
            async with self.writer(), FetcherService(self.parts()) as service:
                yield service
        finally:
            await mapper.stop()

    async def command(self, command: CommandType, *kinds: str) -> str:
        given = Command(type=command, kinds=kinds, asked_by="command line")
        return await give_command(self.log, given, identifier=IDENTIFIER, at=utc_now())

    async def runs(self) -> list[RunResult]:
        records = RunRecords(self.log, keep_failures=True)
        await records.catch_up()
        return records.runs

    async def until(self, is_so: Callable[[list[RunResult]], bool]) -> list[RunResult]:
        """Return the runs once they are so."""
        records = RunRecords(self.log, keep_failures=True)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await records.catch_up()
                if is_so(records.runs):
                    return records.runs
                await asyncio.sleep(0.01)

    async def until_ended(self, number: int) -> list[RunResult]:
        """Return the runs once so many have ended and none is left."""
        return await self.until(
            lambda runs: len([run for run in runs if run.ended]) >= number and all(run.ended for run in runs)
        )

    async def until_version(self, version: int) -> None:
        await self.until(lambda runs: any(run.mapping_version >= version for run in runs))

    def requests_to_pagerduty(self) -> int:
        return len(self.pagerduty.log.requests)

    def differences(self, mapping: str) -> list[str]:
        """Compare what Port holds with what the oracle makes of the account by a mapping."""
        headers = {"Authorization": f"Token token={TOKEN}", "Accept": ACCEPT}
        with httpx.Client(transport=Blocking(self.pagerduty), base_url=PAGERDUTY, headers=headers) as client:
            expected = expected_catalog(client, yaml.safe_load(mapping))
        with httpx.Client(transport=Blocking(self.port), base_url=PORT) as client:
            state = client.get("/_sim/state").raise_for_status().json()
        held: dict[str, dict[str, Json]] = {}
        for entity in state["entities"]:
            if not entity["$placeholder"]:
                held.setdefault(entity["blueprint"], {})[entity["identifier"]] = entity
        blueprints = {one["identifier"]: one for one in state["blueprints"]}
        assert len(expected) > 20
        return differences(expected, held, blueprints)


@asynccontextmanager
async def installation(
    mapping: str, *, sizes: Sizes = SMALL, interval: timedelta | None = None, workers: int = 1
) -> AsyncIterator[Installation]:
    pagerduty = create_pagerduty(account(sizes), tokens=(TOKEN,), requests_per_minute=100_000)
    port = create_port(blueprints=DEMO_BLUEPRINTS)
    waits = WaitLedger()
    async with AsyncExitStack() as stack:
        to_pagerduty = await stack.enter_async_context(
            build_client(user_agent=AGENT, transport=httpx.ASGITransport(pagerduty))
        )
        to_port = await stack.enter_async_context(
            build_client(user_agent=AGENT, transport=httpx.ASGITransport(port))
        )
        transport = PortTransport(
            to_port,
            base_url=PORT,
            credentials=Credentials(DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET),
            user_agent=AGENT,
            waits=waits,
        )
        pool = WorkerPool(workers, batch_timeout_s=30)
        stack.push_async_callback(pool.close)
        log = await SqliteLog.temporary()
        stack.push_async_callback(log.close)
        yield Installation(
            log=log,
            pagerduty=pagerduty,
            port=port,
            pool=pool,
            client=PagerDutyClient(
                to_pagerduty,
                base_url=PAGERDUTY,
                token=TOKEN,
                user_agent=AGENT,
                budget=RateBudget(waits),
                waits=waits,
                now=utc_now,
            ),
            port_client=PortClient(transport, identifier=IDENTIFIER),
            waits=waits,
            mapping=mapping,
            interval=interval,
        )
