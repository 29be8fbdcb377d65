"""Runs `pagerport sync` on an account with more incidents than PagerDuty pages through."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.pipeline.harness import Ended, Stage, pagerduty, port

pytestmark = pytest.mark.pipeline
Json = Any
CAP = 10_000
WINDOW = timedelta(days=180)
MADE = 10_400
OPEN_AND_OLD = 30
BURST = 230
"""Incidents that begin in one second."""
BUSY_DAY = 5_000
HISTORY_DAYS = 1_000

BLUEPRINTS: list[Json] = [
    {
        "identifier": "incident",
        "title": "Incident",
        "schema": {"properties": {"status": {"type": "string"}}, "required": []},
        "relations": {},
    }
]
MAPPING = """
resources:
  - kind: KIND
    selector:
      query: "true"PARAMETERS
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"incident"'
          properties:
            status: .status
"""
ALL = """
      apiQueryParams:
        date_range: all"""


def mapping(kind: str = "incidents", parameters: str = "") -> str:
    return MAPPING.replace("KIND", kind).replace("PARAMETERS", parameters)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give an account with a busy day, a burst, old incidents open and closed, and as many users."""
    folder = tmp_path_factory.mktemp("many")
    made = ("--incidents", str(MADE), "--old-open-incidents", str(OPEN_AND_OLD))
    with (
        pagerduty("--account", "small", *made) as source,
        port(folder, blueprints=BLUEPRINTS) as target,
    ):
        one = Stage(source, target, folder)
        state = source.state()
        crowd(state["incidents"])
        state["users"] = many_users(state["users"])
        source.http.put("/_sim/state", json=state).raise_for_status()
        yield one


def crowd(incidents: dict[str, Json]) -> None:
    """Move incidents in time: into one second, into one day, and some long before the window."""
    now = datetime.now(UTC).replace(microsecond=0)
    second, day = now - timedelta(days=50, seconds=7), now - timedelta(days=90)
    young = [one for one in incidents.values() if began_at(one) > now - WINDOW]
    for one in young[:BURST]:
        one["created_at"] = text_of(second)
    for number, one in enumerate(young[BURST : BURST + BUSY_DAY]):
        one["created_at"] = text_of(day + timedelta(seconds=number * 86_000 // BUSY_DAY))
    resolved = [one for one in young[BURST + BUSY_DAY :] if one["status"] == "resolved"]
    for number, one in enumerate(resolved[:200]):
        one["created_at"] = text_of(now - timedelta(days=190 + number * HISTORY_DAYS // 200))


def many_users(users: dict[str, Json]) -> dict[str, Json]:
    """Return as many users as one list cannot hold."""
    pattern = next(iter(users.values()))
    made = {f"PMANY{number:06}": copy.copy(pattern) for number in range(CAP + 50)}
    for identifier, user in made.items():
        user["id"] = identifier
    return users | made


def began_at(incident: Json) -> datetime:
    return datetime.fromisoformat(incident["created_at"])


def text_of(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def sync(stage: Stage, text: str) -> Ended:
    """Run a sync of an empty Port."""
    state = stage.port.state()
    stage.port.http.put("/_sim/state", json={**state, "entities": []}).raise_for_status()
    stage.pagerduty.http.delete("/_sim/requests").raise_for_status()
    return stage.run("sync", "--mapping", stage.mapping(text), "--json")


def held(stage: Stage) -> dict[str, str]:
    """Return what Port holds: identifier to status."""
    entities = stage.catalog().get("incident", {})
    return {identifier: one["properties"]["status"] for identifier, one in entities.items()}


def test_window_with_more_than_the_cap_arrives_whole_with_what_is_open_however_old(stage: Stage) -> None:
    ended = sync(stage, mapping())

    assert ended.code == 0, ended.err + ended.out
    since = datetime.now(UTC) - WINDOW
    incidents = stage.pagerduty.state()["incidents"].values()
    open_and_old = [one for one in incidents if began_at(one) <= since and one["status"] != "resolved"]
    want = {one["id"]: one["status"] for one in incidents if began_at(one) > since}
    assert (len(want) > CAP, len(open_and_old)) == (True, OPEN_AND_OLD)
    want |= {one["id"]: one["status"] for one in open_and_old}
    assert held(stage) == want
    kind = ended.result["kinds"]["incidents"]
    assert (kind["state"], kind["announced"], kind["fetched"]) == ("complete", len(want), len(want))
    refused = [one for one in stage.pagerduty.counters()["counters"] if one["status"] != 200]
    assert refused == []


def test_date_range_all_brings_every_incident_of_all_history(stage: Stage) -> None:
    ended = sync(stage, mapping(parameters=ALL))

    assert ended.code == 0, ended.err + ended.out
    want = {one["id"]: one["status"] for one in stage.pagerduty.state()["incidents"].values()}
    assert held(stage) == want
    kind = ended.result["kinds"]["incidents"]
    assert (kind["state"], kind["announced"], kind["fetched"]) == ("complete", MADE, MADE)
    windows = [dict(one["query"]) for one in stage.pagerduty.requests() if "since" in dict(one["query"])]
    lengths = [datetime.fromisoformat(one["until"]) - datetime.fromisoformat(one["since"]) for one in windows]
    assert max(lengths) <= WINDOW


def test_kind_that_time_does_not_cut_is_read_to_the_cap_and_is_incomplete(stage: Stage) -> None:
    ended = sync(stage, mapping(kind="users").replace(".status", ".role"))

    assert ended.code == 1, ended.err + ended.out
    users = stage.pagerduty.state()["users"]
    assert ended.result["state"] == "completed_with_failures"
    kind = ended.result["kinds"]["users"]
    assert (kind["state"], kind["announced"], kind["fetched"]) == ("incomplete", len(users), CAP)
    assert kind["reason"] == (
        f"PagerDuty lists at most {CAP} rows, there are {len(users)}; narrow apiQueryParams"
    )
    have = held(stage)
    assert len(have) == CAP
    assert have.items() <= {identifier: user["role"] for identifier, user in users.items()}.items()
