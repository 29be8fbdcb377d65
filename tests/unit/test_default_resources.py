"""Proves that the default mapping and the default blueprints fit each other and what PagerDuty gives."""

import json
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.mapping import EntityMapping, Resource
from services.fetcher.blueprint_plan import constant_blueprints
from services.fetcher.default_resources import default_blueprints, default_mapping
from services.writer.coercion import coerce, is_valid_identifier
from services.writer.shape import read_shape
from shared.jq_engine import LibjqEngine, Program
from shared.jq_text import constant_text
from shared.mapping_file import check_mapping
from simulators.port.app import create_app
from tests.unit.sim_pagerduty_client import client, simulator

CONFIG = default_mapping().config
BLUEPRINTS = {one["identifier"]: one for one in default_blueprints()}
KINDS = ("users", "escalation_policies", "schedules", "services", "incidents", "oncalls")
ONCALLS = [
    {
        "escalation_policy": {
            "id": "PPOL1",
            "summary": "Commerce",
            "html_url": "https://acme.pagerduty.com/e/1",
        },
        "escalation_level": level,
        "user": {"id": user, "name": user, "summary": user, "email": f"{user.lower()}@acme.example"},
        "schedule": None,
        "start": None,
        "end": None,
    }
    for level, user in ((1, "PUSR2"), (1, "PUSR1"), (2, "PUSR1"), (4, "PUSR3"))
]
"""Who is on call at a policy: two people on a level, one person on two, and nobody on the third."""
ANALYTICS = {
    "mean_seconds_to_resolve": 1234,
    "mean_seconds_to_first_ack": 12,
    "mean_seconds_to_engage": None,
}


def blueprint_of(resource: Resource) -> str:
    return constant_text(resource.port.entity.mappings.blueprint) or ""


@cache
def compiled(expression: str) -> Program:
    return LibjqEngine().compile(expression)


def run(expression: object, document: Any) -> Any:
    assert isinstance(expression, str)
    (value,) = compiled(expression).first(json.dumps(document))
    return value


def body_of(mapping: EntityMapping, document: Any) -> dict[str, Any]:
    return {
        "properties": {name: run(text, document) for name, text in mapping.properties.items()},
        "relations": {name: run(text, document) for name, text in mapping.relations.items()},
    }


def oncall_identifier(row: Any) -> str:
    (entry,) = (one for one in CONFIG.resources if one.kind == "oncalls")
    identifier = run(entry.port.entity.mappings.identifier, row)
    assert isinstance(identifier, str)
    return identifier


def property_of(blueprint: str, name: str, document: Any) -> Any:
    (text,) = (
        one.port.entity.mappings.properties[name]
        for one in CONFIG.resources
        if blueprint_of(one) == blueprint and name in one.port.entity.mappings.properties
    )
    return run(text, document)


async def objects() -> list[tuple[Resource, Any]]:
    """Return every entry with every object it gets of a simulated account, less and more enriched."""
    found: list[tuple[Resource, Any]] = []
    async with client(simulator()) as pagerduty:
        for entry in CONFIG.resources:
            includes = entry.selector.api_query_params.get("include", [])
            assert isinstance(includes, list)
            params: dict[str, str | list[str]] = {"limit": "100", "include[]": list(map(str, includes))}
            if entry.kind == "incidents":
                params["date_range"] = "all"
            answer = await pagerduty.get(f"/{entry.kind}", params=params)
            assert answer.status_code == httpx.codes.OK, answer.text
            rows = answer.json()[entry.kind.rpartition("/")[2]]
            assert rows
            for row in rows:
                users = [{**one, "__email": "a@acme.example"} for one in row.get("users") or []]
                found += [
                    (entry, row),
                    (entry, {**row, "__oncall_user": None, "__oncall_users": None, "__analytics": None}),
                    (
                        entry,
                        {
                            **row,
                            "users": users,
                            "__oncall_user": ONCALLS,
                            "__oncall_users": ONCALLS,
                            "__analytics": ANALYTICS,
                        },
                    ),
                ]
    return found


def test_default_mapping_has_no_problem_and_covers_the_six_kinds() -> None:
    assert check_mapping(default_mapping()) == []
    assert set(KINDS) <= {one.kind for one in CONFIG.resources}
    assert constant_blueprints(CONFIG) == set(BLUEPRINTS)


@pytest.mark.parametrize("name", sorted(BLUEPRINTS))
def test_every_property_and_relation_is_both_mapped_and_defined(name: str) -> None:
    entries = [one.port.entity.mappings for one in CONFIG.resources if blueprint_of(one) == name]
    blueprint = BLUEPRINTS[name]
    assert {path for one in entries for path in one.properties} == set(blueprint["schema"]["properties"])
    assert {path for one in entries for path in one.relations} == set(blueprint["relations"])
    assert {one["target"] for one in blueprint["relations"].values()} <= set(BLUEPRINTS)


def test_port_takes_the_blueprints() -> None:
    app = create_app(blueprints=list(BLUEPRINTS.values()))
    assert {shelf.blueprint["identifier"] for shelf in app.catalog.shelves()} >= set(BLUEPRINTS)


def test_nothing_of_the_peer_is_left_over() -> None:
    text = json.dumps([default_mapping().config.model_dump(mode="json", by_alias=True), *BLUEPRINTS.values()])
    for left_over in (
        "extrakey",
        "additionalField",
        "inducer",
        "port_user",
        "original_alert",
        "microservice",
    ):
        assert left_over not in text


