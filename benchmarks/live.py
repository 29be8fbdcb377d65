"""Measures live changes: from a webhook that was accepted to its entity in Port, and a burst of many.

Run it with `python -m benchmarks.live`. Both simulators and `pagerport run` share the machine with it.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.account import MAPPING, TOKEN, Account, account
from benchmarks.processes import cpu_s, tree
from benchmarks.program import PROGRAM
from benchmarks.table import Budget, judge
from simulators.pagerduty.event_types import DATA_TYPES

LIMIT: Final = 960  # Source: PagerDuty REST API, Rate Limits: of one token in a minute.
LATENCY_MS: Final = 100
GROUPS_PER_S: Final = 12.5
"""Different incidents that change in a second: what the limit has room for, beside a little else."""
EVENTS_PER_GROUP: Final = 4
SECONDS: Final = 40
BURST: Final = 10_000
BURST_OBJECTS: Final = 400
P50_MAX_S: Final = 0.3
P99_MAX_S: Final = 1.5
PATIENCE_S: Final = 600.0
PRIORITY: Final = "incident.priority_updated"
Json = Any


@dataclass(frozen=True, slots=True)
class Live:
    """`pagerport run` between the simulators."""

    account: Account
    url: str
    process_id: int
    folder: Path
    environment: dict[str, str]

    def control(self, method: str, path: str, body: Json = None) -> Json:
        """Ask the PagerDuty simulator for something that PagerDuty has no route for."""
        answer = httpx.request(
            method, f"{self.account.pagerduty.url}/_sim/{path}", json=body, timeout=PATIENCE_S
        )
        return answer.raise_for_status().json()

    def command(self, *arguments: str) -> Json:
        """Run another command on the same log; return its JSON."""
        ended = subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if not ended.stdout:
            raise SystemExit(f"pagerport {' '.join(arguments)}: {ended.returncode}\n{ended.stderr}")
        return json.loads(ended.stdout)

    def counters(self) -> dict[str, float]:
        """Return what became of live changes so far, by name."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).raise_for_status().text
        found = (line.rpartition(" ") for line in text.splitlines() if line.startswith("pagerport_live_"))
        return {name.partition('outcome="')[2].partition('"')[0]: float(value) for name, _, value in found}

    def gets(self) -> int:
        """Return how many single objects PagerDuty was asked for."""
        rows = self.account.pagerduty.ask("counters")["counters"]
        return sum(row["count"] for row in rows if row["route"] in {"/incidents/{id}", "/services/{id}"})

    def refused(self) -> int:
        """Return how often PagerDuty's limit was run into."""
        rows = self.account.pagerduty.ask("counters")["counters"]
        return sum(row["count"] for row in rows if row["status"] == httpx.codes.TOO_MANY_REQUESTS)

    def until_settled(self, events: int) -> None:
        """Wait until so many events were taken since the start, and all of them are in Port."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            if self.counters()["received"] >= events:
                stages = self.command("status", "--json")["stages"].values()
                if not any(stage["lag"] for stage in stages):
                    return
            time.sleep(1)
        raise SystemExit(f"not settled after {PATIENCE_S:g} s: {self.counters()}")


@contextmanager
def live(one: Account, folder: Path) -> Iterator[Live]:
    """Run the program, with a subscription that delivers to it, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    environment = {
        **one.environment(),
        "OCEAN__HTTP__HOST": "127.0.0.1",
        "OCEAN__HTTP__PORT": str(port),
        "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET": _subscribe(one, f"{url}/integration/webhook"),
    }
    mapping = folder / "mapping.yaml"
    # Analytics of a service change with its incidents, which no event tells.
    mapping.write_text(MAPPING.read_text().replace("serviceAnalytics: true", "serviceAnalytics: false"))
    process = subprocess.Popen(
        [PROGRAM, "run", "--mapping", mapping], env=environment, cwd=folder, start_new_session=True
    )
    try:
        running = Live(one, url, process.pid, folder, environment)
        deadline_s = time.monotonic() + PATIENCE_S
        while not _has_run(running):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit("pagerport run has not come to its first result")
            time.sleep(1)
        yield running
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _has_run(running: Live) -> bool:
    if not (running.folder / "pagerport.db").exists():
        return False
    ended = subprocess.run(
        [PROGRAM, "runs", "--json"],
        env=running.environment,
        cwd=running.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout.startswith("[") and any("ended_at" in run for run in json.loads(ended.stdout))


def _subscribe(one: Account, url: str) -> str:
    body = {
        "webhook_subscription": {
            "type": "webhook_subscription",
            "active": True,
            "delivery_method": {"type": "http_delivery_method", "url": url},
            "events": list(DATA_TYPES),
            "filter": {"type": "account_reference"},
        }
    }
    headers = {
        "Authorization": f"Token token={TOKEN}",
        "Accept": "application/vnd.pagerduty+json;version=2",
    }
    answer = httpx.post(f"{one.pagerduty.url}/webhook_subscriptions", json=body, headers=headers)
    made: Json = answer.raise_for_status().json()
    return str(made["webhook_subscription"]["delivery_method"]["secret"])


def steady(running: Live, seconds: int) -> list[float]:
    """Change incidents at a steady pace, each once; return how long each change took to reach Port."""
    incidents = sorted(running.account.pagerduty.ask("state")["incidents"])
    chosen = incidents[: int(seconds * GROUPS_PER_S)]
    began_s = time.monotonic()
    with httpx.Client(base_url=running.account.pagerduty.url, timeout=30) as client:
        for number, incident in enumerate(chosen):
            time.sleep(max(0.0, began_s + number / GROUPS_PER_S - time.monotonic()))
            change = {"event_type": PRIORITY, "id": incident, "set": {"title": f"changed live, {number}"}}
            client.post("/_sim/events", json={"changes": [change] * EVENTS_PER_GROUP}).raise_for_status()
    running.until_settled(len(chosen) * EVENTS_PER_GROUP)
    accepted = {
        attempt["resource"].partition("/")[2]: _at(attempt["at"])
        for attempt in running.control("GET", "deliveries?last=10000")["attempts"]
        if attempt["outcome"] == "delivered"
    }
    entities = {
        entity["identifier"]: entity
        for entity in running.account.port.ask("state")["entities"]
        if entity["blueprint"] == "pagerdutyIncident"
    }
    wrong = [
        incident
        for number, incident in enumerate(chosen)
        if entities[incident]["title"] != f"changed live, {number}"
    ]
    if wrong:
        raise SystemExit(f"{len(wrong)} changes never came: {wrong[:5]}")
    return sorted(_at(entities[incident]["updatedAt"]) - accepted[incident] for incident in chosen)


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def share(sorted_s: Sequence[float], part: float) -> float:
    """Return the time that so large a part of the changes needed at most."""
    return sorted_s[min(len(sorted_s) - 1, int(len(sorted_s) * part))]


def print_rows(rows: Mapping[str, object]) -> None:
    """Print figures, each with its name."""
    for name, value in rows.items():
        print(f"{name:<36}{value}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of steady pace, default %(default)s")
    # A run that is ended by SIGTERM ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser.add_argument("--burst", type=int, default=BURST, help="events at once, default %(default)s")
    options = parser.parse_args(arguments)
    sizes = {"incidents": int(options.seconds * GROUPS_PER_S) + BURST_OBJECTS, "services": 200}
    with (
        tempfile.TemporaryDirectory() as folder,
        account(sizes, pagerduty_ms=LATENCY_MS, requests_per_minute=LIMIT) as one,
        live(one, Path(folder)) as running,
    ):
        # What the first resync has used of the minute is no part of what is measured.
        time.sleep(60)
        cpu_before_s = sum(map(cpu_s, tree(running.process_id)))
        took_s = steady(running, options.seconds)
        steady_counts, steady_gets = running.counters(), running.gets()
        steady_cpu_s = sum(map(cpu_s, tree(running.process_id))) - cpu_before_s
        events = len(took_s) * EVENTS_PER_GROUP
        print_rows(
            {
                "steady: events, of incidents": f"{events}, {len(took_s)}",
                "steady: events/s": f"{events / options.seconds:.0f}",
                "steady: p50, p99, longest, s": ", ".join(
                    f"{one:.3f}" for one in (share(took_s, 0.5), share(took_s, 0.99), took_s[-1])
                ),
                "steady: coalesced": f"{steady_counts['coalesced']:.0f}",
                "steady: requests for objects": steady_gets,
                "steady: CPU s": f"{steady_cpu_s:.1f}",
            }
        )

        began_s = time.monotonic()
        made = {"count": options.burst, "objects": BURST_OBJECTS}
        running.control("POST", "events", {"made": made})
        running.until_settled(int(steady_counts["received"]) + options.burst)
        burst_s = time.monotonic() - began_s
        counts, gets, refused = running.counters(), running.gets() - steady_gets, running.refused()
        delivered = running.control("GET", "deliveries?last=0")["counts"]
        checked = running.command("resync", "--wait", "--json")
    written = sum(kind["writer"].get("written", 0) for kind in checked["kinds"].values())
    hydrated = counts["hydrated"] - steady_counts["hydrated"]
    print_rows(
        {
            "burst: events, of objects": f"{options.burst}, {BURST_OBJECTS}",
            "burst: until all is in Port, s": f"{burst_s:.1f}",
            "burst: coalesced": f"{counts['coalesced'] - steady_counts['coalesced']:.0f}",
            "burst: requests for objects": gets,
            "burst: objects published": f"{hydrated:.0f}",
            "deliveries": delivered,
        }
    )
    return judge(
        [
            Budget("p50 <= 0.3 s", f"{share(took_s, 0.5):.3f} s", share(took_s, 0.5) <= P50_MAX_S),
            Budget(
                "p99 <= 1.5 s",
                f"{share(took_s, 0.99):.3f} s, longest {took_s[-1]:.3f} s",
                share(took_s, 0.99) <= P99_MAX_S,
            ),
            Budget(
                "nothing is lost",
                f"a resync then wrote {written} entities, {checked['state']}",
                written == 0 and checked["state"] == "completed",
            ),
            Budget(
                "one request per object and coalescing window",
                f"{gets} requests for {hydrated:.0f} objects published",
                gets <= hydrated,
            ),
            Budget("the rate limit is never run into", f"{refused} times 429", refused == 0),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
