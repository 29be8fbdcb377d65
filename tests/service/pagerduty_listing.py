"""Lists sources from the PagerDuty simulator in process, with a clock that only sleeping moves."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from schemas.headers import Origin, RecordHeaders
from schemas.mapping import MappingFile
from schemas.run import KindResult
from services.fetcher.budget import RateBudget
from services.fetcher.enrichment.interface import Enricher
from services.fetcher.listing import list_source
from services.fetcher.page_room import PageRoom
from shared.http.client import build_client
from shared.http.waits import WaitLedger
from shared.log.interface import NewRecord
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.interface import Patience
from shared.sources import Source, plan_sources
from simulators.pagerduty.account import Sizes, generate_account
from simulators.pagerduty.app import PagerDutySimulator, create_app

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
TOKEN = "u+listingTokenXYZ"
URL = "http://pagerduty.test"
GONE = {"status": 404, "body": {"error": {"message": "Not Found", "code": 2100}}}
"""PagerDuty's own 404: that of a proxy has another body."""
NOTHING = Sizes(
    services=1, incidents=0, users=2, teams=1, schedules=1, v3_schedules=0, policies=1, custom_fields=False
)

Json = Any


@dataclass
class Time:
    """A clock that stands still unless somebody sleeps."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        self.on_sleep()
        await asyncio.sleep(0)


@dataclass
class Listed:
    """What a listing published, and how it ended; the digest of its ids stands apart from the result."""

    result: KindResult
    records: list[NewRecord]
    progress: list[KindResult]
    digest: str = ""

    @property
    def ids(self) -> list[str]:
        return [(record.key or b"").decode() for record in self.records]

    @property
    def rows(self) -> dict[str, Json]:
        return {(record.key or b"").decode(): orjson.loads(record.value or b"") for record in self.records}

    @property
    def headers(self) -> list[RecordHeaders]:
        return [RecordHeaders.decode(record.headers) for record in self.records]


class Bench:
    """A simulator (or any other transport), a client and the time they share."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        patience: Patience | None = None,
        token: str = TOKEN,
        url: str = URL,
        time: Time | None = None,
    ) -> None:
        self.time = time or Time()
        self.waits = WaitLedger(self.time.clock)
        self.http = build_client(user_agent="unused", transport=transport)
        self.client = PagerDutyClient(
            self.http,
            base_url=url,
            token=token,
            user_agent="pagerport/0/bench/exporter",
            budget=RateBudget(self.waits, clock=self.time.clock, sleep=self.time.sleep),
            waits=self.waits,
            patience=patience,
            now=self.time.now,
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: 0.5,
        )

    async def list(
        self, kind: str, concurrency: int = 10, on_publish: Callable[[], None] = lambda: None, **params: Json
    ) -> Listed:
        """List the only source of a mapping with one entry."""
        (source,) = plan_sources(mapping((kind, params)), now=NOW)
        return await self.list_source(source, concurrency=concurrency, on_publish=on_publish)

    async def list_source(
        self,
        source: Source,
        *,
        concurrency: int = 10,
        on_publish: Callable[[], None] = lambda: None,
        room: PageRoom | None = None,
        enricher: Enricher | None = None,
    ) -> Listed:
        records: list[NewRecord] = []
        progress: list[KindResult] = []

        async def publish(batch: Sequence[NewRecord]) -> None:
            on_publish()
            records.extend(batch)

        result = await list_source(
            source,
            client=self.client,
            publish=publish,
            run_id="run-1",
            origin=Origin.RESYNC,
            identifier="bench",
            now=self.time.now,
            on_progress=progress.append,
            concurrency=concurrency,
            room=room,
            enricher=enricher,
        )
        digest, result.ids_digest = result.ids_digest, ""
        return Listed(result, records, progress, digest)


class SimulatorBench(Bench):
    """A bench on the PagerDuty simulator."""

    def __init__(self, account: dict[str, dict[str, Json]], **options: Json) -> None:
        time = Time()
        self.simulator: PagerDutySimulator = create_app(
            account, tokens=(TOKEN,), now=time.now, sleep=time.sleep, requests_per_minute=960
        )
        super().__init__(httpx.ASGITransport(self.simulator), time=time, **options)

    def script(self, *rules: Mapping[str, Json]) -> None:
        """Replace the rules of the simulator's script."""
        self.simulator.script.replace(list(rules))

    def queries(self, path: str) -> list[list[tuple[str, str]]]:
        """Return the queries asked of a path, in order."""
        return [request.query for request in self.simulator.log.requests if request.path == path]


def mapping(*entries: tuple[str, Mapping[str, Json]]) -> MappingFile:
    """Return a mapping with an entry per kind and `apiQueryParams`."""
    entity = {"mappings": {"identifier": ".id", "blueprint": '"thing"'}}
    return MappingFile.model_validate(
        {
            "resources": [
                {"kind": kind, "selector": {"apiQueryParams": dict(params)}, "port": {"entity": entity}}
                for kind, params in entries
            ]
        }
    )


def account(**sizes: int) -> dict[str, dict[str, Json]]:
    """Return a made account, as small as it can be but for the sizes given."""
    base = {name: getattr(NOTHING, name) for name in Sizes.__dataclass_fields__}
    return generate_account(1, Sizes(**{**base, **sizes}), NOW)


def incident(number: int, created_at: datetime, status: str = "resolved", **more: Json) -> dict[str, Json]:
    """Return an incident, as much of it as listing needs."""
    return {
        "id": f"PINC{number:06}",
        "type": "incident",
        "incident_number": number,
        "title": f"Incident {number}",
        "status": status,
        "urgency": "high",
        "created_at": created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "service": {"id": "PSVC001", "type": "service_reference", "summary": "S"},
        "assignments": [],
        "teams": [],
        **more,
    }


def by_id(rows: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """Return rows as an account holds them."""
    return {row["id"]: row for row in rows}
