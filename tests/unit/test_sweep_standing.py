"""Tests what a mapping and a run's results say of the entities of a blueprint as a whole."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.mapping import MappingFile, MappingInForce
from schemas.outcome import Count, Reason
from schemas.run import KindResult, KindState
from schemas.run_sweep import KeepReason
from services.fetcher.sweep.makers import MakersOfMapping
from services.fetcher.sweep.standing import RunFacts, has_failed, standing_of
from shared.sources import plan_sources

Json = Any
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(kind: str = "users", blueprint: str = '"user"', **more: Json) -> Json:
    params, items, query = more.pop("params", {}), more.pop("items", None), more.pop("query", "true")
    mappings = {"identifier": ".id", "blueprint": blueprint, "properties": {"a": ".name"}, **more}
    port = {"entity": {"mappings": mappings}, **({"itemsToParse": items} if items else {})}
    return {"kind": kind, "selector": {"query": query, "apiQueryParams": params}, "port": port}


ANNOTATION: Json = {"properties": {}, "relations": {"r": ".id"}}
SEARCH = {"combinator": '"and"', "rules": [{"property": '"a"', "operator": '"="', "value": ".id"}]}
WHOLE = KindResult(state=KindState.COMPLETE, fetched=3, mapper={Count.MAPPED: 2, Count.FILTERED: 1})


def in_force(*entries: Json, previous: tuple[Json, ...] = (), **root: Json) -> MappingInForce:
    config = MappingFile.model_validate({"resources": list(entries), **root})
    return MappingInForce(version=2, config=config, previous=previous)


def facts(mapping: MappingInForce, **kinds: KindResult) -> RunFacts:
    sources = plan_sources(mapping.config, now=BEGAN)
    return RunFacts(
        began_at=BEGAN,
        is_replay=False,
        is_whole=True,
        topics={source.topic for source in sources},
        kinds={**{source.kind: WHOLE for source in sources}, **kinds},
    )


def judged(
    *entries: Json, blueprint: str = "user", kinds: dict[str, KindResult] | None = None, **more: Json
) -> tuple[Json, ...]:
    """Return never, absence, unsettled, is_own_id and can_ask."""
    mapping = in_force(*entries, **more)
    one = standing_of(MakersOfMapping(mapping).of(blueprint), facts(mapping, **(kinds or {})))
    return one.never, one.absence, one.unsettled, one.is_own_id, one.can_ask


@pytest.mark.parametrize(
    ("entries", "standing"),
    [
        ([entry()], (None, None, None, True, True)),
        ([entry(identifier=".id | tostring")], (None, None, None, True, True)),
        ([entry(), entry(query='.name == "x"')], (None, None, None, True, True)),
        ([entry(identifier=".email")], (None, None, None, False, False)),
        ([entry(), entry(identifier=".email")], (None, None, None, False, False)),
        ([entry(items=".teams")], (None, None, None, False, False)),
        ([entry(), entry("teams")], (None, None, None, False, False)),
        # PagerDuty has no GET of one on-call; the list is what it is.
        ([entry("oncalls")], (None, None, None, True, False)),
        # Only PagerDuty knows whether a user matches a search: that he is there says nothing.
        ([entry(params={"query": "ops"})], (None, None, None, True, False)),
        ([entry(params={"team_ids": ["T1"]})], (None, None, None, True, True)),
        # Any entry whose blueprint depends on the object may make it.
        ([entry(), entry("teams", ".type")], (None, None, None, False, False)),
        ([entry(blueprint=".type")], (None, None, None, True, True)),
        ([entry(blueprint="'user'")], (None, None, None, True, True)),
        ([entry(identifier=SEARCH)], (None, KeepReason.BY_SEARCH, None, False, False)),
        ([entry(**ANNOTATION)], (KeepReason.ANNOTATED, KeepReason.ANNOTATED, None, True, True)),
        ([entry(), entry("oncalls", **ANNOTATION)], (None, None, None, False, False)),
        (
            [entry(blueprint=".type"), entry("oncalls", blueprint=".kind", **ANNOTATION)],
            (KeepReason.ANNOTATED, KeepReason.ANNOTATED, None, False, False),
        ),
    ],
)
def test_entries_that_can_make_a_blueprint_decide(entries: list[Json], standing: tuple[Json, ...]) -> None:
    assert judged(*entries) == standing


@pytest.mark.parametrize(
    ("params", "absence"),
    [
        ({}, KeepReason.NOT_VISIBLE),
        ({"date_range": "all"}, KeepReason.NOT_VISIBLE),
    ],
)
def test_incidents_never_go_by_absence(params: Json, absence: KeepReason) -> None:
    never, by_absence, *_ = judged(entry("incidents", params=params))
    assert (never, by_absence) == (None, absence)


def test_kind_read_for_a_span_of_time_never_goes_by_absence() -> None:
    windowed = (None, KeepReason.WINDOWED, KeepReason.WINDOWED, True, True)
    assert judged(entry("log_entries")) == windowed
    assert judged(entry("log_entries"), kinds={"log_entries": WHOLE}) == windowed


@pytest.mark.parametrize("state", [state for state in KindState if state is not KindState.COMPLETE])
def test_list_that_was_not_read_completely_says_nothing(state: KindState) -> None:
    short = WHOLE.model_copy(update={"state": state})
    incomplete = (None, KeepReason.INCOMPLETE, KeepReason.INCOMPLETE, True, True)
    assert judged(entry(), entry("teams", '"team"'), kinds={"users": short}) == incomplete
    assert judged(entry(), entry("teams", '"team"'), kinds={"teams": short})[1] is None


@pytest.mark.parametrize(
    ("change", "is_replay", "failed"),
    [
        ({}, False, False),
        ({"mapper": {Count.MAPPED: 2, Count.FAILED: 1}}, False, True),
        ({"mapper": {Count.MAPPED: 2, Count.REJECTED: 1}}, False, True),
        ({"mapper": {Count.MAPPED: 3, Count.UNJUDGED: 1, Count.OMITTED: 1}}, False, True),
        ({"mapper": {Count.MAPPED: 3, Count.OMITTED: 2}}, False, False),
        ({"failures_by_reason": {Reason.NO_ID: 1}}, False, True),
        ({"superseded": 1}, False, True),
        ({"mapper": {Count.MAPPED: 2}}, False, True),
        ({"mapper": {}}, False, True),
        ({"mapper": {Count.MAPPED: 2}}, True, False),
        ({"mapper": {Count.FAILED: 1}}, True, True),
        ({"writer": {Count.REJECTED: 4}}, False, False),
    ],
)
def test_object_that_is_not_accounted_for_has_failed(
    change: dict[str, Json], is_replay: bool, failed: bool
) -> None:
    assert has_failed(WHOLE.model_copy(update=change), is_replay=is_replay) is failed


def test_failed_object_leaves_its_blueprints_unsettled() -> None:
    failed = WHOLE.model_copy(update={"mapper": {Count.MAPPED: 2, Count.FAILED: 1}})
    assert judged(entry(), kinds={"users": failed}) == (None, None, KeepReason.FAILED_OBJECTS, True, True)


def test_run_of_some_kinds_says_nothing_of_what_is_absent() -> None:
    mapping = in_force(entry(identifier=".email"), entry("teams", '"team"'))
    run = facts(mapping)
    part = RunFacts(
        began_at=BEGAN, is_replay=False, is_whole=False, topics={"pagerduty.raw.users"}, kinds=run.kinds
    )
    makers = MakersOfMapping(mapping)
    users, teams = standing_of(makers.of("user"), part), standing_of(makers.of("team"), part)
    assert (users.absence, users.unsettled) == (KeepReason.PARTIAL, None)
    assert (teams.absence, teams.unsettled) == (KeepReason.PARTIAL, KeepReason.PARTIAL)


def test_replay_says_nothing_of_what_is_absent_and_asks_no_listing() -> None:
    mapping = in_force(entry())
    replay = RunFacts(began_at=BEGAN, is_replay=True, is_whole=True, topics={"pagerduty.raw.users"}, kinds={})
    one = standing_of(MakersOfMapping(mapping).of("user"), replay)
    assert (one.absence, one.unsettled) == (KeepReason.REPLAY, None)


def test_blueprint_of_events_is_never_swept() -> None:
    webhook = {"blueprint": "user", "entity": {"identifier": ".body.id"}}
    never, absence, *_ = judged(entry(), mappings=[webhook])
    assert (never, absence) == (KeepReason.BY_EVENTS, KeepReason.BY_EVENTS)


def previous(*entries: Json) -> Json:
    return {"version": 1, "config": {"resources": list(entries)}}


def test_blueprint_that_only_a_previous_mapping_fed_may_go_by_proposal() -> None:
    gone = judged(entry(), blueprint="team", previous=(previous(entry("teams", '"team"')),))
    assert gone == (None, KeepReason.UNMAPPED, None, False, False)
    annotated = judged(
        entry(), blueprint="team", previous=(previous(entry("teams", '"team"', **ANNOTATION)),)
    )
    assert annotated[0] is KeepReason.ANNOTATED
    assert judged(entry(), blueprint="team")[0] is KeepReason.ANNOTATED


def test_previous_mapping_that_cannot_be_read_feeds_nothing() -> None:
    assert judged(entry(), blueprint="team", previous=({"version": 1},))[0] is KeepReason.ANNOTATED
