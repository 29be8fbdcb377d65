"""Measures mapper processes alone on Kafka: consume, map, publish, commit."""

import time
from dataclasses import dataclass
from statistics import median

from benchmarks.installation import Broker, Installation, places_of, put_in_force, wait_until_done
from benchmarks.kafka_feed import PLACES, fill
from benchmarks.table import Budget, print_columns
from schemas.topics import ENTITIES, RAW
from shared.groups import MAPPER_GROUP

PREFIX = "mapping."
PROCESSES = (1, 2)
KEPT_MIN = 0.9
MEMORY_MAX_MIB = 200


@dataclass(frozen=True, slots=True)
class Mapping:
    """One emptying of the raw topic.

    Attributes:
        wall_s: From the mapping's publication to the last commit.
        cpu_s: Of all mapper processes and their JQ workers in that time.
        broker_cpu_s: Of Kafka in that time; nan: not known.
        records: Raw records mapped.
        changes: Entity changes published.
        peak_mib: Largest resident size of a mapper with its workers.
    """

    wall_s: float
    cpu_s: float
    broker_cpu_s: float
    records: int
    changes: int
    peak_mib: float

    @property
    def per_cpu_s(self) -> float:
        """Return records per second of the mappers' CPU."""
        return self.records / self.cpu_s

    def row(self) -> dict[str, str]:
        """Return what was measured, each figure with its name."""
        return {
            "wall s": f"{self.wall_s:.2f}",
            "records/s": f"{self.records / self.wall_s:.0f}",
            "CPU s of the mappers": f"{self.cpu_s:.2f}",
            "records per CPU s": f"{self.per_cpu_s:.0f}",
            "CPU s of Kafka": f"{self.broker_cpu_s:.2f}",
            "Kafka's share of the CPU": f"{self.broker_cpu_s / (self.broker_cpu_s + self.cpu_s):.0%}",
            "entity changes": str(self.changes),
            "peak MiB of a mapper": f"{self.peak_mib:.0f}",
        }


async def measure_mappers(broker: Broker, incidents: int, rounds: int) -> list[Budget]:
    """Map the same incidents with one and two processes in turns, print, and return what was promised."""
    found: dict[int, list[Mapping]] = {number: [] for number in PROCESSES}
    for number in range(rounds):
        for processes, runs in found.items():
            installation = Installation(broker, f"{PREFIX}{processes}.{number}.")
            async with installation.log() as log:
                size = await fill(log, incidents, run_id="20260101T000000Z-0000")
            runs.append(await _map(installation, processes))
    print(f"\nmapper alone: {incidents} incidents of {size:.0f} bytes, {rounds} rounds in turns; medians")
    best = {
        processes: sorted(runs, key=lambda run: run.per_cpu_s)[len(runs) // 2]
        for processes, runs in found.items()
    }
    print_columns({f"{processes} processes": run.row() for processes, run in best.items()})
    one, two = (median(run.per_cpu_s for run in found[processes]) for processes in PROCESSES)
    every = [run for runs in found.values() for run in runs]
    wrong = sum(run.changes < incidents for run in every)
    peak_mib = max(run.peak_mib for run in every)
    return [
        Budget("every incident is mapped", f"{wrong} of {len(every)} runs lack some", not wrong),
        Budget(
            f"a second mapper keeps >= {KEPT_MIN} of the records per CPU second",
            f"{two:.0f} of {one:.0f}: {two / one:.2f}",
            two / one >= KEPT_MIN,
        ),
        memory_budget("mapper", peak_mib),
    ]


def memory_budget(name: str, peak_mib: float) -> Budget:
    """Return the promise on the memory of a service."""
    return Budget(
        f"{name} with workers <= {MEMORY_MAX_MIB} MiB", f"{peak_mib:.0f} MiB", peak_mib <= MEMORY_MAX_MIB
    )


async def _map(installation: Installation, processes: int) -> Mapping:
    """Let mappers that wait for a mapping begin, and measure until all is mapped and committed."""
    entities = places_of(ENTITIES.name, ENTITIES.partitions)
    async with installation.log() as log:
        with installation.services(*["mapper"] * processes) as mappers:
            for mapper in mappers:
                mapper.wait_until_ready(f"{RAW.partitions // processes} partitions")
            before = sum((await log.end_offsets(entities)).values())
            mappers_s, broker_s = sum(one.cpu_s() for one in mappers), installation.broker.cpu_s()
            began_s = time.monotonic()
            await put_in_force(log)
            await wait_until_done(log, MAPPER_GROUP, PLACES)
            return Mapping(
                wall_s=time.monotonic() - began_s,
                cpu_s=sum(one.cpu_s() for one in mappers) - mappers_s,
                broker_cpu_s=installation.broker.cpu_s() - broker_s,
                records=sum((await log.end_offsets(PLACES)).values()),
                changes=sum((await log.end_offsets(entities)).values()) - before,
                peak_mib=max(one.memory.peak_mib for one in mappers),
            )
