"""Hydrates from the PagerDuty simulator over a temporary log, with a clock that only sleeping moves."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from schemas.headers import Origin, RecordHeaders
from schemas.mapping import MappingFile, MappingInForce
from schemas.refresh_request import REFRESH_TYPE, RefreshCause, RefreshRequest
from schemas.topics import WEBHOOKS, dlq_topic
from schemas.webhook_event import WEBHOOK_TYPE
from services.fetcher.budget import RateBudget
from services.fetcher.hydration.core import HydrationCore
from services.fetcher.hydration.hydrator import Hydrator
from services.fetcher.hydration.live_enrichment import LiveEnrichment
from services.fetcher.raw_publisher import RawPublisher
from shared.core import Batch
from shared.http.client import build_client
from shared.http.waits import WaitLedger
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.outcome import Outcome
from shared.pagerduty.client import PagerDutyClient
from simulators.pagerduty.app import PagerDutySimulator, create_app
from tests.service.pagerduty_listing import TOKEN, URL, Time

Json = Any
PLACE = TopicPartition(WEBHOOKS.name, 0)
DLQ = dlq_topic(WEBHOOKS.name)


def in_force(config: MappingFile, version: int = 1) -> MappingInForce:
    return MappingInForce(version=version, config=config)


def event(event_type: str, data: Json, *, resource: str | None = None) -> Json:
    """Return the body of a webhook request."""
    return {
        "event": {
            "id": "01EVENT",
            "event_type": event_type,
            "resource_type": resource or event_type.partition(".")[0],
            "occurred_at": "2026-06-01T12:00:00.000Z",
            "agent": None,
            "client": None,
            "data": data,
        }
    }


def incident_event(object_id: str, event_type: str = "incident.triggered") -> Json:
    return event(event_type, {"id": object_id, "type": "incident", "title": "from the event"})


def service_event(object_id: str, event_type: str = "service.updated") -> Json:
    return event(event_type, {"id": object_id, "type": "service", "summary": "from the event"})


def webhook_record(body: Json, key: str = "incidents/x", **more: Json) -> NewRecord:
    """Return the record of a webhook request as the gateway publishes it."""
    headers = RecordHeaders(
        id="delivery-1",
        source="pagerport/bench/gateway",
        type=WEBHOOK_TYPE,
        time=more.pop("time", None) or Time().now(),
        origin=Origin.LIVE,
        **more,
    )
    value = body if isinstance(body, bytes) else orjson.dumps(body)
    return NewRecord(WEBHOOKS.name, key.encode(), value, headers.encode())


def request_record(
    kind: str, object_id: str, cause: RefreshCause = RefreshCause.ASKED, letters: Sequence[str] = ()
) -> NewRecord:
    """Return the record of a refresh request."""
    request = RefreshRequest(kind=kind, object_id=object_id, cause=cause, letters=tuple(letters))
    headers = RecordHeaders(
        id=f"refresh-{kind}-{object_id}",
        source="pagerport/bench/cli",
        type=REFRESH_TYPE,
        time=Time().now(),
        origin=Origin.LIVE,
    )
    key = f"{kind}/{object_id}".encode()
    return NewRecord(WEBHOOKS.name, key, request.model_dump_json().encode(), headers.encode())


class HydrationBench:
    """A simulator, a log, and a hydration between them; what hands it records is in the tests."""

    def __init__(
        self, log: SqliteLog, account: dict[str, dict[str, Json]], config: MappingFile, time: Time
    ) -> None:
        self.log = log
        self.time = time
        self.mapping: MappingInForce | None = in_force(config)
        self.simulator: PagerDutySimulator = create_app(
            account, tokens=(TOKEN,), now=time.now, sleep=time.sleep, requests_per_minute=960
        )
        self.waits = WaitLedger(time.clock)
        self.http = build_client(user_agent="unused", transport=httpx.ASGITransport(self.simulator))
        self.client = PagerDutyClient(
            self.http,
            base_url=URL,
            token=TOKEN,
            user_agent="pagerport/0/bench/exporter",
            budget=RateBudget(self.waits, clock=time.clock, sleep=time.sleep),
            waits=self.waits,
            now=time.now,
            clock=time.clock,
            sleep=time.sleep,
            jitter=lambda: 0.5,
        )
        self.is_leader = True
        self.publisher = RawPublisher(log, leads=lambda: self.is_leader, now=time.now)
        self.core = self.make_core()

    def make_core(self, *, patience_s: float = 2.0, publisher: RawPublisher | None = None) -> HydrationCore:
        live = self.client.live()
        enrichment = LiveEnrichment(live, now=self.time.now, concurrency=10)
        return HydrationCore(
            self.log,
            Hydrator(live, publisher or self.publisher, enrichment, identifier="bench", now=self.time.now),
            mapping=lambda: self.mapping,
            waits=self.waits,
            now=self.time.now,
            clock=self.time.clock,
            sleep=self.time.sleep,
            turn_s=patience_s / 2,
            patience_s=patience_s,
        )

    async def send(self, *records: NewRecord) -> None:
        """Append records to the topic of the events."""
        await self.log.append(records)

    async def events(self, start: int = 0) -> list[Record]:
        """Return what the topic of the events holds."""
        return await self.log.read({PLACE: start}, max_records=5000, wait_s=0)

    async def hand_in(
        self, core: HydrationCore | None = None, start: int = 0, leaving: asyncio.Event | None = None
    ) -> list[Outcome | None]:
        """Hand in what the topic holds once."""
        batch = Batch(await self.events(start), leaving or self.leaving)
        return list(await (core or self.core).handle(batch))

    async def settle(self, core: HydrationCore | None = None, *, turns: int = 200) -> None:
        """Hand in what the topic holds until all of it is settled."""
        for _ in range(turns):
            if None not in await self.hand_in(core):
                return
        raise AssertionError(f"not settled: {self.core.waiting_for()}")

    async def raw(self, topic: str) -> list[Record]:
        """Return the records of a raw topic, by partition in order."""
        places = await self.log.partitions(topic.__eq__)
        return await self.log.read(dict.fromkeys(places, 0), max_records=100_000, wait_s=0) if places else []

    async def rows(self, topic: str) -> dict[str, Json]:
        """Return the last value of each object in a raw topic."""
        return {
            (record.key or b"").decode(): orjson.loads(record.value or b"null")
            for record in await self.raw(topic)
        }

    async def letters(self) -> list[Record]:
        """Return the records of the events' dead-letter topic."""
        return await self.log.read({TopicPartition(DLQ, 0): 0}, max_records=5000, wait_s=0)

    def gets(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(request.path == path for request in self.simulator.log.requests)

    def script(self, *rules: Mapping[str, Json]) -> None:
        """Replace the rules of the simulator's script."""
        self.simulator.script.replace(list(rules))

    leaving: asyncio.Event


@asynccontextmanager
async def hydration(
    account: dict[str, dict[str, Json]], config: MappingFile
) -> AsyncIterator[HydrationBench]:
    """Hold a bench for the time of the block."""
    time = Time()
    log = await SqliteLog.temporary(clock=lambda: time.now().timestamp())
    await log.create_topics([WEBHOOKS.name, DLQ, dlq_topic("port.entities")])
    bench = HydrationBench(log, account, config, time)
    bench.leaving = asyncio.Event()
    try:
        yield bench
    finally:
        await bench.core.close()
        await bench.http.aclose()
        await log.close()
