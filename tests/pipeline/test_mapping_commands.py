"""Runs `pagerport mapping apply --id`, `check --port`, `diff`, and a sync of a mapping of events only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import Stage, pagerduty, port
from tests.pipeline.mappings import PAGE

pytestmark = pytest.mark.pipeline
Json = Any

ENRICHED = """
resources:
  - kind: services
    selector: {query: "true"}
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutyService"'
          properties:
            status: .status
            oncall: '[.__oncall_user[].user.email]'
            policy: .escalation_policy.name
          relations:
            nowhere: .id
  - kind: oncalls
    port:
      entity:
        mappings: {identifier: .user.id, blueprint: '"nowhere"'}
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small") as source, port(tmp_path) as target:
        yield Stage(source, target, tmp_path)


def some_id(stage: Stage, kind: str) -> str:
    found: str = next(iter(stage.pagerduty.state()[kind]))
    return found


def test_object_is_asked_for_with_the_enrichment_of_its_source(stage: Stage) -> None:
    service = some_id(stage, "services")
    mapping = stage.mapping(ENRICHED)

    ended = stage.run("mapping", "apply", mapping, "--kind", "services", "--id", service, "--json")

    (trial,) = json.loads(ended.out)
    (entity,) = trial["entities"]
    assert (ended.code, trial["object_id"], entity["identifier"]) == (0, service, service)
    assert all("@" in email for email in entity["values"]["properties.oncall"])
    assert entity["values"]["properties.oncall"] != []
    assert entity["values"]["properties.policy"] is None
    asked = {request["path"] for request in stage.pagerduty.requests()}
    assert f"/services/{service}" in asked
    assert stage.port.requests() == []


def test_object_that_is_not_there_or_cannot_be_asked_for_is_said(stage: Stage) -> None:
    mapping = stage.mapping(ENRICHED)

    missing = stage.run("mapping", "apply", mapping, "--kind", "services", "--id", "PNOTHERE")
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.strip().endswith(
        "PagerDuty does not give /services/PNOTHERE; see that the id is right"
    )
    listed = stage.run("mapping", "apply", mapping, "--kind", "oncalls", "--id", "X")
    assert (listed.code, "only as a list" in listed.err) == (2, True)
    refused = stage.run(
        *("mapping", "apply", mapping, "--kind", "services", "--id", "X"),
        OCEAN__INTEGRATION__CONFIG__TOKEN="u+wrongTokenXYZ",
    )
    assert refused.code == 3
    assert "u+wrong" not in refused.err


def test_mapping_is_compared_with_the_blueprints_of_port(stage: Stage) -> None:
    ended = stage.run("mapping", "check", stage.mapping(ENRICHED), "--port", "--json")

    document = json.loads(ended.out)
    said = {one["path"].rpartition(".")[2]: one["message"] for one in document["problems"]}
    assert (ended.code, document["sound"]) == (2, False)
    assert said["nowhere"].startswith("pagerdutyService has no relation nowhere: it is never sent")
    assert said["policy"].startswith("a reference to escalation_policies has no name here: it needs")
    assert "Port has no blueprint nowhere" in said["blueprint"]
    assert stage.pagerduty.requests() == []
    assert {request["method"] for request in stage.port.requests()} == {"GET", "POST"}
    assert [
        one for one in stage.port.requests() if one["method"] == "POST" and "token" not in one["path"]
    ] == []


def test_what_does_not_compile_is_said_beside_what_port_lacks_or_alone_without_port(stage: Stage) -> None:
    mapping = stage.mapping(ENRICHED.replace("status: .status", "status: .status | foo"))

    both = stage.run("mapping", "check", mapping, "--port")
    alone = stage.run("mapping", "check", mapping, "--port", OCEAN__PORT__CLIENT_SECRET="")

    assert (both.code, alone.code) == (2, 2)
    assert all("foo/0 is not defined" in ended.out for ended in (both, alone))
    assert "Port has no blueprint nowhere" in both.out
    assert (both.err, "OCEAN__PORT__CLIENT_SECRET: is missing" in alone.err) == ("", True)


def test_mappings_are_compared_over_the_log_of_a_sync(stage: Stage) -> None:
    log = stage.folder / "log.db"
    old = stage.mapping(PAGE)
    assert stage.run("sync", "--mapping", old, OCEAN__LOG__FILE=str(log)).code == 0
    new = stage.mapping(PAGE.replace("url: .self", "url: .html_url"), "new.yaml")

    ended = stage.run("mapping", "diff", old, new, "--limit", "1", OCEAN__LOG__FILE=str(log))

    catalog = stage.catalog()
    incidents, services = (len(catalog[f"pagerduty{name}"]) for name in ("Incident", "Service"))
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[:2] == [
        f"pagerdutyIncident: {incidents} changed, 0 new, 0 gone, 0 the same",
        f"  properties.url: {incidents}",
    ]
    assert f"pagerdutyService: 0 changed, 0 new, 0 gone, {services} the same" in lines
    assert f"  {incidents - 1} more with a higher --limit" in lines


def test_mapping_of_events_only_syncs_nothing_and_says_so(stage: Stage) -> None:
    mapping = stage.mapping("- {blueprint: pagerdutyIncident, entity: {identifier: .body.event.data.id}}\n")

    ended = stage.run("sync", "--mapping", mapping, "--json")

    assert ended.code == 0, ended.err
    assert ended.result["kinds"] == {}
    assert "webhookMappings: is all there is: entities are made of events as they come" in ended.err
    assert stage.catalog() == {}
