"""Starts the simulators as processes and runs the installed program beside them, as a user would."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from simulators.port.blueprints import DEMO_BLUEPRINTS

TOKEN = "u+pipelineTokenXYZ"
CLIENT_ID = "pipelineClientId"
CLIENT_SECRET = "pipelineClientSecretXYZ"
PROGRAM = Path(sys.executable).with_name("pagerport")
PATIENCE_S = 150.0

Json = Any


@dataclass
class Simulator:
    """One simulator in its own process."""

    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def script(self, *rules: Json) -> None:
        """Replace the rules of its script."""
        self.http.put("/_sim/script", json=list(rules)).raise_for_status()

    def state(self) -> Json:
        """Return everything it holds."""
        return self.http.get("/_sim/state").raise_for_status().json()

    def counters(self) -> Json:
        """Return its counters."""
        return self.http.get("/_sim/counters").raise_for_status().json()

    def requests(self) -> list[Json]:
        """Return the requests it has seen, the control requests aside."""
        return list(self.http.get("/_sim/requests").raise_for_status().json()["requests"])


@contextmanager
def simulator(module: str, *arguments: str) -> Iterator[Simulator]:
    """Run a simulator until the block ends."""
    command = [sys.executable, "-m", module, "--port", "0", "--parent-pid", str(os.getpid()), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, timeout=PATIENCE_S) as http:
                yield Simulator(url=url, process=process, http=http)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


@contextmanager
def pagerduty(*arguments: str) -> Iterator[Simulator]:
    """Run the PagerDuty simulator."""
    fast = ("--requests-per-minute", "100000") if "--requests-per-minute" not in arguments else ()
    with simulator("simulators.pagerduty", "--token", TOKEN, *fast, *arguments) as one:
        yield one


@contextmanager
def port(tmp_path: Path, *arguments: str, blueprints: Sequence[Json] | None = None) -> Iterator[Simulator]:
    """Run the Port simulator with blueprints in it."""
    file = tmp_path / "blueprints.json"
    file.write_text(json.dumps(list(DEMO_BLUEPRINTS if blueprints is None else blueprints)))
    credentials = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    with simulator("simulators.port", *credentials, "--blueprints", str(file), *arguments) as one:
        yield one


@dataclass
class Stage:
    """Both simulators, and a folder to run in."""

    pagerduty: Simulator
    port: Simulator
    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a user who configured the program for these two."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "TMPDIR": str(self.temporary),
            "OCEAN__PORT__BASE_URL": self.port.url,
            "OCEAN__PORT__CLIENT_ID": CLIENT_ID,
            "OCEAN__PORT__CLIENT_SECRET": CLIENT_SECRET,
            "OCEAN__INTEGRATION__IDENTIFIER": "pipeline",
            "OCEAN__INTEGRATION__CONFIG__TOKEN": TOKEN,
            "OCEAN__INTEGRATION__CONFIG__API_URL": self.pagerduty.url,
            **more,
        }

    @property
    def temporary(self) -> Path:
        """Return the folder the program keeps temporary files in."""
        folder = self.folder / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def mapping(self, text: str, name: str = "mapping.yaml") -> Path:
        """Write a mapping file."""
        file = self.folder / name
        file.write_text(text)
        return file

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start the program."""
        return subprocess.Popen(
            [PROGRAM, *arguments],
            env=self.environment(**environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path, **environment: str) -> "Ended":
        """Run the program to its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
            return Ended(process.returncode, out, err)

    def catalog(self) -> dict[str, dict[str, Json]]:
        """Return what Port holds: blueprint to identifier to entity, bare placeholders left out."""
        held: dict[str, dict[str, Json]] = {}
        for entity in self.port.state()["entities"]:
            if not entity["$placeholder"]:
                held.setdefault(entity["blueprint"], {})[entity["identifier"]] = entity
        return held

    def blueprints(self) -> dict[str, Json]:
        """Return Port's blueprints by identifier."""
        return {one["identifier"]: one for one in self.port.state()["blueprints"]}


@dataclass
class Ended:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Json:
        """Return the result document of `--json`."""
        return json.loads(self.out)
