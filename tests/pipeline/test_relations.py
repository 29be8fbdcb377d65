"""Runs syncs that must not create missing relation targets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import Stage, pagerduty, port

pytestmark = pytest.mark.pipeline


def blueprint(identifier: str, **relations: str) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "title": identifier,
        "schema": {"properties": {"name": {"type": "string"}}, "required": []},
        "relations": {
            name: {"target": target, "required": False, "many": name.endswith("s")}
            for name, target in relations.items()
        },
    }


def entry(kind: str, blueprint: str, **relations: str) -> str:
    lines = "".join(f"\n            {name}: '{expression}'" for name, expression in relations.items())
    return f"""
  - kind: {kind}
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"{blueprint}"'
          properties:
            name: .summary
          relations:{lines or " {}"}"""


def mapping(*entries: str) -> str:
    return "createMissingRelatedEntities: false\nresources:" + "".join(entries)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    blueprints = [
        blueprint("policy"),
        blueprint("schedule", policies="policy"),
        blueprint("service", policy="policy"),
        blueprint("incident", service="service"),
    ]
    with (
        pagerduty("--account", "small", "--incidents", "60") as source,
        port(tmp_path, blueprints=blueprints) as target,
    ):
        yield Stage(source, target, tmp_path)


INCIDENTS = entry("incidents", "incident", service=".service.id")
SERVICES = entry("services", "service", policy=".escalation_policy.id")
POLICIES = entry("escalation_policies", "policy")
SCHEDULES = entry("schedules", "schedule", policies="[.escalation_policies[].id]")


def test_targets_reach_port_before_what_points_at_them(stage: Stage) -> None:
    text = mapping(INCIDENTS, SERVICES, POLICIES)
    ended = stage.run("sync", "--mapping", stage.mapping(text), "--json")
    assert ended.code == 0, ended.err
    assert all(set(kind["writer"]) == {"written"} for kind in ended.result["kinds"].values())
    assert all(one["relations"]["service"] for one in stage.catalog()["incident"].values())
    singles = [one for one in stage.pagerduty.requests() if one["path"].count("/") > 1]
    assert singles == []


def test_target_that_comes_later_in_the_run_heals_what_points_at_it(stage: Stage) -> None:
    ended = stage.run("sync", "--mapping", stage.mapping(mapping(SCHEDULES, POLICIES)), "--json")
    assert ended.code == 0, ended.err
    schedules = ended.result["kinds"]["schedules"]
    assert schedules["writer"] == {"written": schedules["fetched"]}
    pointing = [one for one in stage.catalog()["schedule"].values() if one["relations"].get("policies")]
    asked_again = [one["path"] for one in stage.pagerduty.requests() if one["path"].startswith("/schedules/")]
    assert sorted(asked_again) == sorted(f"/schedules/{one['identifier']}" for one in pointing)
    assert pointing


def test_target_that_never_comes_is_named_and_the_run_is_not_green(stage: Stage) -> None:
    ended = stage.run("sync", "--mapping", stage.mapping(mapping(SERVICES)), "--json")
    assert ended.code == 1
    services = ended.result["kinds"]["services"]
    assert services["writer"] == {"unmet": services["fetched"]}
    assert ended.result["failure_count"] == services["fetched"]
    assert ended.result["failures_by_reason"] == {"relation_target_missing": services["fetched"]}
    assert stage.catalog() == {}
