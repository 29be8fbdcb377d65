"""Measures mapping alone: the mapper beside libjq run per expression, and as one fused program.

Run it with `python -m benchmarks.mapping`. All three map the same objects in turns in one process, and what
they make must be equal, byte for byte. What is measured is CPU time, with reading the record's JSON and
writing the changes'.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.account import MAPPING, ROOT
from benchmarks.incidents import incidents
from benchmarks.mapping_baselines import Counting, Map, fused, natively, per_expression
from benchmarks.table import Budget, judge
from schemas.mapping import MappingFile, MappingInForce
from services.mapper.mapped import Mapped, RawObject
from services.mapper.plan import build_plan
from services.mapper.plan_shape import Plan
from services.mapper.pool import WorkerPool
from shared.jq_engine import LibjqEngine
from shared.sources import plan_sources
from tests.mapper_builders import INCIDENTS, NOW

RICH = ROOT / "tests" / "pipeline" / "rich_mapping.yaml"
INSTANTS = {
    "SINCE": "2026-03-01T00:00:00Z",
    "MIDDLE": "2026-04-01T00:00:00Z",
    "UNTIL": "2026-06-01T00:00:00Z",
}
LEAST_PER_S = {"default": 15_000, "rich": 6_000}
OBJECTS, ROUNDS, WORKER_ROUNDS = 2_000, 5, 10
WAYS = {"mapper": natively, "per expression": per_expression, "fused": fused}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to map, measured.

    Attributes:
        cpu_s: CPU time for all objects, in the fastest round.
        calls: How often libjq was called.
        bytes: How much JSON it was given.
        results: What was made of each object.
    """

    cpu_s: float
    calls: int
    bytes: int
    results: list[Mapped]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when results differ or a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mapping", description=__doc__)
    parser.add_argument("--objects", type=int, default=OBJECTS, help="how many (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="the fastest counts (default %(default)s)")
    options = parser.parse_args(arguments)
    objects = incidents(options.objects)
    size = sum(len(one.value or b"") for one in objects) / len(objects)
    print(f"{len(objects)} incidents of {size:.0f} bytes, {options.rounds} rounds in turns, CPU time\n")
    budgets: list[Budget] = []
    for name, path in {"default": MAPPING, "rich": RICH}.items():
        plan = plan_of(path)
        ways = measure(plan, objects, options.rounds)
        mapper = ways["mapper"]
        print_ways(name, plan, ways, objects)
        print(f"{'through a worker process':<26}{through_worker(plan, objects):>16.0f} objects/s per core\n")
        differing = sum(
            said(one) != said(other)
            for way in ways.values()
            for one, other in zip(mapper.results, way.results, strict=True)
        )
        per_s = len(objects) / mapper.cpu_s
        budgets += [
            Budget(f"{name}: equal to both baselines", f"{differing} objects differ", not differing),
            Budget(
                f"{name} mapping >= {LEAST_PER_S[name]} objects/s per core",
                f"{per_s:.0f}",
                per_s >= LEAST_PER_S[name],
            ),
        ]
    return judge(budgets)


def plan_of(path: Path) -> Plan:
    """Return the plan of a mapping's entries of incidents, as a worker gets it."""
    text = path.read_text(encoding="utf-8")
    for name, instant in INSTANTS.items():
        text = text.replace(name, instant)
    mapping = yaml.safe_load(text)
    mapping["resources"] = [one for one in mapping["resources"] if one["kind"] == "incidents"]
    config = MappingFile.model_validate(mapping)
    planned = build_plan(MappingInForce(version=1, config=config), plan_sources(config, now=NOW))
    plan: Plan = json.loads(json.dumps(planned))
    return plan


def measure(plan: Plan, objects: Sequence[RawObject], rounds: int) -> dict[str, Way]:
    """Map the objects all ways, in turns."""
    maps: dict[str, Map] = {name: way(plan, INCIDENTS, LibjqEngine()) for name, way in WAYS.items()}
    fastest = dict.fromkeys(WAYS, float("inf"))
    for _ in range(rounds):
        for name, map_object in maps.items():
            started_s = time.process_time()
            for one in objects:
                map_object(one)
            fastest[name] = min(fastest[name], time.process_time() - started_s)
    ways: dict[str, Way] = {}
    for name, way in WAYS.items():
        counting = Counting()
        counted = way(plan, INCIDENTS, counting)
        results = [counted(one) for one in objects]
        ways[name] = Way(fastest[name], counting.calls, counting.bytes, results)
    return ways


def through_worker(plan: Plan, objects: Sequence[RawObject]) -> float:
    """Return objects per second of CPU of both processes: frames, pipes and the start of the worker too."""

    async def run() -> None:
        async with WorkerPool(1, batch_timeout_s=30) as pool:
            for _ in range(WORKER_ROUNDS):
                await pool.map_objects(plan, objects)

    before_s = _cpu_s()
    asyncio.run(run())
    return WORKER_ROUNDS * len(objects) / (_cpu_s() - before_s)


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def said(mapped: Mapped) -> tuple[object, ...]:
    """Return all that was made of an object, its changes as bytes."""
    changes = [(change.key, change.operation, change.value) for change in mapped.changes]
    return mapped.counts, changes, mapped.failures, mapped.omissions


def print_ways(name: str, plan: Plan, ways: dict[str, Way], objects: Sequence[RawObject]) -> None:
    """Print a column per way."""
    mapper = ways["mapper"]
    entries = [entry for topic in plan["topics"].values() for entry in topic["entries"]]
    expressions = sum(len(entry["texts"]) for entry in entries)
    made = sum(len(one.changes) for one in mapper.results)
    print(f"{name} mapping: {len(entries)} entries, {expressions} expressions, {made} changes")
    rows = {
        "objects/s per core": [f"{len(objects) / way.cpu_s:.0f}" for way in ways.values()],
        "us per object": [f"{way.cpu_s / len(objects) * 1e6:.1f}" for way in ways.values()],
        "times the mapper's": [f"{way.cpu_s / mapper.cpu_s:.1f}" for way in ways.values()],
        "libjq calls per object": [f"{way.calls / len(objects):.2f}" for way in ways.values()],
        "bytes to libjq per object": [f"{way.bytes / len(objects):.0f}" for way in ways.values()],
    }
    for title, texts in {"": list(ways), **rows}.items():
        print(f"{title:<26}" + "".join(f"{text:>16}" for text in texts))


if __name__ == "__main__":
    sys.exit(main())
