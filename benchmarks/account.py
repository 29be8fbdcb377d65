"""Starts both simulators with an account in them, and asks them what they hold and what they did."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.processes import cpu_s

ROOT = Path(__file__).parents[1]
DEFAULTS = ROOT / "services" / "fetcher" / "defaults"
BLUEPRINTS, MAPPING = DEFAULTS / "blueprints.json", DEFAULTS / "mapping.yaml"
TOKEN, CLIENT_ID, CLIENT_SECRET = "u+benchmarkToken", "benchmarkId", "benchmarkSecret"
NO_LIMIT = 1_000_000
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Simulator:
    """One simulator in its own process."""

    url: str
    process_id: int

    def ask(self, what: str) -> dict[str, Any]:
        """Return the answer of a control route, a JSON object."""
        answer: dict[str, Any] = (
            httpx.get(f"{self.url}/_sim/{what}", timeout=PATIENCE_S).raise_for_status().json()
        )
        return answer


@dataclass(frozen=True, slots=True)
class Account:
    """A PagerDuty account, and a Port to bring it to."""

    pagerduty: Simulator
    port: Simulator

    def environment(self) -> dict[str, str]:
        """Return the environment of a user who configured the program for these two, and nothing else."""
        return {
            "PATH": os.environ["PATH"],
            "OCEAN__INTEGRATION__CONFIG__TOKEN": TOKEN,
            "OCEAN__INTEGRATION__CONFIG__API_URL": self.pagerduty.url,
            "OCEAN__PORT__CLIENT_ID": CLIENT_ID,
            "OCEAN__PORT__CLIENT_SECRET": CLIENT_SECRET,
            "OCEAN__PORT__BASE_URL": self.port.url,
            "OCEAN__LOG__LEVEL": "warning",
        }

    def cpu_s(self) -> float:
        """Return the CPU time of both simulators so far."""
        return cpu_s(self.pagerduty.process_id) + cpu_s(self.port.process_id)


@contextmanager
def account(
    sizes: Mapping[str, int],
    *,
    pagerduty_ms: int = 0,
    port_ms: int = 0,
    requests_per_minute: int = NO_LIMIT,
    blueprints: Path = BLUEPRINTS,
) -> Iterator[Account]:
    """Run both simulators until the block ends.

    Args:
        sizes: Objects per kind, by the option of the PagerDuty simulator (`old_open_incidents`).
        pagerduty_ms: How much longer each answer of PagerDuty takes.
        port_ms: How much longer each answer of Port takes.
        requests_per_minute: PagerDuty's limit.
        blueprints: What Port has before the first sync.
    """
    counts = [text for name, size in sizes.items() for text in (f"--{name.replace('_', '-')}", str(size))]
    limits = ("--requests-per-minute", str(requests_per_minute), "--latency-ms", str(pagerduty_ms))
    credentials = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    with ExitStack() as stack:
        source = stack.enter_context(
            _simulator("simulators.pagerduty", "--account", "small", "--token", TOKEN, *counts, *limits)
        )
        target = stack.enter_context(
            _simulator(
                "simulators.port", *credentials, "--blueprints", str(blueprints), "--latency-ms", str(port_ms)
            )
        )
        yield Account(source, target)


@contextmanager
def _simulator(module: str, *arguments: str) -> Iterator[Simulator]:
    command = [sys.executable, "-m", module, "--parent-pid", str(os.getpid()), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("a simulator without output")
            yield Simulator(json.loads(process.stdout.readline())["url"], process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
