"""Measures a first and a second full sync: counters, wall time, CPU, memory: `python -m benchmarks.sync`."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("pagerport")
MAPPING = ROOT / "simulators" / "demo_mapping.yaml"
TOKEN, CLIENT_ID, CLIENT_SECRET = "u+benchmarkToken", "benchmarkId", "benchmarkSecret"
KIB = 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the program.

    Attributes:
        exit_code: How it ended.
        wall_s: From start to end, in seconds.
        cpu_s: User and system time of the process and those it started.
        peak_mib: Largest resident size of one of these processes.
        result: The result document.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    result: dict[str, Any]

    def counters(self) -> dict[str, int]:
        """Return what was done, summed over the kinds."""
        kinds = self.result["kinds"].values()
        return {
            "objects read": sum(kind["fetched"] for kind in kinds),
            "entities written": sum(kind["writer"].get("written", 0) for kind in kinds),
            "entities unchanged": sum(kind["writer"].get("unchanged", 0) for kind in kinds),
            "failures": self.result["failure_count"],
            **{f"requests to {host}": number for host, number in self.result["requests"].items()},
        }


@contextmanager
def simulator(module: str, *arguments: str) -> Iterator[str]:
    """Run a simulator until the block ends; gives its URL."""
    command = [sys.executable, "-m", module, "--parent-pid", str(os.getpid()), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("a simulator without output")
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGTERM)


def measure(environment: dict[str, str]) -> Measured:
    """Run `pagerport sync` once."""
    with tempfile.TemporaryFile("w+") as out:
        command = [str(PROGRAM), "sync", "--json", "--mapping", str(MAPPING)]
        started_s = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=out, cwd=tempfile.gettempdir())
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if not text:
        raise SystemExit(f"pagerport sync ended with {process.returncode} and no result")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Measured(process.returncode, wall_s, cpu_s, usage.ru_maxrss / KIB, json.loads(text))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when a sync failed or the second one wrote something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync", description=__doc__)
    for kind, number in {"services": 200, "incidents": 9650, "users": 300, "teams": 50}.items():
        parser.add_argument(f"--{kind}", type=int, default=number, help=f"how many (default {number})")
    sizes = vars(parser.parse_args(arguments))
    account = [text for kind, number in sizes.items() for text in (f"--{kind}", str(number))]
    with ExitStack() as stack:
        pagerduty = stack.enter_context(simulator("simulators.pagerduty", "--token", TOKEN, *account))
        port = stack.enter_context(
            simulator(
                "simulators.port",
                "--demo-blueprints",
                "--client-id",
                CLIENT_ID,
                "--client-secret",
                CLIENT_SECRET,
            )
        )
        environment = {
            "PATH": os.environ["PATH"],
            "OCEAN__INTEGRATION__CONFIG__TOKEN": TOKEN,
            "OCEAN__INTEGRATION__CONFIG__API_URL": pagerduty,
            "OCEAN__PORT__CLIENT_ID": CLIENT_ID,
            "OCEAN__PORT__CLIENT_SECRET": CLIENT_SECRET,
            "OCEAN__PORT__BASE_URL": port,
            "OCEAN__LOG__LEVEL": "warning",
        }
        runs = {"first sync": measure(environment), "second sync": measure(environment)}
    print_runs(runs)
    second = runs["second sync"].counters()
    return int(any(run.exit_code for run in runs.values()) or second["entities written"] > 0)


def print_runs(runs: dict[str, Measured]) -> None:
    """Print the runs side by side."""
    rows: dict[str, list[str]] = {"": list(runs)}
    for run in runs.values():
        measured = {
            "exit code": str(run.exit_code),
            **{name: str(number) for name, number in run.counters().items()},
            "wall s": f"{run.wall_s:.2f}",
            "CPU s": f"{run.cpu_s:.2f}",
            "peak MiB of a process": f"{run.peak_mib:.0f}",
        }
        for name, text in measured.items():
            rows.setdefault(name, []).append(text)
    for name, texts in rows.items():
        print(f"{name:<24}" + "".join(f"{text:>14}" for text in texts))


if __name__ == "__main__":
    sys.exit(main())
