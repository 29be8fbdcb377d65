"""Tests which listings a mapping needs, what they ask for, and which entries they feed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.mapping import MappingFile
from schemas.topics import raw_topic
from shared.errors import ConfigurationError
from shared.sources import Source, Window, plan_sources

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def mapping(*entries: tuple[str, dict[str, Any]]) -> MappingFile:
    entity = {"mappings": {"identifier": ".id", "blueprint": '"thing"'}}
    return MappingFile.model_validate(
        {
            "resources": [
                {"kind": kind, "selector": {"apiQueryParams": params}, "port": {"entity": entity}}
                for kind, params in entries
            ]
        }
    )


def plan(*entries: tuple[str, dict[str, Any]], kinds: list[str] | None = None) -> tuple[Source, ...]:
    return plan_sources(mapping(*entries), kinds=kinds, now=NOW)


def incidents(*params: dict[str, Any]) -> Source:
    (source,) = plan(*(("incidents", one) for one in params))
    return source


def test_entries_of_a_kind_share_one_listing_with_united_includes_and_filters() -> None:
    found = plan(
        ("services", {"include": ["teams"], "team_ids": ["PT2", "PT1"]}),
        ("users", {}),
        ("services", {"include": ["integrations", "teams"], "team_ids": ["PT3"]}),
    )
    assert found == (
        Source(
            kind="services",
            parameters="",
            topic="pagerduty.raw.services",
            query=(
                ("include[]", "integrations"),
                ("include[]", "teams"),
                ("team_ids[]", "PT1"),
                ("team_ids[]", "PT2"),
                ("team_ids[]", "PT3"),
                ("time_zone", "UTC"),
            ),
            entries=(0, 2),
            window=None,
            complete_by_design=True,
        ),
        Source(
            kind="users",
            parameters="",
            topic="pagerduty.raw.users",
            query=(),
            entries=(1,),
            window=None,
            complete_by_design=True,
        ),
    )


def test_filter_that_one_entry_lacks_is_left_to_the_mapper() -> None:
    source = incidents({"statuses": ["triggered"], "urgencies": ["high"]}, {"urgencies": ["low"]})
    assert source.query == (
        ("sort_by", "created_at:asc"),
        ("time_zone", "UTC"),
        ("urgencies[]", "high"),
        ("urgencies[]", "low"),
    )
    assert source.entries == (0, 1)


def test_scalar_filter_goes_out_only_where_all_agree() -> None:
    assert ("incident_key", "k") in incidents({"incident_key": "k"}, {"incident_key": "k"}).query
    assert "incident_key" not in dict(incidents({"incident_key": "k"}, {"incident_key": "l"}).query)


def test_parameter_only_pagerduty_can_judge_makes_a_source_of_its_own() -> None:
    found = plan(("services", {"query": "pay"}), ("services", {}), ("services", {"query": "pay"}))
    assert [(one.parameters, one.topic, one.entries) for one in found] == [
        ('{"query":["pay"]}', raw_topic("services", '{"query":["pay"]}'), (0, 2)),
        ("", "pagerduty.raw.services", (1,)),
    ]
    assert [dict(one.query).get("query") for one in found] == ["pay", None]


def test_parameter_that_all_entries_share_needs_no_other_topic() -> None:
    (source,) = plan(("services", {"query": "pay"}), ("services", {"query": "pay", "team_ids": ["PT"]}))
    assert (source.parameters, source.topic, source.query) == (
        "",
        "pagerduty.raw.services",
        (("query", "pay"), ("time_zone", "UTC")),
    )


def test_lists_only_pagerduty_can_judge_are_never_united() -> None:
    found = plan(("addons", {"service_ids": ["PS1"]}), ("addons", {"service_ids": ["PS2"]}))
    assert [one.query for one in found] == [(("service_ids[]", "PS1"),), (("service_ids[]", "PS2"),)]
    assert len({one.topic for one in found}) == 2


def test_default_given_as_a_parameter_is_the_main_source() -> None:
    (source,) = plan(("maintenance_windows", {"filter": "all"}), ("maintenance_windows", {}))
    assert (source.topic, source.query) == ("pagerduty.raw.maintenance-windows", (("filter", "all"),))


def test_order_asked_for_says_nothing_of_which_objects_there_are() -> None:
    source = incidents({"sort_by": "created_at:desc"}, {})
    assert source.entries == (0, 1)
    assert ("sort_by", "created_at:asc") in source.query


@pytest.mark.parametrize(
    ("params", "window", "whole"),
    [
        ([{}], Window(since=NOW - 180 * DAY, until=NOW, with_open=True), False),
        ([{"since": "2026-05-01"}], Window(since=datetime(2026, 5, 1, tzinfo=UTC), until=NOW), False),
        (
            [{"until": "2026-05-01T00:00:00Z"}],
            Window(since=datetime(2025, 11, 2, tzinfo=UTC), until=datetime(2026, 5, 1, tzinfo=UTC)),
            False,
        ),
        (
            [{"since": "2026-05-01", "until": "2026-05-10"}, {"since": "2026-04-01", "until": "2026-05-05"}],
            Window(since=datetime(2026, 4, 1, tzinfo=UTC), until=datetime(2026, 5, 10, tzinfo=UTC)),
            False,
        ),
        (
            [{"since": "2020-01-01"}, {}],
            Window(since=datetime(2020, 1, 1, tzinfo=UTC), until=NOW, with_open=True),
            False,
        ),
        ([{"since": "2026-05-01"}, {}], Window(since=NOW - 180 * DAY, until=NOW, with_open=True), False),
        ([{"date_range": "all"}, {}], Window(since=None, until=NOW), True),
        ([{"date_range": "all", "since": "2026-05-01"}], Window(since=None, until=NOW), True),
        (
            [{"since": "2026-07-01"}],
            Window(since=datetime(2026, 7, 1, tzinfo=UTC), until=datetime(2026, 7, 1, tzinfo=UTC)),
            False,
        ),
    ],
    ids=[
        "default",
        "since",
        "until",
        "united",
        "wider than default",
        "narrower",
        "all",
        "all wins",
        "future",
    ],
)
def test_window_of_incidents_holds_what_every_entry_asks_for(
    params: list[dict[str, Any]], window: Window, whole: bool
) -> None:
    source = incidents(*params)
    assert (source.window, source.complete_by_design) == (window, whole)
    assert not {"since", "until", "date_range"} & set(dict(source.query))


def test_other_kinds_cut_by_time_differ_by_their_bounds() -> None:
    found = plan(("log_entries", {"since": "2026-05-01"}), ("log_entries", {}))
    assert [(one.window, one.entries) for one in found] == [
        (Window(since=datetime(2026, 5, 1, tzinfo=UTC), until=NOW), (0,)),
        (Window(since=NOW - 30 * DAY, until=NOW), (1,)),
    ]


def test_bounds_in_months_count_from_now_but_do_not_change_the_topic() -> None:
    entries = mapping(("oncalls", {"since": 1, "until": 3}), ("oncalls", {"since": 0}))
    first = plan_sources(entries, now=NOW)
    later = plan_sources(entries, now=NOW + DAY)
    assert [dict(one.query) for one in first] == [
        {
            "include[]": "users",
            "since": "2026-05-02T12:00:00Z",
            "time_zone": "UTC",
            "until": "2026-08-30T12:00:00Z",
        },
        {"include[]": "users", "time_zone": "UTC", "until": "2026-08-30T12:00:00Z"},
    ]
    assert [one.topic for one in first] == [one.topic for one in later]
    assert first[0].query != later[0].query


def test_instants_of_schedules_go_out_in_utc() -> None:
    (source,) = plan(("schedules", {"since": "2026-05-01T00:00:00+02:00", "include": "final_schedule"}))
    assert source.query == (("include[]", "final_schedule"), ("since", "2026-04-30T22:00:00Z"))


def test_only_the_kinds_asked_for_are_planned() -> None:
    assert [one.kind for one in plan(("users", {}), ("teams", {}), kinds=["teams"])] == ["teams"]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([("teams", {}), ("servises", {})], r"resources\[1\]\.kind: 'servises' .* services"),
        (
            [("teams", {"status": "x"})],
            r"^resources\[0\]\.selector\.apiQueryParams\.status: is not .* list of teams; it takes: query$",
        ),
        ([("priorities", {"x": 1})], r"takes: none$"),
        ([("incidents", {"limit": 5})], r"apiQueryParams\.limit: is not a parameter .*include.*statuses"),
        (
            [("incidents", {"include": ["body"]})],
            r"apiQueryParams\.include: body cannot be included.*acknowledgers",
        ),
        ([("incidents", {"since": "soon"})], r"apiQueryParams\.since: must be an ISO 8601 time"),
        ([("incidents", {"since": 3})], r"apiQueryParams\.since: must be an ISO 8601 time"),
        ([("oncalls", {"until": -1})], r"apiQueryParams\.until: must be a number of months"),
        ([("incidents", {"date_range": "month"})], r"apiQueryParams\.date_range: takes only `all`"),
        (
            [("incidents", {"since": "2026-05-02", "until": "2026-05-01"})],
            r"apiQueryParams\.since: lies after until",
        ),
        ([("incidents", {"statuses": {"a": 1}})], r"apiQueryParams\.statuses: must be"),
        ([("services", {"query": ["a", "b"]})], r"apiQueryParams\.query: must be one text"),
        ([("oncalls", {"earliest": "maybe"})], r"apiQueryParams\.earliest: must be true or false"),
    ],
)
def test_mistakes_name_entry_parameter_and_what_is_allowed(entries: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        plan(*entries)


def test_kind_asked_for_must_have_an_entry() -> None:
    with pytest.raises(ConfigurationError, match="no entry of the mapping has the kind 'users'"):
        plan(("teams", {}), kinds=["users"])


PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "statuses": st.lists(st.sampled_from(["triggered", "resolved"]), unique=True),
        "team_ids": st.lists(st.sampled_from(["PT1", "PT2"]), unique=True),
        "include": st.lists(st.sampled_from(["teams", "services"]), unique=True),
        "time_zone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "date_range": st.just("all"),
        "since": st.sampled_from(["2020-01-01", "2026-05-01T00:00:00Z"]),
    },
)


@given(params=st.lists(PARAMS, min_size=1, max_size=5), later=st.integers(1, 10**6))
def test_every_entry_has_exactly_one_source_whose_topic_is_its_own_and_lasts(
    params: list[dict[str, Any]], later: int
) -> None:
    entries = mapping(*(("incidents", one) for one in params))
    found = plan_sources(entries, now=NOW)
    assert sorted(index for source in found for index in source.entries) == list(range(len(params)))
    assert len({source.topic for source in found}) == len(found)
    again = plan_sources(entries, now=NOW + timedelta(seconds=later))
    assert [(one.topic, one.entries) for one in again] == [(one.topic, one.entries) for one in found]
    for source in found:
        assert {params[index].get("time_zone", "UTC") for index in source.entries} == {
            dict(source.query)["time_zone"]
        }
        asked = [set(params[index].get("statuses") or {"triggered", "resolved"}) for index in source.entries]
        sent = {value for name, value in source.query if name == "statuses[]"} or {"triggered", "resolved"}
        assert set.union(*asked) <= sent


def test_oncalls_with_any_parameter_reach_three_months_ahead_with_users_as_existing_mappings_mean() -> None:
    (plain,), (asked,) = plan(("oncalls", {})), plan(("oncalls", {"escalation_policy_ids": ["P1"]}))
    assert "until" not in dict(plain.query)
    until = (NOW + timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert dict(asked.query) == {
        "escalation_policy_ids[]": "P1",
        "include[]": "users",
        "time_zone": "UTC",
        "until": until,
    }
