"""Tests in which order the sources of a run are listed and written."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.mapping import MappingFile
from services.fetcher.waves import plan_waves, relating_entries, searching_entries
from shared.sources import plan_sources

Json = Any
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
QUERY = {"combinator": '"and"', "rules": [{"property": '"name"', "operator": '"="', "value": ".name"}]}


def entry(kind: str, **mappings: Json) -> Json:
    entity = {"identifier": ".id", "blueprint": f'"{kind}"', **mappings}
    return {"kind": kind, "port": {"entity": {"mappings": entity}}}


def waves_of(*entries: Json, create_missing: bool) -> list[list[str]]:
    config = MappingFile.model_validate({"resources": list(entries)})
    sources = plan_sources(config, now=NOW)
    waves = plan_waves(
        sources,
        create_missing=create_missing,
        searching=searching_entries(config),
        relating=relating_entries(config),
    )
    return [[source.kind for source in wave] for wave in waves]


def test_entries_that_find_entities_by_a_query_are_known() -> None:
    config = MappingFile.model_validate(
        {
            "resources": [
                entry("users"),
                entry("tags", identifier=QUERY),
                entry("teams", relations={"a": ".id", "b": QUERY}),
                entry("services", team=QUERY, relations={"a": ".id"}),
            ]
        }
    )
    assert searching_entries(config) == {1, 2}
    assert relating_entries(config) == {2}


def test_without_a_search_all_sources_are_one_wave_where_port_makes_placeholders() -> None:
    kinds = [entry("incidents"), entry("services"), entry("tags")]
    assert waves_of(*kinds, create_missing=True) == [["incidents", "services", "tags"]]


def test_sources_that_search_come_last_in_the_order_of_the_mapping() -> None:
    kinds = [
        entry("services"),
        entry("tags", identifier=QUERY),
        entry("teams"),
        entry("services", identifier=QUERY),
        entry("vendors"),
    ]
    assert waves_of(*kinds, create_missing=True) == [["teams", "vendors"], ["tags"], ["services"]]


def test_source_that_makes_what_a_relation_may_look_for_is_listed_before_the_searches_too() -> None:
    plain = [entry("services"), entry("tags", relations={"of": QUERY})]
    mixed = [*plain, entry("services", identifier=QUERY), entry("vendors")]
    assert waves_of(*plain, create_missing=True) == [["services"], ["tags"]]
    assert waves_of(*mixed, create_missing=True) == [["services", "vendors"], ["tags"], ["services"]]
    assert waves_of(*mixed, create_missing=False) == [["services"], ["vendors"], ["tags"], ["services"]]
    late = [entry("incidents"), entry("incidents", relations={"of": QUERY})]
    assert waves_of(*late, create_missing=True) == [["incidents"]] * 2
    assert waves_of(*late, create_missing=False) == [["incidents"]] * 2


@pytest.mark.parametrize("relations", [{}, {"of": QUERY}], ids=["plain", "searching"])
def test_what_others_point_at_stays_first_where_targets_must_be_there(relations: Json) -> None:
    kinds = [entry("incidents"), entry("tags", identifier=QUERY), entry("services", relations=relations)]
    kinds += [entry("vendors"), entry("teams")]
    assert waves_of(*kinds, create_missing=False) == [
        ["teams"],
        ["services"],
        ["incidents", "vendors"],
        ["tags"],
    ]


def test_mapping_of_searches_alone_has_no_empty_wave() -> None:
    assert waves_of(entry("tags", identifier=QUERY), create_missing=True) == [["tags"]]
