"""Tests that the table of kinds says the same as PagerDuty's REST API, as the simulator has it."""

from typing import Any

import pytest

from schemas.kind_names import KIND_NAMES
from shared.errors import ConfigurationError
from shared.kind_model import Form, Paging
from shared.kinds import KINDS, kind_named
from shared.object_ids import of_field, of_license_allocation, of_oncall, of_text
from simulators.pagerduty import resource as simulated
from simulators.pagerduty import resources

PAGING = {
    Paging.CLASSIC: {simulated.Paging.CLASSIC},
    Paging.CURSOR: {simulated.Paging.CURSOR, simulated.Paging.NONE_WITH_CURSOR},
    Paging.BEFORE_AFTER: {simulated.Paging.AFTER},
    Paging.NONE: {simulated.Paging.NONE},
}
PAGES = {"limit", "offset", "total", "cursor", "after", "before", "include[]"}


def test_every_top_level_list_is_a_kind() -> None:
    assert sorted(KINDS) == sorted(resource.kind for resource in resources.TOP_LEVEL)


@pytest.mark.parametrize("resource", resources.TOP_LEVEL, ids=lambda resource: resource.path)
def test_kind_is_declared_as_the_api_has_it(resource: simulated.Resource) -> None:
    kind = kind_named(resource.kind)
    assert kind.path == resource.path
    assert kind.wrapper == resource.key
    assert resource.paging in PAGING[kind.paging]
    assert kind.single == resource.single
    assert kind.headers == (
        {} if resource.early_access is None else {"X-EARLY-ACCESS": resource.early_access}
    )
    names = {name + "[]" * (form is Form.LIST) for name, form in kind.parameters.items()}
    assert names == set(resource.accepted) - PAGES
    declared = resource.accepted.get("include[]")
    assert set(kind.includes) == set(declared.choices if declared else ())
    single = resource.single_accepted.get("include[]")
    # What only the GET of one object takes is never sent: a listing would not bring it.
    assert set(kind.single_includes) == set(kind.includes) & set(single.choices if single else ())
    assert kind.single_parameters == set(resource.single_accepted) & names
    sent = {"limit"} if kind.page_limit else set()
    assert sent <= set(resource.accepted)
    assert (kind.page_limit or 0) <= resource.max_limit
    assert set(kind.defaults) <= set(kind.parameters)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("servises", "services"),
        ("Incidents", "incidents"),
        ("audit_records", "audit/records"),
        ("on_calls", "oncalls"),
        ("incident", "incidents"),
    ],
)
def test_unknown_kind_is_refused_with_near_matches(name: str, near: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"'{name}' .*did you mean {near}\?"):
        kind_named(name)


def test_kind_unlike_any_other_is_refused_with_the_usual_ones_and_where_all_are() -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind_named("zzz")
    assert str(caught.value) == (
        "'zzz' is not a kind PagerDuty lists; the usual ones are services, incidents, users, teams, "
        "schedules, oncalls, escalation_policies, priorities (all: `pagerport kinds`)"
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "P1"}, "P1"),
        ({"id": 17}, "17"),
        ({"id": None}, None),
        ({"id": ""}, None),
        ({"id": True}, None),
        ({}, None),
        (None, None),
        ("P1", None),
        ([], None),
    ],
)
def test_id_of_a_row(row: Any, expected: str | None) -> None:
    assert of_field("id")(row) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {
                "escalation_policy": {"id": "PP"},
                "escalation_level": 2,
                "schedule": {"id": "PS"},
                "user": {"id": "PU"},
                "start": "2026-01-01T00:00:00Z",
            },
            "PP|2|PS|PU|2026-01-01T00:00:00Z",
        ),
        (
            {
                "escalation_policy": {"id": "PP"},
                "escalation_level": 1,
                "schedule": None,
                "user": {"id": "PU"},
            },
            "PP|1|direct|PU|permanent",
        ),
        ({"escalation_policy": None, "escalation_level": 1, "user": {"id": "PU"}}, None),
        ({"escalation_policy": {"id": "PP"}, "user": {}}, None),
        ("text", None),
    ],
)
def test_id_of_an_oncall_names_policy_level_schedule_user_and_start(row: Any, expected: str | None) -> None:
    assert of_oncall(row) == expected


def test_ids_of_rows_without_one_of_their_own() -> None:
    assert of_text("sso") == "sso"
    assert of_text({}) is None
    assert of_license_allocation({"user": {"id": "PU"}, "license": {"id": "PL"}}) == "PU"
    assert of_license_allocation({"user": None}) is None


def test_editors_are_offered_the_kinds_that_there_are() -> None:
    assert tuple(KINDS) == KIND_NAMES
