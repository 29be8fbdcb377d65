"""Proves what a new mapping asks for: replay, resync of some kinds, or a resync of all."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.complete_listing import CompleteListing
from schemas.mapping import MappingFile, MappingInForce
from schemas.run import RunResult, RunState
from services.fetcher.mapping_versions import (
    NO_RUN,
    PREVIOUS_LIMIT,
    GreenVersions,
    Todo,
    asked_kinds,
    begin_replay,
    fetch_digests,
    is_replay_due,
    kind_of_topic,
    last_green_versions,
    plan_change,
    previous_versions,
    replayed_kinds,
)
from shared.kinds import KINDS
from shared.sources import plan_sources

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
RAW = "pagerduty.raw."


def entry(kind: str, title: str = ".name", **params: Any) -> dict[str, Any]:
    mappings = {"identifier": ".id", "blueprint": '"thing"', "title": title}
    return {"kind": kind, "selector": {"apiQueryParams": params}, "port": {"entity": {"mappings": mappings}}}


def config(*entries: dict[str, Any]) -> MappingFile:
    return MappingFile.model_validate({"resources": list(entries)})


def in_force(of: MappingFile, version: int = 1, **more: Any) -> MappingInForce:
    return MappingInForce(version=version, config=of, **more)


def listing(topic: str, fetch: str, **more: Any) -> CompleteListing:
    kind = kind_of_topic(topic)
    return CompleteListing(
        **{"topic": topic, "kind": kind, "fetch": fetch, "run_id": "r", "started_at": AT, "ended_at": AT}
        | {"starts": {0: 5, 1: 9}}
        | more
    )


def listings(of: MappingFile) -> dict[str, CompleteListing]:
    return {topic: listing(topic, digest) for topic, digest in fetch_digests(of).items()}


def run(version: int, state: RunState, **more: Any) -> RunResult:
    return RunResult(
        **{"run_id": f"r{version}", "started_at": AT, "state": state, "mapping_version": version} | more
    )


BOTH = config(entry("users"), entry("teams"))


def test_first_mapping_is_listed_whole() -> None:
    assert plan_change(BOTH, None, {}) == Todo((), ("teams", "users"))
    assert asked_kinds(Todo((), ("teams", "users")), BOTH) == ()


def test_mapping_that_only_maps_otherwise_is_replayed() -> None:
    new = config(entry("users", title=".email"), entry("teams"))
    todo = plan_change(new, in_force(BOTH), listings(BOTH))
    assert todo == Todo((RAW + "teams", RAW + "users"), ())


def test_kind_that_is_fetched_otherwise_is_listed_and_the_rest_replayed() -> None:
    new = config(entry("users", include=["teams"]), entry("teams"))
    todo = plan_change(new, in_force(BOTH), listings(BOTH))
    assert todo == Todo((RAW + "teams",), ("users",))
    assert asked_kinds(todo, new) == ("users",)


def test_enrichment_that_an_expression_begins_to_read_is_fetched() -> None:
    old, new = config(entry("services")), config(entry("services", title=".__oncall_user[0].user.name"))
    assert plan_change(new, in_force(old), listings(old)) == Todo((), ("services",))


def test_kind_without_a_complete_listing_is_listed() -> None:
    known = listings(BOTH)
    del known[RAW + "users"]
    assert plan_change(BOTH, in_force(BOTH), known) == Todo((RAW + "teams",), ("users",))


def test_kind_that_comes_back_is_listed_though_an_old_listing_was_complete() -> None:
    # Nobody has kept its topic up to date while no mapping asked for it.
    todo = plan_change(BOTH, in_force(config(entry("teams"))), listings(BOTH))
    assert todo == Todo((RAW + "teams",), ("users",))


def test_kind_that_was_dropped_is_replayed_so_that_its_entities_are_proposed_for_deletion() -> None:
    new = config(entry("teams"))
    assert plan_change(new, in_force(BOTH), listings(BOTH)) == Todo((RAW + "teams", RAW + "users"), ())
    plain = BOTH.model_dump(mode="json", by_alias=True, exclude_unset=True)
    before = in_force(new, 2, previous=({"version": 1, "config": plain},))
    assert plan_change(new, before, listings(BOTH)) == Todo((RAW + "teams", RAW + "users"), ())


def test_past_mapping_that_this_release_cannot_read_counts_for_nothing() -> None:
    odd = config({**entry("users"), "kind": "gadgets"})
    assert plan_change(BOTH, in_force(odd), listings(BOTH)) == Todo((), ("teams", "users"))


def test_version_before_that_is_no_mapping_to_this_release_counts_for_nothing() -> None:
    odd = {"version": 1, "config": {"resources": "of another release"}}
    held = in_force(BOTH, 3, previous=(odd,))
    new = config(entry("teams"))
    assert plan_change(new, held, listings(BOTH)) == Todo((RAW + "teams", RAW + "users"), ())
    kept = previous_versions(held, NO_RUN, new)
    assert [one["version"] for one in kept] == [1, 3]
    assert not is_replay_due(held, [run(3, RunState.COMPLETED)])


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2001, 1, 1), max_value=datetime(2090, 1, 1)))  # noqa: DTZ001
def test_what_is_fetched_has_the_same_digest_whenever_it_is_asked(at: datetime) -> None:
    of = config(entry("incidents"), entry("oncalls", until=3), entry("log_entries"))
    assert {source.topic for source in plan_sources(of, now=at)} == fetch_digests(of).keys()
    assert fetch_digests(of) == fetch_digests(of.model_copy(deep=True))


def test_replay_begins_where_the_listing_did_and_windowed_kinds_at_the_start_of_the_log() -> None:
    known = {"a": listing(RAW + "users", "x"), "b": listing(RAW + "incidents", "y", is_windowed=True)}
    ends = {"a": {0: 7, 1: 8, 2: 3}, "b": {0: 40}}
    assert begin_replay(["a", "b"], known, ends) == {"a": {0: 5, 1: 8, 2: 0}, "b": {0: 0}}


def test_every_kind_is_known_by_its_topic() -> None:
    for kind in KINDS:
        (topic,) = fetch_digests(config(entry(kind)))
        assert kind_of_topic(topic) == kind
    assert kind_of_topic(RAW + "users.0a1b2c3d") == "users"
    assert kind_of_topic(RAW + "nothing") == ""


def test_only_whole_green_runs_make_older_versions_past() -> None:
    runs = [
        run(1, RunState.COMPLETED, type="replay"),
        run(2, RunState.COMPLETED),
        run(5, RunState.COMPLETED, only_kinds=["users"]),
        run(6, RunState.COMPLETED_WITH_FAILURES, type="replay"),
    ]
    assert last_green_versions(runs) == GreenVersions(of_any=2, of_replay=1)
    assert last_green_versions([]) == NO_RUN


def test_versions_since_the_last_green_run_are_kept_oldest_first_and_equal_ones_once() -> None:
    one, two, three = (config(entry("users", title=f".t{number}")) for number in (1, 2, 3))
    first = in_force(one, 1)
    second = in_force(two, 2, previous=previous_versions(first, NO_RUN, two))
    third = in_force(one, 3, previous=previous_versions(second, NO_RUN, one))
    assert [before["version"] for before in second.previous] == [1]
    # The first version is the third again: what it made the third makes too.
    assert [before["version"] for before in third.previous] == [2]
    assert [before["version"] for before in previous_versions(third, NO_RUN, three)] == [2, 3]
    assert [before["version"] for before in previous_versions(third, GreenVersions(3), three)] == [3]
    assert previous_versions(None, NO_RUN, one) == ()


def test_version_that_read_more_than_the_green_resync_stays_until_a_replay_has_met_it() -> None:
    users = config(entry("users", title=".summary"))
    first = in_force(BOTH, 1)
    second = in_force(users, 2, previous=previous_versions(first, GreenVersions(1), users))
    for green, kept in (
        (GreenVersions(of_any=1), [1]),
        (GreenVersions(of_any=2), [1]),
        (GreenVersions(of_any=2, of_replay=1), [1]),
        (GreenVersions(of_any=3, of_replay=3), []),
    ):
        assert [before["version"] for before in previous_versions(second, green, users)] == kept
    narrower = in_force(config(entry("users", title=".email")), 1)
    second = in_force(users, 2, previous=previous_versions(narrower, GreenVersions(1), users))
    assert [before["version"] for before in previous_versions(second, GreenVersions(2), users)] == []


def test_replay_is_due_when_a_resync_has_ended_green_without_what_older_versions_read() -> None:
    current = in_force(config(entry("users")), 2, previous=({"version": 1, "config": _plain(BOTH)},))
    held = run(2, RunState.COMPLETED_WITH_FAILURES, run_id="r1", type="replay")
    listed = run(2, RunState.COMPLETED, run_id="r2")
    assert is_replay_due(current, [listed, held])
    # Only once after each such resync, not while one is in hand, nor where a replay has seen to it.
    assert not is_replay_due(current, [held])
    assert not is_replay_due(current, [listed, run(2, RunState.COMPLETED, run_id="r3", type="replay")])
    assert not is_replay_due(current, [run(3, RunState.COMPLETED, run_id="r1", type="replay"), listed])
    assert not is_replay_due(current, [run(2, RunState.COMPLETED_WITH_FAILURES)])
    assert not is_replay_due(current, [run(2, RunState.COMPLETED, only_kinds=["users"])])
    assert not is_replay_due(current.model_copy(update={"previous": ()}), [listed])
    assert not is_replay_due(current, [])


def _plain(of: MappingFile) -> dict[str, Any]:
    return of.model_dump(mode="json", by_alias=True, exclude_unset=True)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_previous_versions_are_few_distinct_and_unlike_the_new_one(titles: list[int]) -> None:
    current: MappingInForce | None = None
    for version, title in enumerate(titles, start=1):
        new = config(entry("users", title=f".t{title}"))
        current = in_force(new, version, previous=previous_versions(current, NO_RUN, new))
        held = [MappingFile.model_validate(before["config"]) for before in current.previous]
        assert len(held) <= PREVIOUS_LIMIT
        assert new not in held
        assert all(left != right for at, left in enumerate(held) for right in held[at + 1 :])
        versions = [before["version"] for before in current.previous]
        assert versions == sorted(versions)


def test_replay_of_all_sources_is_a_whole_run() -> None:
    sources = plan_sources(BOTH, now=AT)
    assert replayed_kinds([RAW + "teams", RAW + "users", RAW + "services"], sources) == []
    assert replayed_kinds([RAW + "teams"], sources) == ["teams"]
