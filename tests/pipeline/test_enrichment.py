"""Runs `pagerport sync` with mappings that read on-calls, e-mails, analytics and custom fields."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml

from tests.oracle import differences, expected_catalog
from tests.pipeline.harness import TOKEN, Stage, pagerduty, port

pytestmark = pytest.mark.pipeline
Json = Any
DEFAULTS = files("services.fetcher.defaults")
DEFAULT_BLUEPRINTS: list[Json] = orjson.loads(DEFAULTS.joinpath("blueprints.json").read_bytes())
DEFAULT_MAPPING = DEFAULTS.joinpath("mapping.yaml").read_text()


def blueprint(identifier: str, **types: str) -> Json:
    properties = {name: {"type": text} for name, text in types.items()}
    return {
        "identifier": identifier,
        "title": identifier,
        "schema": {"properties": properties, "required": []},
        "relations": {},
    }


BLUEPRINTS = [
    blueprint(
        "service", environment="string", regions="array", count="number", onCall="array", people="array"
    ),
    blueprint("yearly", count="number", meanSecondsToResolve="number"),
    blueprint("incident", secondsToResolve="number", service="string", impact="string", number="number"),
    blueprint("field", value="string"),
]
MAPPING = """
resources:
  - kind: services
    selector:
      query: .__analytics.total_incident_count >= 0
      includeCustomFields: true
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"service"'
          properties:
            environment: '[.__custom_fields[] | select(.name == "environment") | .value][0]'
            regions: '[.__custom_fields[] | select(.name == "regions") | .value[]]'
            count: .__analytics.total_incident_count
            onCall: '[.__oncall_user[] | .user.email]'
            people: '[.__oncall_user[] | "\\(.escalation_level) \\(.user.name) \\(.schedule.id) \\(.start)"]'
  - kind: services
    selector:
      query: "true"
      analyticsMonthsPeriod: 6
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"yearly"'
          properties:
            count: .__analytics.total_incident_count
            meanSecondsToResolve: .__analytics.mean_seconds_to_resolve
  - kind: incidents
    selector:
      query: "true"
      incidentAnalytics: true
      includeCustomFields: true
    port:
      entity:
        mappings:
          identifier: .id
          title: .__analytics.description
          blueprint: '"incident"'
          properties:
            secondsToResolve: .__analytics.seconds_to_resolve
            service: .__analytics.service_name
            number: .__analytics.incident_number
            impact: '[.__custom_fields[] | select(.name == "impact") | .value][0]'
  - kind: services
    selector:
      query: "true"
      includeCustomFields: true
    port:
      itemsToParse: .__custom_fields
      entity:
        mappings:
          identifier: .id + "-" + .item.id
          title: .item.display_name
          blueprint: '"field"'
          properties:
            value: .item.value | tojson
