"""Measures the webhook gateway on Kafka: events acknowledged per CPU second, and how soon at half of that.

Run it with `python -m benchmarks.gateway`. A broker of its own, the gateway and this share the machine.
"""

import argparse
import asyncio
import hashlib
import hmac
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import orjson

from benchmarks.processes import cpu_s, rss_bytes
from benchmarks.table import Budget, judge
from tests.broker.jars import kafka_jars
from tests.broker.server import KafkaServer

SECRET: Final = "benchmarkSigningSecret"  # noqa: S105 # of nothing but this
PATH: Final = "/integration/webhook"
CONNECTIONS: Final = 64
EVENTS: Final = 20_000
BODY_BYTES: Final = 3_000
LEAST_PER_CPU_S: Final = 1_500
P99_MAX_S: Final = 0.05
START_TIMEOUT_S: Final = 60.0
STARTS: Final = {
    "as installed": "import sys; from services.cli.app import main; sys.argv[0] = 'pagerport'; main()",
    "uvloop": "import asyncio, sys, uvloop; asyncio.run = uvloop.run\n"
    "from services.cli.app import main; sys.argv[0] = 'pagerport'; main()",
}


@dataclass(slots=True)
class Sent:
    """What was sent and answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)

    def share(self, part: float) -> float:
        """Return the time within which so large a part was answered."""
        times = sorted(self.took_s)
        return times[min(len(times) - 1, int(len(times) * part))]


def request(number: int) -> bytes:
    """Return a signed delivery of an event about one of 500 incidents, as bytes on the wire."""
    event = {
        "id": f"01{number:024}",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "occurred_at": "2026-03-01T12:00:00Z",
        "data": {"id": f"Q{number % 500:013}", "type": "incident", "title": "x" * (BODY_BYTES - 300)},
    }
    body = orjson.dumps({"event": event})
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
        f"x-pagerduty-signature: v1={signature}\r\nx-webhook-id: {number}\r\n"
        f"x-webhook-subscription: PSUB\r\nuser-agent: PagerDuty-Webhook/V3.0\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection for the time of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> int:
    """Send one request and return the status of its answer."""
    writer.write(content)
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return int(head[9:12])


async def flood(port: int, contents: Sequence[bytes]) -> Sent:
    """Send as fast as the answers come."""
    sent, waiting = Sent(), iter(contents)

    async def work() -> None:
        async with connection(port) as (reader, writer):
            for content in waiting:
                began_s = time.perf_counter()
                sent.statuses[await exchange(reader, writer, content)] += 1
                sent.took_s.append(time.perf_counter() - began_s)

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return sent


async def pace(port: int, contents: Sequence[bytes], per_s: float) -> Sent:
    """Send at a steady pace, whether answers come or not; time counts from when each was due."""
    sent, began_s = Sent(), time.perf_counter() + 0.1
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def one(content: bytes, due_s: float) -> None:
        held = await free.get()
        sent.statuses[await exchange(*held, content)] += 1
        sent.took_s.append(time.perf_counter() - due_s)
        free.put_nowait(held)

    tasks = []
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    for number, content in enumerate(contents):
        due_s = began_s + number / per_s
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        tasks.append(asyncio.create_task(one(content, due_s)))
    await asyncio.gather(*tasks)
    while not free.empty():
        _, writer = free.get_nowait()
        writer.close()
    return sent


@contextmanager
def gateway(servers: str, folder: Path, how: str) -> Iterator[tuple[int, int]]:
    """Run the gateway until the block ends; gives its process id and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        "PATH": os.environ["PATH"],
        "OCEAN__KAFKA__BOOTSTRAP_SERVERS": servers,
        "OCEAN__KAFKA__TOPIC_PREFIX": f"{how.replace(' ', '-')}.",
        "OCEAN__HTTP__HOST": "127.0.0.1",
        "OCEAN__HTTP__PORT": str(port),
        "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET": SECRET,
        "OCEAN__LOG__LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-c", STARTS[how], "gateway"], env=environment, cwd=folder)
    try:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit("the gateway is not ready")
            time.sleep(0.2)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success
    except httpx.RequestError:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="default %(default)s")
    parser.add_argument("--compare", action="store_true", help="also with uvloop")
    options = parser.parse_args(arguments)
    contents = [request(number) for number in range(options.events)]
    budgets: list[Budget] = []
    broker = KafkaServer(kafka_jars())
    try:
        broker.start()
        for how in STARTS if options.compare else ["as installed"]:
            with (
                tempfile.TemporaryDirectory() as folder,
                gateway(broker.bootstrap_servers, Path(folder), how) as (process_id, port),
            ):
                asyncio.run(flood(port, contents[:2000]))
                before_s, began_s = cpu_s(process_id), time.perf_counter()
                flooded = asyncio.run(flood(port, contents))
                wall_s, used_s = time.perf_counter() - began_s, cpu_s(process_id) - before_s
                per_cpu_s = len(contents) / used_s
                half = LEAST_PER_CPU_S / 2
                paced = asyncio.run(pace(port, contents[: int(half * 10)], half))
                print(
                    f"{how:<14}{len(contents) / wall_s:8.0f} events/s, {per_cpu_s:6.0f} per CPU s; answers "
                    f"{dict(flooded.statuses)}; {rss_bytes(process_id) / 2**20:.0f} MiB; "
                    f"at {half:.0f}/s: p50 {paced.share(0.5) * 1000:.1f} ms, "
                    f"p99 {paced.share(0.99) * 1000:.1f} ms",
                    flush=True,
                )
                if how == "as installed":
                    all_taken = flooded.statuses.keys() | paced.statuses.keys() == {202}
                    budgets = [
                        Budget(
                            f">= {LEAST_PER_CPU_S} acknowledged events per CPU s",
                            f"{per_cpu_s:.0f}",
                            per_cpu_s >= LEAST_PER_CPU_S,
                        ),
                        Budget(
                            f"p99 <= 50 ms at {half:.0f} events/s",
                            f"{paced.share(0.99) * 1000:.1f} ms",
                            paced.share(0.99) <= P99_MAX_S,
                        ),
                        Budget("every event is acknowledged", f"{dict(flooded.statuses)}", all_taken),
                    ]
    finally:
        broker.close()
    return judge(budgets)


if __name__ == "__main__":
    sys.exit(main())
