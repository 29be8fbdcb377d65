"""Runs `pagerport sync` with a mapping of every option; each property is compared with the oracle's."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.oracle import differences, expected_catalog
from tests.pipeline.harness import CLIENT_ID, CLIENT_SECRET, TOKEN, Stage, pagerduty, port
from tests.pipeline.rich_account import BLUEPRINTS, iso, more_objects

pytestmark = pytest.mark.pipeline
Json = Any
MAPPING = Path(__file__).with_name("rich_mapping.yaml").read_text(encoding="utf-8")
SIZES = {"services": 60, "incidents": 300, "users": 140, "teams": 6, "schedules": 25, "policies": 20}
PORT_TEAMS = ("Payments", "Commerce", "Identity")
"""Fewer than PagerDuty has: a team's search query finds what Port knows."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    sizes = [word for name, count in SIZES.items() for word in (f"--{name}", str(count))]
    with (
        pagerduty("--account", "small", "--old-open-incidents", "3", *sizes) as source,
        port(tmp_path, blueprints=BLUEPRINTS) as target,
    ):
        stage = Stage(source, target, tmp_path)
        for kind, objects in more_objects(source.state(), datetime.now(UTC)).items():
            for one in objects:
                source.http.put(f"/_sim/objects/{kind}/{one['id']}", json=one).raise_for_status()
        add_teams(stage)
        yield stage


def add_teams(stage: Stage) -> None:
    """Add teams to Port, as somebody else does."""
    credentials = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    answer = stage.port.http.post("/v1/auth/access_token", json=credentials).raise_for_status()
    headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    for name in PORT_TEAMS:
        stage.port.http.post(
            "/v1/blueprints/_team/entities",
            params={"upsert": "true"},
            headers=headers,
            json={"identifier": name, "title": name},
        ).raise_for_status()


def mapping_text() -> str:
    """Return the mapping with its instants, which lie around now as the account does."""
    now = datetime.now(UTC).replace(microsecond=0)
    instants = {"SINCE": now - timedelta(days=100), "MIDDLE": now - timedelta(days=60), "UNTIL": now}
    text = MAPPING
    for name, at in instants.items():
        text = text.replace(f"'{name}'", f"'{iso(at)}'")
    return text


def expected(stage: Stage, text: str) -> Json:
    headers = {"Authorization": f"Token token={TOKEN}", "Accept": "application/vnd.pagerduty+json;version=2"}
    with httpx.Client(base_url=stage.pagerduty.url, headers=headers, timeout=30) as client:
        return expected_catalog(client, yaml.safe_load(text))


def held(stage: Stage) -> dict[str, dict[str, Json]]:
    """Return what Port holds, less its own teams."""
    return {blueprint: of for blueprint, of in stage.catalog().items() if blueprint != "_team"}


def test_rich_mapping_equals_the_oracle_and_a_second_sync_writes_only_what_it_searches(stage: Stage) -> None:
    text = mapping_text()
    assert len(yaml.safe_load(text)["resources"]) == 33
    file = stage.mapping(text)
    ended = stage.run("sync", "--mapping", file, "--json")
    assert ended.out, ended.err
    assert (ended.code, ended.result["state"], ended.result["failures"]) == (0, "completed", []), ended.err
    assert {kind["state"] for kind in ended.result["kinds"].values()} == {"complete"}
    want, have = expected(stage, text), held(stage)
    assert differences(want, have, stage.blueprints(), PORT_TEAMS) == []
    # Every blueprint is filled, and so is every property and relation that can be.
    filled = Counter(
        f"{blueprint}.{name}"
        for (blueprint, _), entity in want.items()
        for name, value in {**entity.properties, **entity.relations}.items()
        if value not in (None, [])
    )
    never = {"never", "wrong", "absent", "trouble", "none", "unsaid", "secret", "token"}
    empty = {
        f"{one['identifier']}.{name}"
        for one in BLUEPRINTS
        for name in {*one["schema"]["properties"], *one["relations"]} - never
    } - set(filled)
    assert empty == set()

    before = stage.port.counters()["writes"]
    again = stage.run("sync", "--mapping", file, "--json")
    assert again.code == 0, again.err
    after = stage.port.counters()["writes"]
    # What a search query finds can be compared with nothing, so that it is written each time: entities whose
    # identifier, team or relation is one.
    annotated = sum(1 for one in stage.pagerduty.state()["business_services"].values() if one["description"])
    searching = Counter(
        blueprint
        for (blueprint, _), entity in want.items()
        if any(isinstance(value, dict) for value in (entity.team, *entity.relations.values()))
    )
    assert min(annotated, searching.total()) > 20
    # Services make other entities as well, which a relation may look for: they are listed twice.
    written = annotated + searching.total() + searching["integration"]
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "entity_writes": written,
        "entities_updated": written,
    }
    assert values_of(held(stage)) == values_of(have)


def values_of(catalog: dict[str, dict[str, Json]]) -> Json:
    """Return a catalog without what Port itself notes on its entities."""
    kept = ("title", "icon", "team", "properties", "relations")
    return {
        blueprint: {identifier: {name: one.get(name) for name in kept} for identifier, one in of.items()}
        for blueprint, of in catalog.items()
    }
