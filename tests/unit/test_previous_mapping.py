"""Tests what a run proposes to delete because only a previous version of the mapping made it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.entity_change import EntityChange
from schemas.headers import Operation
from schemas.mapping import MappingFile, MappingInForce
from services.mapper.mapped import Mapped, RawObject
from services.mapper.objects import ObjectMapper
from services.mapper.plan import build_plan
from shared.sources import plan_sources
from tests.mapper_builders import NOW, a_raw, an_entry

Json = Any
PROPERTIES: dict[str, Any] = {"properties": {"a": ".title"}}


def in_force(entries: list[Json], *previous: list[Json], **root: Json) -> MappingInForce:
    return MappingInForce(
        version=9,
        config=MappingFile.model_validate({"resources": entries, **root}),
        previous=tuple(
            {"version": n, "config": {"resources": one}} for n, one in enumerate(previous, start=1)
        ),
    )


def map_in_run(mapping: MappingInForce, raw: RawObject) -> Mapped:
    plan = build_plan(mapping, plan_sources(mapping.config, now=NOW))
    return ObjectMapper(json.loads(json.dumps(plan))).map_object(replace(raw, in_run=True))


def proposals(mapped: Mapped) -> list[tuple[str, str, str]]:
    changes = [EntityChange.model_validate_json(change.value) for change in mapped.changes]
    return [
        (one.blueprint, str(one.identifier), one.reason)
        for one in changes
        if one.operation is Operation.DELETE
    ]


OLD = an_entry(identifier=".name", **PROPERTIES)
NEW = an_entry(**PROPERTIES)
OBJECT = a_raw({"id": "I1", "name": "one", "title": "t"})


def test_what_only_a_previous_version_made_is_proposed() -> None:
    mapped = map_in_run(in_force([NEW], [OLD]), OBJECT)
    assert proposals(mapped) == [("incident", "one", "previous")]
    assert mapped.counts == {"mapped": 1, "emitted": 2}


def test_every_version_since_the_last_green_run_counts_once() -> None:
    older = an_entry(identifier=".title", **PROPERTIES)
    mapped = map_in_run(in_force([NEW], [older], [OLD], [OLD]), OBJECT)
    assert sorted(proposals(mapped)) == [("incident", "one", "previous"), ("incident", "t", "previous")]


def test_what_the_new_version_makes_too_is_not_proposed() -> None:
    same_key = an_entry(identifier=".id | tostring", **PROPERTIES)
    assert proposals(map_in_run(in_force([NEW], [same_key]), OBJECT)) == []


def test_change_of_properties_alone_leaves_nothing_to_evaluate() -> None:
    mapping = in_force([NEW], [an_entry(properties={"b": ".name"}, title=".title")])
    assert build_plan(mapping, plan_sources(mapping.config, now=NOW))["previous"] == []


def test_live_changes_propose_nothing_of_previous_versions() -> None:
    plan = build_plan(in_force([NEW], [OLD]), plan_sources(in_force([NEW]).config, now=NOW))
    assert proposals(ObjectMapper(plan).map_object(OBJECT)) == []


def test_object_that_the_previous_selector_did_not_take_made_nothing() -> None:
    closed = an_entry(identifier=".name", query='.title == "x"', **PROPERTIES)
    assert proposals(map_in_run(in_force([NEW], [closed]), OBJECT)) == []


def test_annotations_of_a_previous_version_are_never_proposed() -> None:
    annotating = an_entry(blueprint='"service"', identifier=".name", relations={"i": ".id"})
    assert proposals(map_in_run(in_force([NEW], [annotating]), OBJECT)) == []


@pytest.mark.parametrize(
    ("entry", "omitted"),
    [
        (an_entry(identifier='.title | error("x")', **PROPERTIES), ()),
        (an_entry(query=".__analytics.a == 1", **PROPERTIES), ("__analytics",)),
    ],
    ids=["failed", "not judged"],
)
def test_object_of_which_the_new_version_is_not_sure_proposes_nothing(
    entry: Json, omitted: tuple[str, ...]
) -> None:
    assert proposals(map_in_run(in_force([entry], [OLD]), replace(OBJECT, omitted=omitted))) == []


def test_kind_that_is_not_mapped_any_more_proposes_all_that_it_made() -> None:
    schedules = an_entry(kind="schedules", blueprint='"schedule"', **PROPERTIES)
    mapped = map_in_run(in_force([schedules], [OLD]), OBJECT)
    assert (proposals(mapped), mapped.counts) == (
        [("incident", "one", "previous")],
        {"filtered": 1, "emitted": 1},
    )


def test_deleted_object_takes_what_a_previous_version_made_with_it() -> None:
    raw = a_raw({"id": "I1", "name": "one"}, deleted=True)
    assert proposals(map_in_run(in_force([NEW], [OLD]), raw)) == [
        ("incident", "I1", "object_deleted"),
        ("incident", "one", "previous"),
    ]


def test_deleted_object_without_the_key_names_nothing() -> None:
    raw = a_raw({"id": "I1"}, deleted=True)
    assert proposals(map_in_run(in_force([NEW], [OLD]), raw)) == [("incident", "I1", "object_deleted")]


def test_items_that_the_new_version_does_not_parse_are_proposed() -> None:
    items = an_entry(items=".teams", blueprint='"team"', identifier=".item.id", **PROPERTIES)
    raw = a_raw({"id": "I1", "title": "t", "teams": [{"id": "T1"}, {"id": "T2"}]})
    assert proposals(map_in_run(in_force([NEW], [items]), raw)) == [
        ("team", "T1", "previous"),
        ("team", "T2", "previous"),
    ]


@pytest.mark.parametrize(
    "previous",
    [
        {"version": 1},
        {"config": {"resources": "x"}},
        {"config": {"resources": [an_entry(identifier=".name | (")]}},
        {"config": {"resources": [an_entry(kind="no_such_kind")]}},
    ],
)
def test_previous_version_that_cannot_be_read_is_left_out_with_a_warning(
    previous: Json, caplog: pytest.LogCaptureFixture
) -> None:
    mapping = in_force([NEW]).model_copy(update={"previous": (previous,)})
    assert build_plan(mapping, plan_sources(mapping.config, now=NOW))["previous"] == []
    assert "what only it made stays in Port" in caplog.text
