"""Sets a whole run between both simulators: conductor, mapper, writer and sweep over one embedded log."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import orjson

from schemas.entity_change import ChangeSource, EntityChange
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.mapping import MappingFile, MappingInForce
from schemas.run import KindResult, RunResult
from schemas.run_sweep import SweepMode
from schemas.topics import ENTITIES, RAW_PREFIX, RUNS, dlq_topic, topic_part
from services.fetcher.barrier import Barrier
from services.fetcher.conductor import Conductor
from services.fetcher.leadership import undisputed
from services.fetcher.listing import list_source
from services.fetcher.refresh import ask_and_publish, refresh_object
from services.fetcher.run_book import Surroundings, Watch
from services.fetcher.sweep.interface import Existence
from services.fetcher.sweep.sweeping import make_sweep
from services.mapper.core import MapperCore
from services.mapper.pool import WorkerPool
from services.writer.core import WriterCore
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.http.waits import WaitLedger
from shared.log.interface import Log, NewRecord, Record, Subscription
from shared.log.sqlite import SqliteLog
from shared.port.client import PortClient
from shared.port.owned_search import OwnedPage
from shared.port.transport import PortTransport
from shared.runtime import Consumer
from shared.sources import Source, plan_sources
from simulators.port.stored import StoredEntity, Writer
from tests.service.pagerduty_listing import SimulatorBench
from tests.service.port_setting import Setting, port_setting

Json = Any
IDENTIFIER = "me"
KINDS = ("users", "teams", "services", "schedules", "incidents", "oncalls", "escalation_policies")


def blueprint(name: str, **relations: str) -> Json:
    """Return a blueprint with a few text properties and relations to others."""
    return {
        "identifier": name,
        "title": name,
        "schema": {"properties": {one: {"type": "string"} for one in ("name", "note")}, "required": []},
        "relations": {
            relation: {"target": target, "required": False, "many": False}
            for relation, target in relations.items()
        },
    }


BLUEPRINTS = (
    blueprint("user"),
    blueprint("team"),
    blueprint("service", owner="user"),
    blueprint("contact"),
    blueprint("incident", service="service"),
    blueprint("oncall"),
)


def entry(kind: str, blueprint: str, *, items: str | None = None, query: str = "true", **more: Json) -> Json:
    """Return an entry of a mapping that makes entities under their object's id."""
    params = more.pop("params", {})
    mappings = {"identifier": ".id", "properties": {"name": ".name"}, **more, "blueprint": f'"{blueprint}"'}
    port: Json = {"entity": {"mappings": mappings}}
    if items is not None:
        port["itemsToParse"] = items
    return {"kind": kind, "selector": {"query": query, "apiQueryParams": params}, "port": port}


def user(number: int, **more: Json) -> Json:
    """Return a user as PagerDuty holds it."""
    return {
        "id": f"PU{number:04}",
        "type": "user",
        "name": f"User {number}",
        "email": f"u{number}@example.com",
        "teams": [],
        **more,
    }


def users(numbers: Sequence[int], **more: Json) -> dict[str, Json]:
    """Return users by id."""
    return {one["id"]: one for one in (user(number, **more) for number in numbers)}


