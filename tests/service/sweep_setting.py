"""Sets a whole run between both simulators: conductor, mapper, writer and sweep over one embedded log."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from schemas.headers import Origin
from schemas.mapping import MappingFile, MappingInForce
from schemas.run import KindResult, RunResult
from schemas.run_sweep import SweepMode
from schemas.topics import ENTITIES, RAW_PREFIX, RUNS, dlq_topic, topic_part
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
from shared.log.interface import NewRecord, Subscription
from shared.log.sqlite import SqliteLog
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
    log: SqliteLog
    pool: WorkerPool
    mode: SweepMode = SweepMode.ON
    version: int = 0
    relists: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

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

    def plant(self, blueprint: str, identifier: str, datasource: str, **relations: Json) -> None:
        """Put an entity into Port that somebody wrote a day before everything else."""
        at_ms = int((self.setting.clock.now() - timedelta(days=1)).timestamp() * 1000)
        catalog = self.setting.sim.catalog
        entity = StoredEntity(
            blueprint=blueprint,
            identifier=identifier,
            sequence=0,
            datasource=datasource,
            relations=relations,
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
        self.setting.clock.at += timedelta(hours=1)
        self.version += 1
        self.relists.clear()
        self.asked.clear()
        config = MappingFile.model_validate({"resources": list(entries), **root})
        mapping = MappingInForce(version=self.version, config=config, previous=previous)
        sources = plan_sources(config, kinds=kinds, now=self.pagerduty.time.now())
        run_id = f"run-{self.version:03}"
        conductor = self._conductor(run_id)
        result = RunResult(
            run_id=run_id, started_at=self.setting.clock.now(), only_kinds=sorted(kinds or ())
        )
        async with self._stages(mapping) as tasks:
            return await conductor.resync(result, mapping, sources, tasks)

    def _conductor(self, run_id: str) -> Conductor:
        async def publish(records: Sequence[NewRecord]) -> None:
            await self.log.append(records)

        async def listing(source: Source, heard: Any) -> KindResult:
            return await self._list(source, run_id, publish, heard)

        async def relist(source: Source) -> KindResult:
            async def nothing(_: Sequence[NewRecord]) -> None:
                pass

            self.relists.append(source.kind)
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
                self.setting.port,
                ask=ask,
                relist=relist,
                identifier=IDENTIFIER,
                mode=self.mode,
                now=self.setting.clock.now,
            ),
            port_time=self.setting.port.time,
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
        writer = WriterCore(self.log, self.setting.port, now=self.setting.clock.now)
        consumers = [
            Consumer(
                self.log,
                MAPPER_GROUP,
                Subscription.to_all(RAW_PREFIX),
                mapper,
                on_fatal="raise",
                mapping_version=lambda: mapping.version,
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


@asynccontextmanager
async def world(
    account: Mapping[str, dict[str, Json]], *, blueprints: Sequence[Json] = BLUEPRINTS
) -> AsyncIterator[World]:
    """Set everything up around an account of PagerDuty's, and an empty Port."""
    bench = SimulatorBench({**{kind: {} for kind in KINDS}, **account})
    log = await SqliteLog.temporary()
    pool = WorkerPool(1, batch_timeout_s=30.0)
    raw = [RAW_PREFIX + topic_part(kind) for kind in KINDS]
    try:
        await log.create_topics([*raw, ENTITIES.name, RUNS.name, *map(dlq_topic, [*raw, ENTITIES.name])])
        async with port_setting(blueprints=list(blueprints), identifier=IDENTIFIER) as setting:
            yield World(bench, setting, log, pool)
    finally:
        await pool.close()
        await log.close()
        await bench.http.aclose()


