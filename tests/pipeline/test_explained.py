"""Runs `pagerport explain` on the log of a sync, against a Port that somebody has changed since."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.harness import CLIENT_ID, CLIENT_SECRET, Stage, pagerduty, port
from tests.pipeline.mappings import SPINE

pytestmark = pytest.mark.pipeline


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small") as source, port(tmp_path) as target:
        yield Stage(source, target, tmp_path)


def edit(stage: Stage, blueprint: str, identifier: str, **entity: object) -> None:
    """Change an entity as somebody else would."""
    credentials = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    token = stage.port.http.post("/v1/auth/access_token", json=credentials).json()["accessToken"]
    stage.port.http.patch(
        f"/v1/blueprints/{blueprint}/entities/{identifier}",
        params={"create_missing_related_entities": "false"},
        json=entity,
        headers={"authorization": f"Bearer {token}"},
    ).raise_for_status()


def test_entity_is_explained_value_by_value(stage: Stage) -> None:
    log = str(stage.folder / "log.sqlite")
    assert stage.run("sync", "--mapping", stage.mapping(SPINE), OCEAN__LOG__FILE=log).code == 0
    identifier, entity = next(iter(stage.catalog()["pagerdutyService"].items()))

    def explained() -> tuple[dict[str, str], str]:
        ended = stage.run("explain", "pagerdutyService", identifier, "--json", OCEAN__LOG__FILE=log)
        assert ended.code == 0, ended.err
        values = ended.result["port"]["values"]
        return {one["path"]: one["verdict"] for one in values}, ended.result["port"]["expected"]

    verdicts, expected = explained()
    assert (set(verdicts.values()), expected) == ({"equal"}, "present")
    assert verdicts.keys() >= {"title", "properties.url"}
    edit(stage, "pagerdutyService", identifier, title="Renamed by hand")
    assert [path for path, verdict in explained()[0].items() if verdict == "differs"] == ["title"]
    shown = stage.run("explain", "pagerdutyService", identifier, OCEAN__LOG__FILE=log).out
    assert "one value differs" in shown
    assert json.dumps(entity["title"]) in shown


def test_log_is_told_also_where_port_refuses_us(stage: Stage) -> None:
    log = str(stage.folder / "log.sqlite")
    assert stage.run("sync", "--mapping", stage.mapping(SPINE), OCEAN__LOG__FILE=log).code == 0
    identifier = next(iter(stage.catalog()["pagerdutyService"]))

    ended = stage.run(
        "explain",
        "pagerdutyService",
        identifier,
        OCEAN__LOG__FILE=log,
        OCEAN__PORT__CLIENT_SECRET="wrong",
    )

    assert ended.code == 3
    assert "passed the writer" in ended.out
    assert "Port was not asked: Port refuses" in ended.out
