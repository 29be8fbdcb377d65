"""Tests which keys a source adds to its objects: those that an entry reads and has not switched off."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.mapping import MappingFile, Resource
from schemas.topics import raw_topic
from shared.enrichment import (
    ANALYTICS,
    CUSTOM_FIELDS,
    NO_ENRICHMENT,
    POLICY_ONCALLS,
    SERVICE_ONCALLS,
    USER_EMAIL,
    Enrichment,
    read_enrichment,
)
from shared.sources import Source, plan_sources

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


def entry(kind: str, expression: str = ".id", selector: dict[str, Any] | None = None) -> dict[str, Any]:
    entity = {"identifier": ".id", "blueprint": '"thing"', "properties": {"it": expression}}
    return {"kind": kind, "selector": selector or {}, "port": {"entity": {"mappings": entity}}}


def read(kind: str, expression: str, **selector: Any) -> tuple[str, ...]:
    return read_enrichment(Resource.model_validate(entry(kind, expression, selector))).keys


def plan(*entries: dict[str, Any]) -> tuple[Source, ...]:
    return plan_sources(MappingFile.model_validate({"resources": entries}), now=NOW)


@pytest.mark.parametrize(
    ("kind", "key", "selector"),
    [
        ("services", SERVICE_ONCALLS, {}),
        ("services", ANALYTICS, {}),
        ("services", CUSTOM_FIELDS, {"includeCustomFields": True}),
        ("incidents", ANALYTICS, {"incidentAnalytics": True}),
        ("incidents", CUSTOM_FIELDS, {"includeCustomFields": True}),
        ("schedules", USER_EMAIL, {}),
        ("escalation_policies", POLICY_ONCALLS, {}),
        ("escalation_policies", POLICY_ONCALLS, {"attachOncallUsers": True}),
    ],
)
def test_key_that_an_expression_names_is_added(kind: str, key: str, selector: dict[str, Any]) -> None:
    assert read(kind, f".{key}", **selector) == (key,)
    assert read(kind, ".id", **selector) == ()


@pytest.mark.parametrize(
    ("kind", "expression", "selector"),
    [
        ("services", ".__analytics", {"serviceAnalytics": False}),
        ("services", ".__custom_fields", {}),
        ("incidents", ".__analytics", {}),
        ("incidents", ".__analytics", {"serviceAnalytics": True}),
        ("incidents", ".__custom_fields", {"includeCustomFields": False}),
        ("incidents", ".__oncall_user", {}),
        ("escalation_policies", ".__oncall_users", {"attachOncallUsers": False}),
        ("users", ".__email", {}),
    ],
)
def test_key_that_is_switched_off_or_not_of_the_kind_is_not_added(
    kind: str, expression: str, selector: dict[str, Any]
) -> None:
    assert read(kind, expression, **selector) == ()


@pytest.mark.parametrize(
    ("kind", "expression", "keys"),
    [
        ("services", "tojson", (SERVICE_ONCALLS, ANALYTICS)),
        ("services", ".", (SERVICE_ONCALLS, ANALYTICS)),
        ("services", "{name, rest: del(.name)}", (SERVICE_ONCALLS, ANALYTICS)),
        ("services", ".integrations", ()),
        ("incidents", ".", ()),
        ("schedules", ".", (USER_EMAIL,)),
        ("schedules", ".users", (USER_EMAIL,)),
        ("schedules", "[.users[].summary]", ()),
        ("escalation_policies", "with_entries(.value |= tostring)", (POLICY_ONCALLS,)),
        ("escalation_policies", ".escalation_rules", ()),
    ],
)
def test_key_is_added_where_all_of_that_is_taken_in_which_it_stands(
    kind: str, expression: str, keys: tuple[str, ...]
) -> None:
    assert read(kind, expression) == keys


def test_item_taken_whole_has_the_keys_of_an_item() -> None:
    made = entry("schedules", ".item")
    made["port"]["itemsToParse"] = ".users"
    assert read_enrichment(Resource.model_validate(made)).keys == (USER_EMAIL,)
    made["port"]["entity"]["mappings"]["properties"]["it"] = ".item.summary"
    assert read_enrichment(Resource.model_validate(made)).keys == ()


@pytest.mark.parametrize(
    "change",
    [
        {"selector": {"query": ".__analytics != null"}},
        {"port": {"itemsToParse": "[.__analytics]"}},
        {"mappings": {"identifier": ".__analytics.service_id"}},
        {"mappings": {"title": ".__analytics.service_name"}},
        {
            "mappings": {
                "relations": {
                    "team": {
                        "combinator": '"and"',
                        "rules": [
                            {"property": '"a"', "operator": '"="', "value": ".__analytics.team_id"},
                        ],
                    }
                }
            }
        },
    ],
    ids=["query", "items", "identifier", "title", "relation-search"],
)
def test_every_expression_of_an_entry_counts(change: dict[str, Any]) -> None:
    made = entry("services", ".id", change.get("selector"))
    made["port"].update(change.get("port", {}))
    made["port"]["entity"]["mappings"].update(change.get("mappings", {}))
    assert read_enrichment(Resource.model_validate(made)).keys == (ANALYTICS,)


def test_entries_of_a_source_unite_what_they_read() -> None:
    (source,) = plan(
        entry("services", ".__custom_fields", {"includeCustomFields": True}),
        entry("services", ".__oncall_user", {"serviceAnalytics": False}),
        entry("services", ".__analytics", {"analyticsMonthsPeriod": 6}),
    )
    assert source.enrichment == Enrichment(
        keys=(SERVICE_ONCALLS, ANALYTICS, CUSTOM_FIELDS), analytics_months=6
    )
    assert source.topic == raw_topic("services")


def test_entry_that_reads_without_asking_does_not_switch_on_what_another_asks_for_without_reading() -> None:
    (source,) = plan(
        entry("services", ".id", {"serviceAnalytics": True}),
        entry("services", ".__analytics", {"serviceAnalytics": False}),
    )
    assert source.enrichment == NO_ENRICHMENT


def test_periods_that_differ_are_sources_of_their_own_the_usual_one_the_main_source() -> None:
    usual, longer = plan(
        entry("services", ".__analytics"),
        entry("services", ".__analytics", {"analyticsMonthsPeriod": 12}),
        entry("services", ".name", {"analyticsMonthsPeriod": 7}),
    )
    other = '{"analyticsMonthsPeriod":["12"]}'
    assert (usual.topic, usual.entries, usual.enrichment) == (
        raw_topic("services"),
        (0, 2),
        Enrichment(keys=(ANALYTICS,), analytics_months=3),
    )
    assert (longer.topic, longer.parameters, longer.entries, longer.enrichment) == (
        raw_topic("services", other),
        other,
        (1,),
        Enrichment(keys=(ANALYTICS,), analytics_months=12),
    )


def test_period_says_nothing_where_no_analytics_of_services_are_read() -> None:
    sources = plan(
        entry("services", ".__analytics", {"analyticsMonthsPeriod": 6, "serviceAnalytics": False}),
        entry("services", ".name", {"analyticsMonthsPeriod": 9}),
        entry("incidents", ".__analytics", {"analyticsMonthsPeriod": 6, "incidentAnalytics": True}),
        entry("incidents", ".__analytics", {"analyticsMonthsPeriod": 9, "incidentAnalytics": True}),
    )
    assert [(source.topic, source.entries) for source in sources] == [
        (raw_topic("services"), (0, 1)),
        (raw_topic("incidents"), (2, 3)),
    ]