"""


@contextmanager
def stage_of(tmp_path: Path, blueprints: Sequence[Json], *sizes: str) -> Iterator[Stage]:
    with (
        pagerduty("--account", "small", "--old-open-incidents", "3", *sizes) as source,
        port(tmp_path, blueprints=blueprints) as target,
    ):
        yield Stage(source, target, tmp_path)


def expected(stage: Stage, mapping: str) -> Json:
    headers = {
        "Authorization": f"Token token={TOKEN}",
        "Accept": "application/vnd.pagerduty+json;version=2",
    }
    with httpx.Client(base_url=stage.pagerduty.url, headers=headers, timeout=30) as client:
        return expected_catalog(client, yaml.safe_load(mapping))


def counts(stage: Stage) -> dict[str, int]:
    """Return how many requests PagerDuty got, by route."""
    found: dict[str, int] = {}
    for one in stage.pagerduty.counters()["counters"]:
        found[one["route"]] = found.get(one["route"], 0) + one["count"]
    return found


def values_of(catalog: Json, blueprint: str, name: str) -> list[Json]:
    """Return a property of all entities of a blueprint that have it."""
    held = (entity["properties"].get(name) for entity in catalog[blueprint].values())
    return [value for value in held if value not in (None, [])]


def test_default_mapping_equals_the_oracle_property_by_property(tmp_path: Path) -> None:
    sizes = ("--services", "120", "--schedules", "130", "--policies", "40", "--users", "150")
    with stage_of(tmp_path, DEFAULT_BLUEPRINTS, *sizes, "--incidents", "200") as stage:
        ended = stage.run("sync", "--mapping", stage.mapping(DEFAULT_MAPPING), "--json")
        assert (ended.code, ended.result["warnings"]) == (0, []), ended.err
        asked = counts(stage)
        have = stage.catalog()
        assert differences(expected(stage, DEFAULT_MAPPING), have, stage.blueprints()) == []
        # Both are kinds here too, on-calls those of three months; beside that each is read once.
        assert (asked["/users"], asked["/oncalls"]) == (2 + 2, 2 + 1)
        assert asked["/analytics/metrics/incidents/services"] == 2
        for name, properties in {
            "pagerdutyService": ("oncall", "secondaryOncall", "escalationLevels", "meanSecondsToResolve"),
            "pagerdutyEscalationPolicy": ("primaryOncall",),
            "pagerdutySchedule": ("users",),
        }.items():
            for one in properties:
                assert len(values_of(have, name, one)) > 30, one

        before = stage.port.counters()["writes"]
        assert stage.run("sync", "--mapping", stage.mapping(DEFAULT_MAPPING)).code == 0
        assert stage.port.counters()["writes"] == before


def test_custom_fields_analytics_and_two_periods_equal_the_oracle(tmp_path: Path) -> None:
    with stage_of(tmp_path, BLUEPRINTS, "--services", "30", "--incidents", "250") as stage:
        state = stage.pagerduty.state()
        for number, incident in enumerate(sorted(state["incidents"])[:40]):
            value = {"id": "PIMPACT", "name": "impact", "display_name": "Impact", "value": f"impact {number}"}
            stage.pagerduty.http.put(
                f"/_sim/objects/incidents/{incident}/custom_fields/values/PIMPACT", json=value
            ).raise_for_status()
        ended = stage.run("sync", "--mapping", stage.mapping(MAPPING), "--json")
        assert (ended.code, ended.result["warnings"]) == (0, []), ended.err
        asked = counts(stage)
        have = stage.catalog()
        assert differences(expected(stage, MAPPING), have, stage.blueprints()) == []
        assert len(values_of(have, "incident", "impact")) == 40
        assert len(values_of(have, "incident", "number")) == 250
        assert sum(values_of(have, "yearly", "count")) > sum(values_of(have, "service", "count")) > 0
        assert values_of(have, "service", "people")
        # The 247 younger ones in one request, the three older than the window alone.
        assert (asked["/analytics/raw/incidents"], asked["/analytics/raw/incidents/{id}"]) == (1, 3)
        assert asked["/incidents/{id}/custom_fields/values"] == 250


def test_what_cannot_be_had_leaves_its_properties_and_says_so(tmp_path: Path) -> None:
    with stage_of(tmp_path, DEFAULT_BLUEPRINTS, "--services", "30", "--incidents", "100") as stage:
        mapping = stage.mapping(DEFAULT_MAPPING)
        assert stage.run("sync", "--mapping", mapping).code == 0
        before = stage.catalog()
        writes = stage.port.counters()["writes"]
        assert values_of(before, "pagerdutyService", "meanSecondsToResolve")

        stage.pagerduty.http.patch("/_sim/service", json={"analytics_per_day": 0}).raise_for_status()
        stage.pagerduty.script(
            {"match": {"path": "/oncalls", "query": {"until": None}}, "action": {"status": 403}}
        )
        ended = stage.run("sync", "--mapping", mapping, "--json")

        assert (ended.code, ended.result["state"]) == (0, "completed"), ended.err
        assert stage.catalog() == before
        assert stage.port.counters()["writes"] == writes
        kinds = ended.result["kinds"]
        assert {kind["state"] for kind in kinds.values()} == {"complete"}
        warnings = ended.result["warnings"]
        said = sorted(warning.split(";")[0] for warning in warnings if warning.startswith("__"))
        stays = [warning for warning in warnings if not warning.startswith("__")]
        assert stays
        assert all("reads what could not be had this time" in warning for warning in stays)
        assert said == [
            "__analytics could not be had for 30 services",
            "__oncall_user could not be had for 30 services",
            "__oncall_users could not be had for 3 escalation_policies",
        ]
        report = stage.run("sync", "--mapping", mapping)
        assert "warning: __analytics could not be had for 30 services; what is made of it stays" in report.out
