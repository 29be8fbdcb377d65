"""Runs `pagerport run` between simulators that deliver webhooks to it, and asks how the catalog stands."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from simulators.pagerduty.event_types import DATA_TYPES
from tests.kafka.stack import free_port
from tests.oracle import differences, expected_catalog
from tests.pipeline.harness import CLIENT_ID, CLIENT_SECRET, PROGRAM, TOKEN, Simulator, Stage

Json = Any
PATIENCE_S = 150.0
POLL_S = 0.2
HEADERS = {"Authorization": f"Token token={TOKEN}", "Accept": "application/vnd.pagerduty+json;version=2"}
EVERY_TYPE = tuple(DATA_TYPES)
"""Every documented event type."""


def subscribe(there: Simulator, url: str) -> str:
    """Make a subscription to all events by hand, as a user would; return its signing secret."""
    body = {
        "webhook_subscription": {
            "type": "webhook_subscription",
            "active": True,
            "delivery_method": {"type": "http_delivery_method", "url": url},
            "events": list(EVERY_TYPE),
            "filter": {"type": "account_reference"},
        }
    }
    made = there.http.post("/webhook_subscriptions", json=body, headers=HEADERS).raise_for_status().json()
    return str(made["webhook_subscription"]["delivery_method"]["secret"])


def burst(there: Simulator, **asked: Json) -> list[Json]:
    """Make changes of the account at once, and have their events delivered; return what happened."""
    answer = there.http.post("/_sim/events", json=asked)
    assert answer.is_success, answer.text
    return list(answer.json()["events"])


def deliveries(there: Simulator, **pace: Json) -> Json:
    """Return what became of deliveries, after a change of their pace if there is one."""
    if pace:
        there.http.patch("/_sim/deliveries", json=pace).raise_for_status()
    return there.http.get("/_sim/deliveries").raise_for_status().json()


def count_requests(one: Simulator, method: str, route: str) -> int:
    """Return how often a simulator was asked on a route."""
    rows = one.counters()["counters"]
    return sum(row["count"] for row in rows if (row["method"], row["route"]) == (method, route))


def entity_writes(here: Simulator) -> int:
    """Return how many requests have written or deleted entities at Port."""
    rows = here.counters()["counters"]
    return sum(
        row["count"]
        for row in rows
        if row["method"] in {"POST", "PUT", "PATCH", "DELETE"}
        and "/entities" in row["route"]
        and "search" not in row["route"]
    )


def wrong(stage: Stage, mapping: str) -> list[str]:
    """Compare Port's catalog with what the oracle makes of PagerDuty's account as it is now."""
    with httpx.Client(base_url=stage.pagerduty.url, headers=HEADERS, timeout=60) as client:
        expected = expected_catalog(client, yaml.safe_load(mapping))
    return differences(expected, stage.catalog(), stage.blueprints())


class InPort:
    """The integration object, as somebody sees and changes it in Port."""

    def __init__(self, stage: Stage) -> None:
        credentials = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
        answer = stage.port.http.post("/v1/auth/access_token", json=credentials).raise_for_status()
        self._http = stage.port.http
        self._headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
        self._path = "/v1/integration/pipeline"

    def get(self) -> Json:
        """Return it."""
        answer = self._http.get(self._path, headers=self._headers).raise_for_status()
        return answer.json()["integration"]

    def edit(self, config: Json) -> None:
        """Change the mapping, without asking for a resync."""
        headers = {**self._headers, "x-skip-resync": "true"}
        self._http.patch(f"{self._path}/config", json={"config": config}, headers=headers).raise_for_status()

    def press(self) -> None:
        """Press the Resync button."""
        self._http.patch(self._path, headers=self._headers).raise_for_status()

    def status(self) -> str:
        """Return the state of the last resync that Port shows; empty: none."""
        return str((self.get().get("resyncState") or {}).get("status", ""))


@dataclass
class Always:
    """One installation of `pagerport run`, which can be killed and started again."""

    stage: Stage
    mapping: Path | None
    more: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Return the file of its log lines."""
        return self.stage.folder / "run.log"

    @property
    def said(self) -> str:
        """Return its log lines."""
        return self.log.read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        """Return the environment of the process."""
        own = {"OCEAN__HTTP__PORT": str(self.port), "OCEAN__HTTP__HOST": "127.0.0.1"}
        return self.stage.environment(**own, **self.more)

    def start(self) -> None:
        """Start it; its lines are added to those of earlier starts."""
        arguments = ["run", *(["--mapping", str(self.mapping)] if self.mapping else [])]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [PROGRAM, *arguments],
                env=self.environment(),
                cwd=self.stage.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it and all its workers by SIGKILL."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def until(self, holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Wait for the first true value; the process must not end before."""
        deadline_s = time.monotonic() + patience_s
        while not (found := holds()):
            ended = self.process is not None and self.process.poll() is not None
            if ended or time.monotonic() > deadline_s:
                raise AssertionError(f"never so: {what}\n{self.said[-6000:]}")
            time.sleep(POLL_S)
        return found

    def command(self, *arguments: str) -> Json:
        """Run another command on the same log file; return its JSON."""
        ended = self.stage.run(*arguments, **self.more)
        assert ended.code == 0, (arguments, ended)
        return ended.result

    def status(self) -> Json:
        """Return how the installation stands."""
        return self.command("status", "--json")

    def is_up(self) -> bool:
        """Return whether it answers."""
        try:
            return httpx.get(f"{self.url}/health/live", timeout=10).is_success
        except httpx.RequestError:
            return False

    def ready(self) -> dict[str, Json]:
        """Return its checks by name."""
        body = httpx.get(f"{self.url}/health/ready", timeout=10).json()
        return {one["name"]: one for one in body["checks"]}

    def metrics(self) -> dict[str, float]:
        """Return its metrics, each by name and labels as the page has them."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).raise_for_status().text
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def runs(self) -> list[Json]:
        """Return all runs, the newest first."""
        ended = self.stage.run("runs", "--json", **self.more)
        return list(ended.result) if ended.code == 0 and ended.out.startswith("[") else []

    def first_run(self) -> Json:
        """Wait until a run has ended, and return it."""
        return self.until(lambda: [run for run in self.runs() if "ended_at" in run], "a run has ended")[0]

    def until_idle(self) -> Json:
        """Wait until all events are delivered and handled and no run is open; return the status then."""

        def is_idle() -> Json:
            if deliveries(self.stage.pagerduty)["pending"]:
                return None
            state = self.status()
            lags = [stage["lag"] for stage in state["stages"].values()]
            return state if not any(lags) and "in_hand" not in state and not state["waiting"] else None

        return self.until(is_idle, "everything is delivered and handled")

    def resync(self) -> Json:
        """Have everything read again, and return the result."""
        return self.command("resync", "--wait", "--json")

    def resync_finds_nothing(self) -> None:
        """Have everything read again: nothing is written, nothing deleted."""
        before = entity_writes(self.stage.port)
        result = self.resync()
        assert result["state"] == "completed", result
        counts = [kind["writer"] for kind in result["kinds"].values()]
        written = sum(count.get("written", 0) + count.get("deleted", 0) for count in counts)
        assert (written, entity_writes(self.stage.port) - before) == (0, 0)


@contextmanager
def always(stage: Stage, mapping: Path | None, *, signed: bool = True, **more: str) -> Iterator[Always]:
    """Run `pagerport run` for the time of the block, with a subscription whose deliveries reach it."""
    one = Always(stage, mapping, dict(more))
    if signed:
        one.more["OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET"] = subscribe(
            stage.pagerduty, f"{one.url}/integration/webhook"
        )
    try:
        one.start()
        yield one
    finally:
        one.kill()
