"""Runs `pagerport run` as a user would, and gives it commands from other processes."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.pipeline.harness import PATIENCE_S, Stage, pagerduty, port
from tests.pipeline.mappings import SPINE

pytestmark = pytest.mark.pipeline
CHANGED = SPINE.replace("title: .name", 'title: .name + "!"')


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small", "--incidents", "150") as source, port(tmp_path) as target:
        yield Stage(source, target, tmp_path)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until(is_so: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """Return the first true value; the program must not end before."""
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        if found := is_so():
            return found
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("it never became so")


@contextmanager
def always_on(stage: Stage, mapping: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the program; gives its process and its address."""
    http_port = free_port()
    more = {"OCEAN__HTTP__PORT": str(http_port), "OCEAN__HTTP__HOST": "127.0.0.1", **environment}
    process = stage.start("run", "--mapping", mapping, **more)
    try:
        yield process, f"http://127.0.0.1:{http_port}"
    finally:
        process.kill()
        process.communicate()


def runs(stage: Stage) -> list[Any]:
    ended = stage.run("runs", "--json")
    return list(json.loads(ended.out)) if ended.code == 0 else []


def told(run: Any) -> tuple[str, str, list[str]]:
    return run["type"], run["state"], run["asked_by"]


def titles(stage: Stage) -> set[str]:
    return {entity["title"] for entity in stage.catalog()["pagerdutyUser"].values()}


def test_commands_reach_the_installation_and_what_was_in_hand_survives_it(stage: Stage) -> None:
    mapping = stage.mapping(SPINE)
    with always_on(stage, mapping) as (process, url):
        until(lambda: [run for run in runs(stage) if run["state"] == "completed"], process)
        assert httpx.get(f"{url}/health/live").status_code == 200
        assert httpx.get(f"{url}/health/ready").json()["ready"] is True
        before = len(stage.pagerduty.requests())

        replay = stage.run("replay", "--wait", "--json")
        assert (replay.code, replay.result["type"], replay.result["state"]) == (0, "replay", "completed")
        assert len(stage.pagerduty.requests()) == before

        resync = stage.run("resync", "--kind", "users", "--wait")
        assert resync.code == 0, resync.err
        assert "everything the mapping asks for is in Port" in resync.out
        assert {one["path"] for one in stage.pagerduty.requests()[before:]} == {"/users"}

        mapping.write_text(CHANGED)
        until(lambda: all(title.endswith("!") for title in titles(stage)), process)
        until(lambda: all(run["state"] == "completed" for run in runs(stage)), process)

        status = stage.run("status", "--json").result
        assert (status["mapping"]["version"], status["stages"]["writer"]["lag"]) == (3, 0)
        said = stage.run("status").out
        assert ("mapping: version 3" in said, ", replayed)" in said) == (True, True)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=15)
        assert (process.returncode, "Traceback" in err) == (0, False), err
    address = url.removeprefix("http://")
    assert f"HTTP at {address}: /health/live, /integration/webhook, /metrics, /health/ready" in err
    assert "webhooks are taken at /integration/webhook" in err
    assert "live changes: off, for OCEAN__BASE_URL is not set" in err
    assert re.search(
        r"run=\S+ resync completed: \d+ read, \d+ written, 0 unchanged, 0 deleted, 0 failed\n", err
    )
    # Nobody consumes the file now; it still tells.
    assert [told(run) for run in runs(stage)] == [
        ("replay", "completed", ["mapping"]),
        ("resync", "completed", ["command line"]),
        ("replay", "completed", ["command line"]),
        ("resync", "completed", ["mapping"]),
    ]


def test_run_that_was_killed_in_the_middle_is_finished_by_the_next_start(stage: Stage) -> None:
    mapping = stage.mapping(SPINE)
    stage.pagerduty.script({"match": {"path": "/users"}, "action": {"delay_ms": 30_000}})
    with always_on(stage, mapping) as (process, _):
        until(lambda: runs(stage), process)
        process.kill()
    stage.pagerduty.script()
    with always_on(stage, mapping) as (process, _):
        (run,) = until(lambda: [one for one in runs(stage) if one["state"] == "completed"], process)
    assert (run["attempt"], run["asked_by"]) == (2, ["mapping"])


def test_stop_ends_the_run_that_somebody_waits_for(stage: Stage) -> None:
    with always_on(stage, stage.mapping(SPINE)) as (process, _):
        until(lambda: [run for run in runs(stage) if run["state"] == "completed"], process)
        stage.pagerduty.script({"match": {"path": "/users"}, "action": {"delay_ms": 30_000}})
        with stage.start("resync", "--wait") as waiting:
            until(lambda: [run for run in runs(stage) if run["state"] == "listing"], process)
            assert stage.run("stop").code == 0
            out, _ = waiting.communicate(timeout=PATIENCE_S)
        assert (waiting.returncode, "interrupted" in out) == (130, True)


def test_broken_mapping_or_missing_log_is_one_line_and_exit_2(stage: Stage) -> None:
    broken = stage.run("run", "--mapping", stage.mapping(SPINE.replace(".service.id", ".service.id |")))
    assert broken.code == 2
    assert "relations.pagerdutyService" in broken.err
    nothing = stage.run("status")
    assert nothing.code == 2
    assert "there is no log file pagerport.db" in nothing.err
