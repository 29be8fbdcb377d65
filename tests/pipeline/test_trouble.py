"""Runs `pagerport sync` while PagerDuty or Port limit, fail, reset connections and cut pages short."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.oracle import differences, expected_catalog
from tests.pipeline.harness import TOKEN, Ended, Stage, pagerduty, port
from tests.pipeline.mappings import SPINE

pytestmark = pytest.mark.pipeline
Json = Any
ACCEPT = "application/vnd.pagerduty+json;version=2"
BULK = "/v1/blueprints/.*/entities/bulk"
LISTS = "/incidents|/services|/users"
PAGE = "<html><body><h1>Bad Gateway</h1></body></html>"
LIMIT = "rate limit"
LOST = "connection lost"
RESET_S = 1
OWN_CHOICE_MAX_S = 0.5
"""The longest first wait that the program chooses by itself: a longer one was asked for."""


@dataclass(frozen=True)
class Ground:
    """A stage that many tests use one after the other, and what must come of each."""

    stage: Stage
    empty_port: Json
    expected: Json
    mapping: Path

    def sync(self, *, pagerduty: Json = (), port: Json = ()) -> Ended:
        """Run a sync of an empty Port under two scripts, and see that it ends complete."""
        self.stage.port.script()
        self.stage.port.http.put("/_sim/state", json=self.empty_port).raise_for_status()
        for simulator, rules in ((self.stage.pagerduty, pagerduty), (self.stage.port, port)):
            simulator.http.delete("/_sim/requests").raise_for_status()
            simulator.script(*rules)
        ended = self.stage.run("sync", "--mapping", self.mapping, "--json")
        script = [self.stage.pagerduty.http.get("/_sim/script"), self.stage.port.http.get("/_sim/script")]
        assert ended.code == 0, ended.err + ended.out
        assert ended.result["state"] == "completed"
        assert {kind["state"] for kind in ended.result["kinds"].values()} == {"complete"}
        assert differences(self.expected, self.stage.catalog(), self.stage.blueprints()) == []
        for rule in [rule for answer in script for rule in answer.json()]:
            assert rule["used"] == rule["times"], rule
        return ended


def seconds(ended: Ended) -> dict[tuple[str, str], float]:
    """Return how long the sync says that it waited, by host and cause."""
    return {(one["host"], one["cause"]): one["seconds"] for one in ended.result["waits"]}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("trouble")
    with pagerduty("--account", "small", "--incidents", "450") as source, port(folder) as target:
        stage = Stage(source, target, folder)
        headers = {"Authorization": f"Token token={TOKEN}", "Accept": ACCEPT}
        with httpx.Client(base_url=source.url, headers=headers, timeout=30) as client:
            expected = expected_catalog(client, yaml.safe_load(SPINE))
        yield Ground(stage, target.state(), expected, stage.mapping(SPINE))


def rules(path: str, *actions: Json, after: int = 0, times: int = 1) -> list[Json]:
    """Return rules that act one after the other on requests of a path."""
    return [{"match": {"path": path}, "after": after, "times": times, "action": one} for one in actions]


def page_rules(**actions: Json) -> list[Json]:
    """Return rules for single pages of the incidents: offset to action."""
    return [
        {"match": {"path": "/incidents", "query": {"offset": at[1:]}}, "times": 1, "action": action}
        for at, action in actions.items()
    ]


def limited(header: str, wait_s: int = RESET_S) -> Json:
    return {"rate_limited": {"wait_s": wait_s, "header": header}}


PORT_TROUBLE: dict[str, tuple[list[Json], set[tuple[str, str]]]] = {
    "limit, reset in seconds": (rules(BULK, limited("seconds"), after=3), {("Port", LIMIT)}),
    "limit, reset as epoch": (rules(BULK, limited("epoch"), after=3), {("Port", LIMIT)}),
    "limit, Retry-After in seconds": (rules(BULK, limited("retry-after"), after=3), {("Port", LIMIT)}),
    "limit, Retry-After as date": (
        rules(BULK, limited("http-date", RESET_S + 1), after=3),
        {("Port", LIMIT)},
    ),
    "502 HTML": (rules(BULK, {"status": 502, "body": PAGE}, after=2, times=4), {("Port", "HTTP 502")}),
    "token ends": (rules(BULK, {"expire_token": True}, after=4), set()),
    "answer lost": (rules(BULK, {"drop_after_store": True}, after=1, times=3), {("Port", LOST)}),
}
HTML = {"error": "html"}
WINDOW = {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": str(RESET_S)}
PAGERDUTY_TROUBLE: dict[str, tuple[list[Json], set[tuple[str, str]]]] = {
    "limit with headers": (
        rules("/incidents", {"status": 429, "headers": WINDOW}, after=1),
        {("PagerDuty", LIMIT)},
    ),
    "limit without headers": (rules(LISTS, {"error": "rate_limit_bare"}, times=3), {("PagerDuty", LIMIT)}),
    "500": (rules(LISTS, {"status": 500, "body": {"error": "oops"}}, times=4), {("PagerDuty", "HTTP 500")}),
    "HTML bodies": (
        rules(LISTS, HTML, {"status": 200, "body": PAGE}, times=2),
        {("PagerDuty", "HTTP 502"), ("PagerDuty", "HTTP 200 without JSON")},
    ),
    "reset in mid-body": (rules(LISTS, {"drop": "mid_body"}, times=3), {("PagerDuty", LOST)}),
    "short pages": (
        page_rules(_0={"short_rows": 30}, _200={"short_rows": 99}),
        set(),
    ),
    "empty pages": (page_rules(_100={"empty": True}, _300={"empty": True}), set()),
    "null limit and offset": (rules(LISTS, {"null_echo": True}, times=6), set()),
}


@pytest.mark.parametrize("name", PORT_TROUBLE)
def test_sync_ends_complete_when_port_is_in_trouble(ground: Ground, name: str) -> None:
    script, waits = PORT_TROUBLE[name]
    ended = ground.sync(port=script)
    found = seconds(ended)
    assert set(found) == waits
    assert all(found.values())
    assert ("Port", LIMIT) not in waits or found["Port", LIMIT] > OWN_CHOICE_MAX_S
    asked = ground.stage.port.requests()
    # How the sync ended is told to Port once its result stands.
    assert asked[-1]["path"] == "/v1/integration/pipeline/resync-state"
    assert ended.result["requests"]["Port"] == len(asked) - 1
    tokens = [one for one in asked if one["path"] == "/v1/auth/access_token"]
    assert len(tokens) == (2 if name == "token ends" else 1)


@pytest.mark.parametrize("name", PAGERDUTY_TROUBLE)
def test_sync_ends_complete_when_pagerduty_is_in_trouble(ground: Ground, name: str) -> None:
    script, waits = PAGERDUTY_TROUBLE[name]
    ended = ground.sync(pagerduty=script)
    found = seconds(ended)
    assert set(found) == waits
    assert all(found.values())
    assert name != "limit with headers" or found["PagerDuty", LIMIT] > OWN_CHOICE_MAX_S
    assert ended.result["requests"]["PagerDuty"] == len(ground.stage.pagerduty.requests())


def test_sync_ends_complete_in_all_troubles_at_once_and_says_whom_it_waited_for(ground: Ground) -> None:
    every = (PORT_TROUBLE, PAGERDUTY_TROUBLE)
    in_port, in_pagerduty = ([rule for script, _ in one.values() for rule in script] for one in every)
    # Rules that need a certain page would starve behind those that take whichever comes first.
    in_pagerduty.sort(key=lambda rule: "query" not in rule["match"])
    ended = ground.sync(pagerduty=in_pagerduty, port=[{**rule, "after": 0} for rule in in_port])
    waits = {wait for one in every for _, waits in one.values() for wait in waits}
    found = seconds(ended)
    assert set(found) == waits
    assert all(found.values())


def test_token_that_lives_for_a_second_is_renewed_in_time(ground: Ground, tmp_path: Path) -> None:
    short = ("--token-lifetime-s", "1", "--latency-ms", "150")
    with port(tmp_path, *short) as target:
        stage = Stage(ground.stage.pagerduty, target, tmp_path)
        stage.pagerduty.script()
        ended = stage.run("sync", "--mapping", stage.mapping(SPINE), "--json")
        assert ended.code == 0, ended.err + ended.out
        assert differences(ground.expected, stage.catalog(), stage.blueprints()) == []
        tokens = [one for one in target.requests() if one["path"] == "/v1/auth/access_token"]
        assert len(tokens) > 1


def test_report_says_how_long_it_waited_and_for_whom(ground: Ground, tmp_path: Path) -> None:
    with port(tmp_path) as target:
        stage = Stage(ground.stage.pagerduty, target, tmp_path)
        stage.pagerduty.script(*rules("/services", {"status": 500}))
        target.script(*rules(BULK, {"status": 502, "body": PAGE}))
        ended = stage.run("sync", "--mapping", stage.mapping(SPINE))
        assert ended.code == 0, ended.err + ended.out
        for says in (" s for PagerDuty: HTTP 500 (1x)", " s for Port: HTTP 502 (1x)"):
            assert says in ended.out