EMPTY_LISTS: dict[str, st.SearchStrategy[Any]] = {
    name: st.sampled_from((None, [], [{}], [{"type": None, "summary": None, "id": None}]))
    for name in (
        "teams",
        "contact_methods",
        "users",
        "escalation_policies",
        "assignments",
        "escalation_rules",
        "__oncall_user",
        "__oncall_users",
    )
}
EMPTY_OBJECTS: dict[str, st.SearchStrategy[Any]] = {
    name: st.sampled_from((None, {}, {"id": None, "agent": None}))
    for name in ("service", "priority", "escalation_policy", "first_trigger_log_entry", "schedule", "user")
}


async def test_every_expression_runs_over_real_objects_and_fits_its_blueprint() -> None:
    for entry, document in await objects():
        mapping = entry.port.entity.mappings
        coerced = coerce(body_of(mapping, document), read_shape(BLUEPRINTS[blueprint_of(entry)]))
        assert coerced.notes == (), (entry.kind, document)
        assert is_valid_identifier(run(mapping.identifier, document))
        if mapping.title is not None:
            assert isinstance(run(mapping.title, document), str)


@given(st.fixed_dictionaries({}, optional=EMPTY_LISTS | EMPTY_OBJECTS))
@settings(deadline=None)
def test_every_expression_takes_what_is_null_missing_or_empty(document: dict[str, Any]) -> None:
    for entry in CONFIG.resources:
        mapping = entry.port.entity.mappings
        coerced = coerce(body_of(mapping, document), read_shape(BLUEPRINTS[blueprint_of(entry)]))
        assert coerced.notes == ()
        assert run(entry.selector.query, document) is True
        run(mapping.identifier, document)


async def test_oncalls_of_an_account_have_identifiers_of_their_own() -> None:
    rows = [row for entry, row in await objects() if entry.kind == "oncalls"][::3]
    identifiers = [oncall_identifier(row) for row in rows]
    assert len(rows) > 5
    assert len(set(identifiers)) == len(rows)


SHIFT = {
    "escalation_policy": {"id": "PPOL1"},
    "escalation_level": 1,
    "schedule": {"id": "PSCH1", "type": "schedule_reference"},
    "user": {"id": "PUSR1"},
    "start": "2026-07-06T09:00:00+02:00",
    "end": "2026-07-13T09:00:00+02:00",
}


def test_oncalls_that_differ_in_one_thing_have_different_identifiers() -> None:
    rows = [
        SHIFT,
        {**SHIFT, "escalation_policy": {"id": "PPOL2"}},
        {**SHIFT, "escalation_level": 2},
        {**SHIFT, "schedule": {"id": "PSCH2", "type": "schedule_v3_reference"}},
        {**SHIFT, "user": {"id": "PUSR2"}},
        {**SHIFT, "start": "2026-07-13T09:00:00+02:00"},
        {**SHIFT, "schedule": None, "start": None, "end": None},
        {**SHIFT, "schedule": None, "start": None, "end": None, "escalation_level": 2},
        {**SHIFT, "schedule": None, "start": None, "end": None, "user": {"id": "PUSR2"}},
        {**SHIFT, "start": None, "end": None},
    ]
    identifiers = [oncall_identifier(row) for row in rows]
    assert len(set(identifiers)) == len(rows)
    assert identifiers[0] == "PPOL1-1-PSCH1-PUSR1-2026-07-06T09:00:00+02:00"
    assert identifiers[6] == "PPOL1-1-direct-PUSR1-permanent"
    assert all(map(is_valid_identifier, identifiers))


IDS = st.text("ABPQ019", min_size=1, max_size=14)
ROWS = st.fixed_dictionaries(
    {
        "escalation_policy": st.fixed_dictionaries({"id": IDS}),
        "escalation_level": st.integers(1, 20),
        "schedule": st.none() | st.fixed_dictionaries({"id": IDS}),
        "user": st.fixed_dictionaries({"id": IDS}),
        "start": st.none() | st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"),
    }
)


@given(ROWS, ROWS)
@settings(deadline=None)
def test_identifiers_of_oncalls_are_equal_only_if_the_oncalls_are(one: Any, other: Any) -> None:
    assert (oncall_identifier(one) == oncall_identifier(other)) is (one == other)
    assert is_valid_identifier(oncall_identifier(one))


@pytest.mark.parametrize(
    ("rows", "first", "second", "levels"),
    [
        (ONCALLS, ["pusr1@acme.example", "pusr2@acme.example"], "pusr1@acme.example", 3),
        (ONCALLS[::-1], ["pusr1@acme.example", "pusr2@acme.example"], "pusr1@acme.example", 3),
        (ONCALLS[2:], ["pusr1@acme.example"], "pusr3@acme.example", 2),
        (ONCALLS[:1], ["pusr2@acme.example"], None, 1),
        ([{**ONCALLS[0], "user": {"id": "PGONE"}}], [], None, 1),
        ([], [], None, 0),
        (None, None, None, None),
    ],
    ids=["two-on-a-level", "other-order", "first-level-empty", "one", "without-email", "nobody", "not-known"],
)
def test_people_on_call_are_the_lowest_levels_that_somebody_is_on(
    rows: Any, first: list[str] | None, second: str | None, levels: int | None
) -> None:
    service = {"__oncall_user": rows}
    assert property_of("pagerdutyService", "oncall", service) == first
    assert property_of("pagerdutyService", "secondaryOncall", service) == second
    assert property_of("pagerdutyService", "escalationLevels", service) == levels
    primary = property_of("pagerdutyEscalationPolicy", "primaryOncall", {"__oncall_users": rows})
    assert primary == (first[0] if first else None)


def test_resolved_incidents_leave_the_last_assignees_alone() -> None:
    entries = [one for one in CONFIG.resources if "assignees" in one.port.entity.mappings.properties]
    assert [one.selector.api_query_params["statuses"] for one in entries] == [["triggered", "acknowledged"]]
