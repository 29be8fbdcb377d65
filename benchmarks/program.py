"""Runs the installed program once, as a user would, and measures it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.account import MAPPING, Account
from benchmarks.processes import MemoryWatch

PROGRAM = Path(sys.executable).with_name("pagerport")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the program.

    Attributes:
        exit_code: How it ended.
        wall_s: From start to end, in seconds.
        cpu_s: User and system time of the process and its workers.
        simulators_cpu_s: What the simulators used meanwhile: no part of `cpu_s`.
        peak_mib: Largest resident size of the process and its workers together.
        result: The result document.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    simulators_cpu_s: float
    peak_mib: float
    result: dict[str, Any]

    @property
    def objects(self) -> int:
        """Return how many objects were read."""
        return self.count("fetched")

    @property
    def written(self) -> int:
        """Return how many entity writes there were."""
        kinds = self.result["kinds"].values()
        return sum(kind["writer"].get(name, 0) for kind in kinds for name in ("written", "deleted"))

    def count(self, name: str) -> int:
        """Return a count of the listings, summed over the kinds."""
        return sum(kind.get(name) or 0 for kind in self.result["kinds"].values())

    def row(self) -> dict[str, str]:
        """Return what was measured, each figure with its name."""
        kinds = self.result["kinds"].values()
        return {
            "exit code": str(self.exit_code),
            "objects read": str(self.objects),
            "entity writes": str(self.written),
            "entities unchanged": str(sum(kind["writer"].get("unchanged", 0) for kind in kinds)),
            "failures": str(self.result["failure_count"]),
            **{f"requests to {host}": str(number) for host, number in self.result["requests"].items()},
            "wall s": f"{self.wall_s:.2f}",
            "objects/s": f"{self.objects / self.wall_s:.0f}",
            "CPU s": f"{self.cpu_s:.2f}",
            "CPU s of the simulators": f"{self.simulators_cpu_s:.2f}",
            "peak MiB with workers": f"{self.peak_mib:.0f}",
        }


def sync(account: Account, mapping: Path = MAPPING) -> Measured:
    """Run `pagerport sync` once."""
    simulators_s = account.cpu_s()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        command = [str(PROGRAM), "sync", "--json", "--no-keep", "--mapping", str(mapping)]
        started_s = time.monotonic()
        process = subprocess.Popen(
            command, env=account.environment(), stdout=out, stderr=err, cwd=tempfile.gettempdir()
        )
        with MemoryWatch(process.pid) as memory:
            _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
        if process.returncode:
            err.seek(0)
            sys.stderr.write(err.read())
    if not text:
        raise SystemExit(f"pagerport sync ended with {process.returncode} and no result")
    return Measured(
        exit_code=process.returncode,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        simulators_cpu_s=account.cpu_s() - simulators_s,
        peak_mib=memory.peak_mib,
        result=json.loads(text),
    )