@dataclass
class World:
    """PagerDuty, Port, the log between them, and a clock of Port's that tests move."""

    pagerduty: SimulatorBench
    setting: Setting
    log: Log
    pool: WorkerPool
    mode: SweepMode = SweepMode.ON
    version: int = 0
    adopts_peer: bool = False
    run_ids: str = "run-{:03}"
    relists: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    on_publish: Callable[[], object] = lambda: None
    """Called before each page of a listing is published."""
    on_look: Callable[[], Awaitable[None]] | None = None
    """Called before the sweep looks at what is ours."""

    @property
    def port(self) -> "_Port":
        return _Port(self.setting.transport, self.adopts_peer, self.on_look)

    @property
    def account(self) -> dict[str, dict[str, Json]]:
        return self.pagerduty.simulator.store.account

    def put(self, kind: str, row: Json) -> None:
        self.pagerduty.simulator.store.put(kind, row["id"], row)

    def delete(self, kind: str, object_id: str) -> None:
        self.pagerduty.simulator.store.delete(kind, object_id)

    def held(self, blueprint: str) -> set[str]:
        """Return the identifiers of all entities of a blueprint in Port."""
        return {one.identifier for one in self.setting.sim.catalog.entities() if one.blueprint == blueprint}

    def plant(self, blueprint: str, identifier: str, datasource: str, *, age_s: float = 86_400.0) -> None:
        """Put an entity into Port that somebody wrote so long ago."""
        at_ms = int((self.setting.clock.now() - timedelta(seconds=age_s)).timestamp() * 1000)
        catalog = self.setting.sim.catalog
        entity = StoredEntity(
            blueprint=blueprint,
            identifier=identifier,
            sequence=0,
            datasource=datasource,
            created_at_ms=at_ms,
            updated_at_ms=at_ms,
        )
        catalog.store(entity, catalog.entity((blueprint, identifier)), Writer(datasource, "them", at_ms))

    async def run(
        self,
        *entries: Json,
        kinds: Collection[str] | None = None,
        previous: tuple[Json, ...] = (),
        **root: Json,
    ) -> RunResult:
        """Run a resync an hour after whatever was before."""
        run_id = self._begin()
        config = MappingFile.model_validate({"resources": list(entries), **root})
        mapping = MappingInForce(version=self.version, config=config, previous=previous)
        sources = plan_sources(config, kinds=kinds, now=self.pagerduty.time.now())
        result = RunResult(run_id=run_id, started_at=self.setting.clock.now(), only_kinds=sorted(kinds or ()))
        async with self._stages(mapping) as tasks:
            return await self._conductor(run_id).resync(result, mapping, sources, tasks)

    async def replay(
        self, *entries: Json, previous: tuple[Json, ...] = (), kinds: Collection[str] = KINDS, **root: Json
    ) -> RunResult:
        """Have everything in the raw topics of some kinds mapped again."""
        run_id = self._begin()
        config = MappingFile.model_validate({"resources": list(entries), **root})
        ends: dict[str, dict[int, int]] = {}
        places = await self.log.partitions({RAW_PREFIX + topic_part(kind) for kind in kinds}.__contains__)
        for place, end in (await self.log.end_offsets(places)).items():
            ends.setdefault(place.topic, {})[place.partition] = end
        mapping = MappingInForce(
            version=self.version,
            config=config,
            previous=previous,
            run_id=run_id,
            replay_from={topic: dict.fromkeys(of, 0) for topic, of in ends.items()},
            replay_to=ends,
        )
        result = RunResult(run_id=run_id, type="replay", started_at=self.setting.clock.now())
        sources = plan_sources(config, now=self.pagerduty.time.now())

        async def publish() -> MappingInForce:
            return mapping

        async with self._stages(mapping) as tasks:
            return await self._conductor(run_id).replay(result, publish, sources, tasks)

    async def live(self, kind: str, row: Json, *entries: Json, is_gone: bool = False) -> None:
        """Let an event of one object pass mapper and writer."""
        config = MappingFile.model_validate({"resources": list(entries)})
        headers = RecordHeaders(
            id="live",
            source="pagerport/me/fetcher",
            type="pagerport.raw",
            time=self.setting.clock.now(),
            operation=Operation.DELETE if is_gone else Operation.UPSERT,
            origin=Origin.LIVE,
            kind=kind,
        )
        topic = RAW_PREFIX + topic_part(kind)
        value = orjson.dumps(row)
        await self.log.append([NewRecord(topic, row["id"].encode(), value, headers.encode())])
        barrier = Barrier(self.log, poll_s=0.01)
        async with self._stages(MappingInForce(version=max(self.version, 1), config=config)):
            for group, prefix in ((MAPPER_GROUP, topic), (WRITER_GROUP, ENTITIES.name)):
                places = await self.log.partitions(prefix.__eq__)
                await barrier.passed(group, await self.log.end_offsets(places))

    async def live_in_run(self, blueprint: str, identifier: str) -> None:
        """Let an event's change of an entity be written while a run is in hand."""
        change = EntityChange(
            operation=Operation.UPSERT,
            blueprint=blueprint,
            identifier=identifier,
            properties={"name": "back"},
            source=ChangeSource(kind="users", object_id=identifier, topic="pagerduty.raw.users"),
        )
        headers = RecordHeaders(
            id="live",
            source="pagerport/me/mapper",
            type="pagerport.entity",
            time=self.setting.clock.now(),
            origin=Origin.LIVE,
            kind="users",
        )
        value = change.model_dump_json(exclude_unset=True).encode()
        await self.log.append([NewRecord(ENTITIES.name, change.key(), value, headers.encode())])
        await self._written()

    async def entity_records(self, origin: Origin) -> list[Record]:
        """Return the records of the entity topic that have this origin."""
        places = await self.log.partitions(ENTITIES.name.__eq__)
        records = await self.log.read(dict.fromkeys(places, 0), max_records=100_000, wait_s=0)
        return [one for one in records if RecordHeaders.decode(one.headers).origin is origin]

    async def _written(self) -> None:
        places = await self.log.partitions(ENTITIES.name.__eq__)
        ends = await self.log.end_offsets(places)
        await Barrier(self.log, poll_s=0.01).passed(WRITER_GROUP, ends)

    def _begin(self) -> str:
        self.setting.clock.at += timedelta(hours=1)
        self.version += 1
        self.relists.clear()
        self.asked.clear()
        return self.run_ids.format(self.version)

    def _conductor(self, run_id: str) -> Conductor:
        async def publish(records: Sequence[NewRecord]) -> None:
            self.on_publish()
            await self.log.append(records)

        async def listing(source: Source, heard: Any) -> KindResult:
            return await self._list(source, run_id, publish, heard)

        async def relist(source: Source) -> KindResult:
            async def nothing(_: Sequence[NewRecord]) -> None:
                pass

            self.relists.append(source.kind)
            self.on_publish = lambda: None
            return await self._list(source, run_id, nothing, lambda _: None)

        async def ask(source: Source, object_id: str) -> Existence:
            self.asked.append(object_id)
            return await ask_and_publish(source, object_id, **told)

        told: dict[str, Any] = {
            "client": self.pagerduty.client,
            "publish": publish,
            "identifier": IDENTIFIER,
            "now": self.pagerduty.time.now,
        }
        return Conductor(
            Surroundings(
                log=self.log,
                identifier=IDENTIFIER,
                waits=WaitLedger(),
                requests=dict,
                successes=lambda: self.pagerduty.client.successes + self.setting.port.successes,
                watch=Watch(poll_s=0.01, stall_timeout_s=600, on_snapshot=lambda _: None),
                now=self.setting.clock.now,
                leadership=undisputed(),
            ),
            list_source=listing,
            refresh=partial(refresh_object, **told),
            sweep=make_sweep(
                self.log,
                self.port,
                ask=ask,
                relist=relist,
                identifier=IDENTIFIER,
                mode=self.mode,
                now=self.setting.clock.now,
            ),
            port_time=self.port.time,
        )

    async def _list(self, source: Source, run_id: str, publish: Any, heard: Any) -> KindResult:
        return await list_source(
            source,
            client=self.pagerduty.client,
            publish=publish,
            run_id=run_id,
            origin=Origin.RESYNC,
            identifier=IDENTIFIER,
            now=self.pagerduty.time.now,
            on_progress=heard,
            concurrency=1,
        )

    @asynccontextmanager
    async def _stages(self, mapping: MappingInForce) -> AsyncIterator[list[asyncio.Task[None]]]:
        mapper = MapperCore(self.log, self.pool, now=self.setting.clock.now, identifier=IDENTIFIER)
        mapper.use(mapping)
        writer = WriterCore(self.log, self.port, now=self.setting.clock.now, clock=self.setting.clock.seconds)
        consumers = [
            Consumer(
                self.log,
                MAPPER_GROUP,
                Subscription.to_all(RAW_PREFIX),
                mapper,
                on_fatal="raise",
                mapping_version=lambda: mapping.version,
                replay_from=lambda place: mapping.replay_from.get(place.topic, {}).get(place.partition),
            ),
            Consumer(self.log, WRITER_GROUP, Subscription.to(ENTITIES.name), writer, on_fatal="raise"),
        ]
        tasks = [asyncio.create_task(consumer.run()) for consumer in consumers]
        try:
            yield tasks
        finally:
            for consumer in consumers:
                consumer.stop()
            await asyncio.gather(*tasks)


