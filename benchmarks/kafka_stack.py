"""Measures a first resync of a whole account through the four services on Kafka."""

import asyncio
import time

from benchmarks.account import MAPPING, Account
from benchmarks.installation import Broker, Installation
from benchmarks.kafka_mapper import memory_budget
from benchmarks.sync import compare
from benchmarks.table import Budget, print_columns
from schemas.run import RunResult
from shared.log.kafka import KafkaLog
from shared.runs_topic import RunRecords

SERVICES = ("writer", "mapper", "gateway", "fetcher")
POLL_S = 0.2
RUN_TIMEOUT_S = 300.0
WRONG_SHOWN = 5


async def measure_stack(broker: Broker, account: Account) -> list[Budget]:
    """Start the services, wait for their first run, print, and return what was promised."""
    third_parties = {
        **account.environment(),
        "OCEAN__MAPPING__FILE": str(MAPPING),
        "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET": "benchmarkWebhookSecret",
    }
    installation = Installation(broker, "stack.", third_parties)
    async with installation.log() as log:
        began_s, broker_s = time.monotonic(), broker.cpu_s()
        with installation.services(*SERVICES) as services:
            run = await _first_run(log)
            wall_s = time.monotonic() - began_s
            used_s = {service.name: service.cpu_s() for service in services}
            peaks = {service.name: service.memory.peak_mib for service in services}
        broker_s = broker.cpu_s() - broker_s
    wrong = compare(account)
    read = sum(kind.fetched for kind in run.kinds.values())
    run_s = (run.ended_at - run.started_at).total_seconds() if run.ended_at else float("nan")
    print(f"\nfour services, first resync of {read} objects:")
    columns = {
        name: {"CPU s": f"{used_s[name]:.2f}", "peak MiB with workers": f"{peaks[name]:.0f}"}
        for name in SERVICES
    }
    print_columns(columns)
    print(f"run {run_s:.2f} s, with the start of the services {wall_s:.2f} s; CPU of Kafka {broker_s:.2f} s")
    for text in wrong[:WRONG_SHOWN]:
        print(f"differs from the oracle: {text[:300]}")
    return [
        Budget("the run through four services is green", f"{run.state}", run.green),
        Budget("its catalog equals the oracle's", f"{len(wrong)} differences", not wrong),
        *(memory_budget(f"resync: {name}", peak) for name, peak in peaks.items()),
    ]


async def _first_run(log: KafkaLog) -> RunResult:
    records = RunRecords(log)
    async with asyncio.timeout(RUN_TIMEOUT_S):
        while True:
            await records.catch_up()
            for run in records.runs:
                if run.ended:
                    return run
            await asyncio.sleep(POLL_S)
