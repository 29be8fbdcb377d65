"""Runs syncs whose entities, relations and identifiers are found by search queries."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import Stage, pagerduty, port

pytestmark = pytest.mark.pipeline
Json = Any

SERVICES = """
  - kind: services
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"service"'
          properties:
            name: .name
            tier: if .name < "m" then "low" else "high" end
"""
FOUND = """
  - kind: {kind}
    selector:
      query: {query}
    port:
      entity:
        mappings:
          identifier:
            combinator: '"and"'
            rules:
              - property: '"{by}"'
                operator: '"="'
                value: {value}
          blueprint: '"service"'
          properties:
            note: .summary
"""


def blueprint(identifier: str, *properties: str, **targets: str) -> Json:
    return {
        "identifier": identifier,
        "title": identifier,
        "schema": {"properties": {name: {"type": "string"} for name in properties}, "required": []},
        "relations": {
            name: {"title": name, "target": target, "required": False, "many": False}
            for name, target in targets.items()
        },
    }


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    blueprints = [blueprint("service", "name", "tier", "note"), blueprint("tag", service="service")]
    with (
        pagerduty("--account", "small", "--services", "40") as source,
        port(tmp_path, blueprints=blueprints) as target,
    ):
        yield Stage(source, target, tmp_path)


@pytest.mark.parametrize("create_missing", ["true", "false"])
def test_entity_of_the_same_listing_is_found_before_the_run_ends(stage: Stage, create_missing: str) -> None:
    found = FOUND.format(kind="services", query='"true"', by="name", value=".name")
    # The entry that finds stands before the one that makes.
    text = f"createMissingRelatedEntities: {create_missing}\nresources:{found}{SERVICES}"
    ended = stage.run("sync", "--mapping", stage.mapping(text), "--json")
    assert (ended.code, ended.result["failures"]) == (0, []), ended.out
    names = {one["id"]: one["name"] for one in stage.pagerduty.state()["services"].values()}
    assert {
        identifier: (one["properties"]["name"], one["properties"]["note"])
        for identifier, one in stage.catalog()["service"].items()
    } == {identifier: (name, name) for identifier, name in names.items()}


def test_entities_that_are_found_by_a_later_kind_are_there_whatever_the_mapping_order(stage: Stage) -> None:
    tags = """
  - kind: tags
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"tag"'
          relations:
            service:
              combinator: '"and"'
              rules:
                - property: '"name"'
                  operator: '"="'
                  value: '"payments-api"'
"""
    ended = stage.run("sync", "--mapping", stage.mapping(f"resources:{tags}{SERVICES}"), "--json")
    assert (ended.code, ended.result["failures"]) == (0, []), ended.out
    (service,) = [
        one["identifier"]
        for one in stage.catalog()["service"].values()
        if one["properties"]["name"] == "payments-api"
    ]
    assert [one["relations"]["service"] for one in stage.catalog()["tag"].values()] == [service] * 3


def test_relation_finds_what_the_same_objects_make(stage: Stage) -> None:
    tags = """
  - kind: services
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: '"of-" + .id'
          blueprint: '"tag"'
          relations:
            service:
              combinator: '"and"'
              rules:
                - property: '"name"'
                  operator: '"="'
                  value: .name
"""
    ended = stage.run("sync", "--mapping", stage.mapping(f"resources:{tags}{SERVICES}"), "--json")
    assert (ended.code, ended.result["failures"]) == (0, []), ended.out
    assert {
        identifier: one["relations"]["service"] for identifier, one in stage.catalog()["tag"].items()
    } == {f"of-{identifier}": identifier for identifier in stage.catalog()["service"]}


def test_search_that_finds_none_or_several_is_named_and_costs_only_itself(stage: Stage) -> None:
    none = FOUND.format(kind="tags", query='.label == "pci"', by="name", value=".label")
    several = FOUND.format(kind="tags", query='.label == "tier-1"', by="tier", value="'\"low\"'")
    ended = stage.run("sync", "--mapping", stage.mapping(f"resources:{none}{several}{SERVICES}"), "--json")
    assert (ended.code, ended.result["state"]) == (1, "completed_with_failures"), ended.err
    ids = {one["label"]: one["id"] for one in stage.pagerduty.state()["tags"].values()}
    assert sorted((one["object_id"], one["reason"]) for one in ended.result["failures"]) == sorted(
        [(ids["pci"], "relation_target_missing"), (ids["tier-1"], "refused")]
    )
    services = stage.catalog()["service"]
    assert len(services) == 40
    assert not any("note" in one["properties"] for one in services.values())
