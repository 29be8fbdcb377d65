"""Measures mapper and writer together on Kafka: from the raw topic to Port."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.account import Account
from benchmarks.installation import Broker, Installation, Service, lag, places_of, put_in_force
from benchmarks.kafka_feed import PLACES, fill, trickle
from benchmarks.kafka_mapper import memory_budget
from benchmarks.table import Budget, print_columns
from schemas.topics import ENTITIES, RAW
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.log.kafka import KafkaLog

ENTITIES_PER_S = 2_333
"""What Port lets one organisation write: 35 000 bulk calls of 20 entities in 5 minutes.

Source: Port API, rate limits.
"""
SAMPLE_S = 0.25
SHOWN_SAMPLES = 12
PERCENTILES = (50, 95, 99, 100)
ENTITY_PLACES = places_of(ENTITIES.name, ENTITIES.partitions)


@dataclass(slots=True)
class Flow:
    """Records that went from the raw topic to Port.

    Attributes:
        wall_s: From the first record or the mapping's publication to the writer's last commit.
        cpu_s: Of each service, of Kafka (nan: not known) and of the simulated Port in that time.
        lags: Seconds since the beginning, records the mapper had not done, entities the writer had not.
        entities: How many Port was brought.
    """

    wall_s: float
    cpu_s: dict[str, float]
    lags: list[tuple[float, int, int]] = field(default_factory=list)
    entities: int = 0

    def row(self) -> dict[str, str]:
        """Return what was measured, each figure with its name."""
        total_s = sum(used for used in self.cpu_s.values() if used == used)
        return {
            "wall s": f"{self.wall_s:.2f}",
            "entities": str(self.entities),
            "entities/s": f"{self.entities / self.wall_s:.0f}",
            **{f"CPU s of {name}": f"{used:.2f}" for name, used in self.cpu_s.items()},
            "Kafka's share of the CPU": f"{self.cpu_s['Kafka'] / total_s:.0%}",
            "most lag of the mapper": str(max((one for _, one, _ in self.lags), default=0)),
            "most lag of the writer": str(max((one for _, _, one in self.lags), default=0)),
        }


async def measure_pipeline(broker: Broker, account: Account, incidents: int, seconds: int) -> list[Budget]:
    """Send incidents through one mapper and one writer, at full and at half load; print and judge.

    Args:
        broker: Kafka.
        account: Whose Port is written to.
        incidents: How many wait in the raw topic for the full load.
        seconds: How long the half load lasts.
    """
    installation = Installation(broker, "pipeline.", account.environment())
    run_id = "20260101T000000Z-0000"
    async with installation.log() as log:
        await fill(log, incidents, run_id=run_id)
        with installation.services("mapper", "writer") as services:
            for service in services:
                service.wait_until_ready(f"{RAW.partitions} partitions")
            begin = put_in_force(log)
            full = await _measure(log, broker, account, services, begin, _nothing)
            full.entities = account.port.ask("counters")["writes"]["entities_created"]
            sent_at_s: dict[str, float] = {}
            numbers = range(incidents, incidents + seconds * ENTITIES_PER_S // 2)

            async def half_load() -> None:
                sent_at_s.update(await trickle(log, ENTITIES_PER_S / 2, numbers))

            half = await _measure(log, broker, account, services, _nothing(), half_load)
            latencies_ms = _latencies_ms(account, sent_at_s)
            half.entities = len(latencies_ms)
            peaks = {service.name: service.memory.peak_mib for service in services}
    print(f"\nraw topic to Port: {incidents} incidents that wait, then {seconds} s of live ones at half load")
    print_columns({"full load": full.row(), "half load": half.row()})
    _print_lags("full load", full)
    _print_lags("half load", half)
    at = {
        one: latencies_ms[min(len(latencies_ms) - 1, len(latencies_ms) * one // 100)] for one in PERCENTILES
    }
    texts = [
        f"p{one} {value:.0f} ms" if one < 100 else f"longest {value:.0f} ms" for one, value in at.items()
    ]
    print(f"raw append to entity in Port, half load: {', '.join(texts)}")
    per_s = full.entities / full.wall_s
    return [
        Budget(
            "every incident arrives in Port",
            f"{full.entities} of {incidents} or more, then {half.entities} of {len(numbers)}",
            full.entities >= incidents and half.entities == len(numbers),
        ),
        Budget(f"raw topic to Port >= {ENTITIES_PER_S} entities/s", f"{per_s:.0f}", per_s >= ENTITIES_PER_S),
        *(memory_budget(f"pipeline: {name}", peak) for name, peak in peaks.items()),
    ]


async def _nothing() -> None:
    return


async def _measure(
    log: KafkaLog,
    broker: Broker,
    account: Account,
    services: Sequence[Service],
    begin: Coroutine[Any, Any, None],
    feed: Callable[[], Coroutine[Any, Any, None]],
) -> Flow:
    """Measure from `begin` until what is fed has reached Port."""

    def used_s() -> dict[str, float]:
        used = {f"the {service.name}": service.cpu_s() for service in services}
        return {**used, "Kafka": broker.cpu_s(), "the simulators": account.cpu_s()}

    before, began_s = used_s(), time.monotonic()
    lags: list[tuple[float, int, int]] = []
    await begin
    feeding = asyncio.create_task(feed())
    while True:
        fed = feeding.done()
        mapper = await lag(log, MAPPER_GROUP, PLACES)
        writer = await lag(log, WRITER_GROUP, ENTITY_PLACES)
        lags.append((time.monotonic() - began_s, mapper, writer))
        if fed and not mapper and not writer:
            break
        await asyncio.sleep(SAMPLE_S)
    await feeding
    wall_s, after = time.monotonic() - began_s, used_s()
    return Flow(wall_s, {name: after[name] - before[name] for name in before}, lags)


def _latencies_ms(account: Account, sent_at_s: dict[str, float]) -> list[float]:
    """Return how long each took from its append until Port had it, sorted. One clock: it is one machine."""
    found = []
    for entity in account.port.ask("state")["entities"]:
        sent = sent_at_s.get(entity["identifier"])
        if sent is not None and not entity["$placeholder"]:
            found.append((datetime.fromisoformat(entity["createdAt"]).timestamp() - sent) * 1000)
    return sorted(found)


def _print_lags(name: str, flow: Flow) -> None:
    step = max(1, len(flow.lags) // SHOWN_SAMPLES)
    shown = ", ".join(f"{at_s:.1f} s {mapper}/{writer}" for at_s, mapper, writer in flow.lags[::step])
    print(f"lag of mapper/writer, {name}: {shown}")
