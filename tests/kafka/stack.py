"""Runs the services of docker-compose.yml as local processes: their commands, their environments."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.compose_file import ComposeService, read_services
from tests.pipeline.harness import CLIENT_ID, CLIENT_SECRET, PROGRAM, TOKEN, Stage

START_TIMEOUT_S = 150.0
POLL_S = 0.1
HTTP_PORT = "8000"
"""That of every container."""
FAST = {
    # A member that was killed is missed after this long; brokers allow no less than 6 s by default.
    "OCEAN__KAFKA__SESSION_TIMEOUT_S": "6",
}

Json = Any


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """One service that runs as a process, and can be killed and started again."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    healthcheck: list[str]
    stop_grace_s: float
    http_port: int
    log: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def said(self) -> str:
        """Return its log lines."""
        return self.log.read_text(errors="replace")

    @property
    def memory_bytes(self) -> int:
        """Return what it holds in memory; 0: it does not run."""
        if self.process is None or self.process.poll() is not None:
            return 0
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def start(self) -> None:
        """Start it; its lines are added to those of earlier starts."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.arguments,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.starts += 1

    def kill(self) -> None:
        """End it and all its workers by SIGKILL."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def kill_alone(self) -> None:
        """End it by SIGKILL and return when its workers have ended too, which nobody tells them."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return
            assert time.monotonic() < deadline_s, f"workers of {self.name} live on"
            time.sleep(POLL_S)

    def stop(self) -> int:
        """End it as Docker does, by SIGTERM, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It needs longer than its container is given; it is killed.
        """
        assert self.process is not None
        self.process.terminate()
        return self.wait(self.stop_grace_s)

    def wait(self, timeout_s: float) -> int:
        """Wait until it has ended by itself, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It has not; it is killed.
        """
        assert self.process is not None
        try:
            return self.process.wait(timeout_s)
        finally:
            self.kill()

    def is_healthy(self) -> bool:
        """Run the container's own health check."""
        command = [part.replace(f":{HTTP_PORT}/", f":{self.http_port}/") for part in self.healthcheck]
        ended = subprocess.run(command, env=self.environment, capture_output=True, check=False)
        return ended.returncode == 0

    def get(self, path: str) -> httpx.Response:
        """Return what it answers."""
        return httpx.get(self.url + path, timeout=10)