class _Port(PortClient):
    """Port's client, with something that happens just before the sweep looks."""

    def __init__(
        self, transport: PortTransport, adopt_peer: bool, on_look: Callable[[], Awaitable[None]] | None
    ) -> None:
        super().__init__(transport, identifier=IDENTIFIER, adopt_peer=adopt_peer)
        self._on_look = on_look

    async def owned_page(
        self, blueprint: str, cursor: str = "", *, leaving: asyncio.Event | None = None
    ) -> OwnedPage | None:
        if self._on_look is not None:
            await self._on_look()
        return await super().owned_page(blueprint, cursor, leaving=leaving)


@asynccontextmanager
async def world(
    account: Mapping[str, dict[str, Json]],
    *,
    blueprints: Sequence[Json] = BLUEPRINTS,
    on_log: Log | None = None,
    **options: Json,
) -> AsyncIterator[World]:
    """Set everything up around an account of PagerDuty's, and an empty Port.

    Args:
        account: The account.
        blueprints: What Port has.
        on_log: The log; None: an embedded one.
        options: See `port_setting`.
    """
    bench = SimulatorBench({**{kind: {} for kind in KINDS}, **account})
    own = None if on_log is not None else await SqliteLog.temporary()
    log = on_log or own
    assert log is not None
    pool = WorkerPool(1, batch_timeout_s=30.0)
    raw = [RAW_PREFIX + topic_part(kind) for kind in KINDS]
    try:
        await log.create_topics([*raw, ENTITIES.name, RUNS.name, *map(dlq_topic, [*raw, ENTITIES.name])])
        async with port_setting(blueprints=list(blueprints), identifier=IDENTIFIER, **options) as setting:
            yield World(bench, setting, log, pool)
    finally:
        await pool.close()
        if own is not None:
            await own.close()
        await bench.http.aclose()