@dataclass
class Stack:
    """The stack of docker-compose.yml against one Kafka and the simulators of a stage."""

    stage: Stage
    servers: str
    prefix: str
    more: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the user has set, in the environment or in `.env`."""
    gateway_port: int = field(default_factory=free_port)
    """Of the first gateway: what PagerDuty delivers to must be known before it runs."""

    def services(self) -> dict[str, ComposeService]:
        """Return the services of the file as this user has set them up."""
        theirs = {
            "OCEAN__PORT__CLIENT_ID": CLIENT_ID,
            "OCEAN__PORT__CLIENT_SECRET": CLIENT_SECRET,
            "OCEAN__INTEGRATION__CONFIG__TOKEN": TOKEN,
            "OCEAN__INTEGRATION__IDENTIFIER": "pipeline",
        }
        return read_services({**theirs, **self.variables})

    def environment(self, service: ComposeService, http_port: int, more: Mapping[str, str]) -> dict[str, str]:
        """Return a service's own environment, with the addresses of this machine for those of containers."""
        there = {
            "kafka:9092": self.servers,
            "http://port-simulator:8080": self.stage.port.url,
            "http://pagerduty-simulator:8080": self.stage.pagerduty.url,
            "/etc/pagerport/mapping.yaml": self.variables.get("PAGERPORT_MAPPING", ""),
        }
        own = {name: there.get(value, value) for name, value in service.environment.items()}
        own["OCEAN__HTTP__PORT"] = str(http_port)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        path = f"{PROGRAM.parent}{os.pathsep}{kept.get('PATH', '')}"
        tmp = {"PATH": path, "TMPDIR": str(self.stage.temporary), "OCEAN__KAFKA__TOPIC_PREFIX": self.prefix}
        # What the file leaves empty for its user is ours to set here.
        return {**kept, **own, **tmp, **FAST, **self.more, **more}

    def run(self, name: str) -> None:
        """Run a service that ends by itself."""
        service = self.services()[name]
        subprocess.run(
            service.arguments,
            env=self.environment(service, free_port(), {}),
            cwd=self.stage.folder,
            check=True,
            timeout=START_TIMEOUT_S,
        )

    def start(
        self, name: str, number: int = 1, *, arguments: Sequence[str] | None = None, **more: str
    ) -> Process:
        """Start a service; several of one have numbers.

        Args:
            name: Of the service.
            number: Which of them.
            arguments: Instead of the container's command.
            more: Variables of its environment beside its own.
        """
        service = self.services()[name]
        http_port = self.gateway_port if (name, number) == ("gateway", 1) else free_port()
        process = Process(
            name=f"{name}-{number}",
            arguments=service.arguments if arguments is None else list(arguments),
            environment=self.environment(service, http_port, more),
            healthcheck=service.healthcheck,
            stop_grace_s=service.stop_grace_s,
            http_port=http_port,
            log=self.stage.folder / f"{name}-{number}.log",
            folder=self.stage.folder,
        )
        self.processes[process.name] = process
        process.start()
        return process

    def up(self, **mappers: int) -> None:
        """Start everything as `docker compose up --wait` does: `up(mapper=3)` is `--scale mapper=3`."""
        self.run("topics")
        for name in ("writer", "mapper", "gateway", "fetcher"):
            for number in range(1, mappers.get(name, 1) + 1):
                self.start(name, number)
        for process in list(self.processes.values()):
            self.wait_until(process.is_healthy, f"{process.name} is healthy", process)

    def wait_until(
        self,
        holds: Callable[[], bool],
        what: str,
        process: Process | None = None,
        timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """Wait for a condition; if it does not come true, or the process ends, say what was logged."""
        deadline_s = time.monotonic() + timeout_s
        while not holds():
            ended = process is not None and process.process is not None and process.process.poll() is not None
            if ended or time.monotonic() > deadline_s:
                logs = "\n".join(f"== {one.name}\n{one.said[-3000:]}" for one in self.processes.values())
                raise AssertionError(f"not so in {timeout_s:.0f} s: {what}\n{logs}")
            time.sleep(POLL_S)

    def command(
        self, *arguments: str, code: int | None = 0, timeout_s: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line as an operator whose machine reaches the cluster."""
        ended = subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment(self.services()["fetcher"], free_port(), {}),
            cwd=self.stage.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert code is None or ended.returncode == code, f"{arguments}: {ended.returncode}\n{ended.stderr}"
        return ended

    def runs(self) -> list[Json]:
        """Return the results of all runs, the newest first."""
        return list(json.loads(self.command("runs", "--json").stdout))

    def wait_for_runs(self, number: int, timeout_s: float = 300.0) -> list[Json]:
        """Wait until so many runs have ended, and return all."""
        found: list[Json] = []

        def ended() -> bool:
            found[:] = self.runs()
            return sum(run.get("ended_at") is not None for run in found) >= number

        self.wait_until(ended, f"{number} runs have ended", timeout_s=timeout_s)
        return found

    def status(self) -> Json:
        """Return how the installation stands."""
        return json.loads(self.command("status", "--json").stdout)

    def wait_until_idle(self, timeout_s: float = 300.0) -> Json:
        """Wait until nothing is left to be handled and no run is open; return how it stands then."""
        found: list[Json] = []

        def is_idle() -> bool:
            found[:] = [self.status()]
            (state,) = found
            lags = [stage["lag"] for stage in state["stages"].values()]
            return not any(lags) and "in_hand" not in state and not state["waiting"]

        self.wait_until(is_idle, "the installation is idle", timeout_s=timeout_s)
        return found[0]

    def down(self) -> dict[str, int]:
        """Stop everything in order and return the exit codes."""
        try:
            return {
                name: one.stop()
                for name, one in self.processes.items()
                if one.process is not None and one.process.poll() is None
            }
        finally:
            for process in self.processes.values():
                process.kill()
