"""Proves what a run deletes and what it keeps, over the embedded log and both simulators."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.entity_change import ChangeSource, EntityChange
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.outcome import Count
from schemas.run import RunResult, RunState
from schemas.run_sweep import BlueprintSweep, KeepReason, Kept, SweepMode
from services.fetcher.sweep import course
from tests.service.pagerduty_listing import GONE
from tests.service.sweep_setting import World, entry, user, users, world

Json = Any
USERS = entry("users", "user")
BY_EMAIL = entry("users", "user", identifier=".email")
OURS = "pagerport/1.0.0/me/exporter"
ALL = set(users(range(10)))


def account_of(result: RunResult, blueprint: str = "user") -> BlueprintSweep:
    assert result.sweep is not None
    return result.sweep.blueprints[blueprint]


def kept(*identifiers: str) -> Kept:
    return Kept(count=len(identifiers), identifiers=list(identifiers))


async def test_deleted_object_is_confirmed_and_its_entity_deleted() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        result = await one.run(USERS)
        assert account_of(result) == BlueprintSweep(
            owned=10, produced=9, absent=1, confirmed=1, deleted=1, deleted_identifiers=["PU0003"]
        )
        assert (one.held("user"), one.asked) == (ALL - {"PU0003"}, ["PU0003"])
        assert (result.state, result.deletes) == (
            RunState.COMPLETED,
            "1 entity deleted; PagerDuty asked for 1 object",
        )
        again = await one.run(USERS)
        assert (account_of(again), again.deletes) == (
            BlueprintSweep(owned=9, produced=9),
            "nothing to delete",
        )


async def test_delete_is_handed_to_the_writer_with_the_time_from_which_on_an_update_overrules_it() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        result = await one.run(USERS)
        (record,) = await one.entity_records(Origin.SWEEP)
        headers = RecordHeaders.decode(record.headers)
        assert (record.key, headers.runid, headers.kind) == (b"user/PU0003", "run-002", "users")
        assert EntityChange.model_validate_json(record.value or b"") == EntityChange(
            operation=Operation.DELETE,
            blueprint="user",
            identifier="PU0003",
            reason="absent",
            delete_dependents=False,
            unless_updated_since=result.port_started_at,
            source=ChangeSource(kind="users", object_id="PU0003", mapping_version=2),
        )


async def test_object_that_no_longer_passes_the_selector_loses_its_entity_without_being_asked_for() -> None:
    chosen = entry("users", "user", query='.job_title != "gone"')
    async with world({"users": users(range(10))}) as one:
        await one.run(chosen)
        one.put("users", user(3, job_title="gone"))
        result = await one.run(chosen)
        assert account_of(result) == BlueprintSweep(
            owned=10, produced=9, proposed=1, deleted=1, deleted_identifiers=["PU0003"]
        )
        assert (one.held("user"), one.asked, one.relists) == (ALL - {"PU0003"}, [], [])


async def test_two_entries_on_one_entity_keep_it_as_long_as_one_takes_the_object() -> None:
    entries = [entry("users", "user", query=f'.job_title == "{title}"') for title in ("a", "b")]
    async with world({"users": users(range(3), job_title="a")}) as one:
        await one.run(*entries)
        one.put("users", user(1, job_title="b"))
        result = await one.run(*entries)
        assert account_of(result) == BlueprintSweep(owned=3, produced=3)
        assert len(one.held("user")) == 3


def shift_pages(one: World) -> None:
    """After the first page a user goes that it had, and one comes: as many rows, a valid one on no page."""

    def change() -> None:
        one.on_publish = lambda: None
        one.delete("users", "PU0005")
        one.put("users", user(9999))

    one.on_publish = change


async def test_page_shift_with_equal_total_deletes_nothing_that_is_there() -> None:
    async with world({"users": users(range(250))}) as one:
        await one.run(USERS)
        shift_pages(one)
        result = await one.run(USERS)
        # The listing passes for complete: as many distinct rows as announced, before and after.
        assert (result.state, result.kinds["users"].fetched) == (RunState.COMPLETED, 250)
        assert one.asked == ["PU0100"]
        assert account_of(result).kept == {KeepReason.STILL_THERE: kept("PU0100")}
        assert one.held("user") == set(users(range(250))) | {"PU9999"}
        later = await one.run(USERS)
        assert account_of(later).deleted_identifiers == ["PU0005"]


async def test_page_shift_is_found_out_where_objects_cannot_be_asked_for() -> None:
    async with world({"users": users(range(250))}) as one:
        await one.run(BY_EMAIL)
        shift_pages(one)
        result = await one.run(BY_EMAIL)
        assert (one.relists, account_of(result).kept) == (
            ["users"],
            {KeepReason.UNPROVEN: kept("u100@example.com")},
        )
        assert len(one.held("user")) == 251
        later = await one.run(BY_EMAIL)
        assert account_of(later).deleted_identifiers == ["u5@example.com"]


EMPTY = {"users": [], "limit": 100, "offset": 0, "more": False, "total": 0}


async def test_kind_that_answers_an_empty_list_loses_nothing_and_is_mapped_again() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.pagerduty.script({"match": {"path": "/users"}, "action": {"body": EMPTY}})
        result = await one.run(USERS)
        account = account_of(result)
        assert (account.absent, account.deleted, account.kept[KeepReason.STILL_THERE].count) == (10, 0, 10)
        assert (one.held("user"), len(one.asked)) == (ALL, 10)


async def test_empty_list_proves_nothing_whatever_the_threshold() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(BY_EMAIL)
        one.pagerduty.script({"match": {"path": "/users"}, "action": {"body": EMPTY}})
        result = await one.run(BY_EMAIL, entityDeletionThreshold=1)
        assert account_of(result).kept[KeepReason.UNPROVEN].count == 10
        assert len(one.held("user")) == 10


@pytest.mark.parametrize("status", [403, 404])
async def test_kind_that_is_suddenly_refused_loses_nothing(status: int) -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.pagerduty.script({"match": {"path": "/users"}, "action": {**GONE, "status": status}})
        result = await one.run(USERS)
        assert account_of(result) == BlueprintSweep(absence=KeepReason.INCOMPLETE)
        assert (one.held("user"), one.asked) == (ALL, [])
        assert result.state is RunState.COMPLETED_WITH_FAILURES


async def test_404_of_a_proxy_keeps_what_its_half_of_a_list_lacks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        page = {"status": 404, "body": "<html><h1>404 blocked by corporate proxy</h1></html>"}
        half = {"users": list(users(range(5)).values()), "limit": 100, "offset": 0, "total": 5, "more": False}
        one.pagerduty.script(
            {"match": {"path": "/users"}, "action": {"body": half}},
            {"match": {"path": "/users/.*"}, "action": page},
        )
        result = await one.run(USERS)
        account = account_of(result)
        assert (one.held("user"), account.deleted, account.confirmed) == (ALL, 0, 0)
        assert account.kept[KeepReason.UNCLEAR].count == 5
        said = [line for line in caplog.messages if line.startswith("nobody knows of users PU")]
        assert len(said) == 5
        assert all("look at the proxy on the way and at OCEAN__" in line for line in said)


async def test_nine_of_ten_go_at_the_usual_threshold() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        for number in range(9):
            one.delete("users", f"PU{number:04}")
        result = await one.run(USERS)
        assert (one.held("user"), account_of(result).deleted) == ({"PU0009"}, 9)
        assert result.state is RunState.COMPLETED


async def test_ten_of_ten_are_kept_and_said_loudly() -> None:
    async with world({"users": users(range(10)), "teams": {"PT1": {"id": "PT1", "name": "T"}}}) as one:
        mapping = (USERS, entry("teams", "team"))
        await one.run(*mapping)
        for number in range(10):
            one.delete("users", f"PU{number:04}")
        result = await one.run(*mapping)
        account = account_of(result)
        assert (account.over_threshold, account.confirmed, account.deleted) == (True, 10, 0)
        assert account.kept == {KeepReason.OVER_THRESHOLD: kept(*sorted(ALL))}
        assert one.held("user") == ALL
        assert result.state is RunState.COMPLETED_WITH_FAILURES
        assert result.warnings == [
            "user: 10 of 10 older entities would go, more than entityDeletionThreshold 0.9 allows: none "
            "does. Has the mapping been changed, is the PagerDuty token one of another account, may it see "
            "less than before, or does another installation use the same OCEAN__INTEGRATION__IDENTIFIER? It "
            "stays so until fewer would go; if they are to go, raise entityDeletionThreshold for one run"
        ]
        raised = await one.run(*mapping, entityDeletionThreshold=1)
        assert (one.held("user"), account_of(raised).deleted) == (set(), 10)


async def test_threshold_counts_those_nobody_could_ask_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MOST_ASKED", 4)
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        for number in range(8):
            one.delete("users", f"PU{number:04}")
        held = await one.run(USERS, entityDeletionThreshold=0.5)
        assert (account_of(held).over_threshold, len(one.asked)) == (True, 4)
        assert held.warnings[0].startswith(
            "user: 8 of 10 older entities would go, more than entityDeletionThreshold 0.5"
        )
        assert one.held("user") == ALL
        some = await one.run(USERS)
        assert (account_of(some).deleted, account_of(some).kept[KeepReason.NOT_ASKED].count) == (4, 4)
        await one.run(USERS)
        assert one.held("user") == {"PU0008", "PU0009"}


FUSSY = entry("users", "user", query='.name | startswith("User")')
FUSSY_BY_EMAIL = entry("users", "user", identifier=".email", query='.name | startswith("User")')


async def test_object_whose_mapping_fails_today_and_existed_yesterday_keeps_its_entity() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(FUSSY)
        one.put("users", user(3, name=None))
        one.delete("users", "PU0007")
        result = await one.run(FUSSY)
        assert one.held("user") == ALL - {"PU0007"}
        assert sorted(one.asked) == ["PU0003", "PU0007"]
        assert account_of(result).kept == {KeepReason.STILL_THERE: kept("PU0003")}


async def test_failed_object_keeps_all_that_cannot_be_asked_for() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(FUSSY_BY_EMAIL)
        one.put("users", user(3, name=None))
        one.delete("users", "PU0007")
        result = await one.run(FUSSY_BY_EMAIL)
        both = kept("u3@example.com", "u7@example.com")
        assert account_of(result).kept == {KeepReason.FAILED_OBJECTS: both}
        assert (len(one.held("user")), one.relists) == (10, [])
        one.put("users", user(3))
        later = await one.run(FUSSY_BY_EMAIL)
        assert account_of(later).deleted_identifiers == ["u7@example.com"]


async def test_object_that_pagerduty_says_nothing_certain_of_keeps_its_entity() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        one.pagerduty.script({"match": {"path": "/users/PU0003"}, "action": {"status": 403}})
        result = await one.run(USERS)
        assert account_of(result).kept == {KeepReason.UNCLEAR: kept("PU0003")}
        assert one.held("user") == ALL


SERVICES = entry("services", "service", relations={"owner": ".owner"})


def service(number: int, **more: Json) -> Json:
    return {"id": f"PS{number:04}", "type": "service", "name": f"Service {number}", "teams": [], **more}


async def test_placeholder_made_by_port_for_a_relation_stays() -> None:
    some = entry("users", "user", query='.name != "User 1"')
    rows = {one["id"]: one for one in (service(number, owner=f"PU{number:04}") for number in range(3))}
    async with world({"users": users(range(2)), "services": rows}) as one:
        await one.run(some, SERVICES)
        assert one.held("user") == {"PU0000", "PU0001", "PU0002"}
        result = await one.run(some, SERVICES)
        # User 1 is not selected, user 2 is not there: Port made both for the services that name them.
        assert account_of(result).kept == {KeepReason.RELATED: kept("PU0001", "PU0002")}
        assert one.held("user") == {"PU0000", "PU0001", "PU0002"}


async def test_entity_that_old_ones_still_depend_on_stays_and_is_no_failure() -> None:
    incidents = entry("incidents", "incident", relations={"service": ".service.id"})
    async with world({"services": {"PS0000": service(0), "PS0001": service(1)}}) as one:
        one.put("incidents", incident(1, one))
        await one.run(SERVICES, incidents)
        one.put("incidents", incident(1, one, created_at="2020-01-01T00:00:00Z"))
        one.delete("services", "PS0000")
        result = await one.run(SERVICES, incidents)
        assert one.held("service") == {"PS0000", "PS0001"}
        assert result.state is RunState.COMPLETED
        assert account_of(result, "service").kept == {KeepReason.LEFT: kept("PS0000")}
        assert result.deletes == "1 that looks gone kept; PagerDuty asked for 1 object"
        assert result.kinds["services"].writer == {Count.UNCHANGED: 1, Count.NOT_DELETED: 1}


async def test_entity_of_another_integration_in_the_same_blueprint_is_not_ours() -> None:
    async with world({"users": users(range(2))}) as one:
        await one.run(USERS)
        for number, datasource in enumerate(
            [
                "port-ocean/pagerduty/0.4.1/me/exporter",
                "port-ocean/github/1.0/me/exporter",
                "pagerport/1.0.0/other-me/exporter",
                "pagerport/1.0.0/me/exporter/gitops",
                "my-pagerport/1.0.0/me/exporter",
                "a person",
            ]
        ):
            one.plant("user", f"their-{number}", datasource)
        one.plant("user", "our-own", OURS)
        result = await one.run(USERS)
        assert account_of(result).deleted_identifiers == ["our-own"]
        assert {name for name in one.held("user") if name.startswith("their")} == {
            f"their-{number}" for number in range(6)
        }
        one.adopts_peer = True
        adopted = await one.run(USERS)
        assert account_of(adopted).deleted_identifiers == ["their-0"]
        assert "their-0" not in one.held("user")


async def test_renamed_object_under_an_identifier_made_of_its_name_leaves_the_old_one() -> None:
    by_name = entry("services", "service", identifier='.name | gsub(" "; "-")')
    rows = {one["id"]: one for one in map(service, range(3))}
    async with world({"services": rows}) as one:
        await one.run(by_name)
        one.put("services", service(1, name="Renamed"))
        result = await one.run(by_name)
        assert one.held("service") == {"Service-0", "Renamed", "Service-2"}
        assert (account_of(result, "service").deleted_identifiers, one.relists) == (
            ["Service-1"],
            ["services"],
        )


async def test_items_removed_under_items_to_parse_go_with_their_entities() -> None:
    contacts = entry("users", "contact", items=".contacts", identifier=".item.id")
    rows = [user(0, contacts=[{"id": "c1"}, {"id": "c2"}]), user(1, contacts=[{"id": "c3"}])]
    async with world({"users": {row["id"]: row for row in rows}}) as one:
        await one.run(contacts)
        one.put("users", user(0, contacts=[{"id": "c1"}]))
        one.put("users", user(1, contacts=[]))
        await one.run(contacts)
        assert one.held("contact") == {"c1"}


async def test_object_that_left_a_filter_of_pagerdutys_goes_once_it_was_asked_for() -> None:
    of_team = entry("users", "user", params={"team_ids": ["PT1"]})
    ours = {"teams": [{"id": "PT1", "type": "team_reference"}]}
    async with world({"users": users(range(3), **ours), "teams": {"PT1": {"id": "PT1", "name": "T"}}}) as one:
        await one.run(of_team)
        assert len(one.held("user")) == 3
        one.put("users", user(1))
        result = await one.run(of_team)
        assert (one.asked, account_of(result).deleted_identifiers) == (["PU0001"], ["PU0001"])
        assert one.held("user") == {"PU0000", "PU0002"}


async def test_entity_updated_since_the_run_began_is_left_alone() -> None:
    async with world({"users": users(range(3))}) as one:
        await one.run(USERS)

        def events_come() -> None:
            one.plant("user", "just-made", OURS, age_s=0)

        one.plant("user", "old", OURS)
        one.on_publish = events_come
        result = await one.run(USERS)
        assert account_of(result).kept == {KeepReason.UPDATED: kept("just-made")}
        assert one.held("user") == {"PU0000", "PU0001", "PU0002", "just-made"}


async def test_run_of_some_kinds_looks_for_nothing_absent() -> None:
    mapping = (USERS, entry("teams", "team"))
    async with world({"users": users(range(3)), "teams": {"PT1": {"id": "PT1", "name": "T"}}}) as one:
        await one.run(*mapping)
        one.delete("users", "PU0001")
        one.delete("teams", "PT1")
        result = await one.run(*mapping, kinds=["users"])
        assert result.sweep is not None
        assert result.sweep.blueprints == {
            name: BlueprintSweep(absence=KeepReason.PARTIAL) for name in ("team", "user")
        }
        assert (one.held("team"), len(one.held("user"))) == ({"PT1"}, 3)


def incident(number: int, one: World, **more: Json) -> Json:
    at = one.pagerduty.time.now() - timedelta(days=number)
    return {
        "id": f"PI{number:04}",
        "type": "incident",
        "incident_number": number,
        "name": f"Incident {number}",
        "status": "resolved",
        "urgency": "high",
        "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "service": {"id": "PS0000", "type": "service_reference"},
        "assignments": [],
        "teams": [],
        **more,
    }


async def test_incident_that_grew_too_old_stays_and_one_that_is_not_selected_goes() -> None:
    high = entry("incidents", "incident", query='.urgency == "high"')
    async with world({}) as one:
        for number in (1, 2, 179):
            one.put("incidents", incident(number, one))
        await one.run(high)
        assert len(one.held("incident")) == 3
        one.put("incidents", incident(2, one, urgency="low"))
        one.put("incidents", incident(179, one, created_at="2020-01-01T00:00:00Z"))
        result = await one.run(high)
        assert account_of(result, "incident") == BlueprintSweep(
            owned=3,
            produced=1,
            proposed=1,
            absence=KeepReason.NOT_VISIBLE,
            deleted=1,
            deleted_identifiers=["PI0002"],
        )
        assert one.held("incident") == {"PI0001", "PI0179"}


async def test_user_deleted_in_pagerduty_does_not_come_back_by_a_replay() -> None:
    async with world({"users": users(range(3))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0001")
        await one.live("users", user(1), USERS, is_gone=True)
        assert one.held("user") == {"PU0000", "PU0002"}
        result = await one.replay(USERS)
        assert one.held("user") == {"PU0000", "PU0002"}
        assert account_of(result).deleted_identifiers == []
        assert result.state is RunState.COMPLETED


async def test_users_who_were_deleted_do_not_come_back_by_a_replay_however_many_they_are() -> None:
    async with world({"users": users(range(3))}) as one:
        await one.run(USERS)
        for number in range(3):
            await one.live("users", user(number), USERS, is_gone=True)
        assert one.held("user") == set()
        result = await one.replay(USERS)
        assert (one.held("user"), account_of(result).over_threshold) == (set(), False)


async def test_user_who_is_there_again_while_the_sweep_looks_keeps_his_entity() -> None:
    async with world({"users": users(range(3))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0001")

        async def back() -> None:
            one.put("users", user(1))
            await one.live_in_run("user", "PU0001")

        one.on_look = back
        result = await one.run(USERS)
        assert (one.held("user"), account_of(result).deleted) == ({"PU0000", "PU0001", "PU0002"}, 0)


async def test_what_only_a_previous_mapping_made_is_kept_over_the_threshold() -> None:
    before = {"version": 1, "config": {"resources": [BY_EMAIL]}}
    only_one = entry("users", "user", identifier=".email", query='.name == "User 1"')
    async with world({"users": users(range(3))}) as one:
        await one.run(BY_EMAIL)
        await one.live("users", user(1), BY_EMAIL, is_gone=True)
        result = await one.replay(only_one, previous=(before,))
        account = account_of(result)
        assert (account.over_threshold, account.deleted_identifiers) == (True, [])
        assert account.kept == {KeepReason.OVER_THRESHOLD: kept("u0@example.com", "u2@example.com")}
        assert one.held("user") == {"u0@example.com", "u2@example.com"}


async def test_replay_of_some_topics_keeps_what_the_others_may_make() -> None:
    by_name = (entry("users", "contact", identifier=".name"), entry("teams", "contact", identifier=".name"))
    before = {"version": 1, "config": {"resources": [entry("users", "contact", identifier=".email")]}}
    rows = users(range(2), name="same")
    async with world({"users": rows, "teams": {"PT1": {"id": "PT1", "name": "u1@example.com"}}}) as one:
        await one.run(*by_name)
        assert one.held("contact") == {"same", "u1@example.com"}
        part = await one.replay(*by_name, previous=(before,), kinds=["users"])
        assert account_of(part, "contact").kept == {KeepReason.PARTIAL: kept("u1@example.com")}
        await one.replay(*by_name, previous=(before,))
        assert one.held("contact") == {"same", "u1@example.com"}


async def test_replay_of_a_new_mapping_takes_away_what_only_the_previous_one_made() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(BY_EMAIL)
        part = entry("users", "user", identifier=".email", query='.name != "User 3"')
        before = {"version": 1, "config": {"resources": [BY_EMAIL]}}
        result = await one.replay(part, previous=(before,))
        assert account_of(result).deleted_identifiers == ["u3@example.com"]
        assert len(one.held("user")) == 9
        moved = entry("users", "contact", identifier=".email")
        held = await one.replay(moved, previous=(before,))
        # All of what was there would go.
        assert (account_of(held).over_threshold, len(one.held("user"))) == (True, 9)
        raised = await one.replay(moved, previous=(before,), entityDeletionThreshold=1)
        assert (account_of(raised).deleted, one.held("user")) == (9, set())
        assert len(one.held("contact")) == 10


async def test_resync_takes_away_what_only_the_previous_mapping_made() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(BY_EMAIL)
        before = {"version": 1, "config": {"resources": [BY_EMAIL]}}
        result = await one.run(entry("users", "contact"), previous=(before,), entityDeletionThreshold=1)
        assert (one.held("user"), one.held("contact")) == (set(), ALL)
        assert account_of(result).absence is KeepReason.UNMAPPED


async def test_dry_run_says_what_would_go_and_deletes_nothing() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        one.mode = SweepMode.DRY_RUN
        result = await one.run(USERS)
        assert (account_of(result).deleted_identifiers, one.held("user")) == (["PU0003"], ALL)
        assert result.deletes == "1 entity would be deleted; PagerDuty asked for 1 object"


async def test_deletes_that_are_off_look_at_nothing() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        one.mode = SweepMode.OFF
        result = await one.run(USERS)
        assert (one.held("user"), one.asked) == (ALL, [])
        assert result.deletes == "off (OCEAN__DELETES=off): entities whose objects are gone stay"
        assert result.state is RunState.COMPLETED


async def test_our_own_time_is_taken_where_port_does_not_tell_its_own() -> None:
    async with world({"users": users(range(10))}, sends_date=False) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        result = await one.run(USERS)
        assert (account_of(result).deleted_identifiers, one.held("user")) == (["PU0003"], ALL - {"PU0003"})
        assert result.port_started_at == result.started_at.replace(microsecond=0)
        assert result.state is RunState.COMPLETED


async def test_blueprint_that_port_does_not_let_us_search_keeps_everything() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        action = {"status": 422, "body": {"ok": False, "error": "invalid_request", "message": "no"}}
        path = "/v1/blueprints/user/entities/search"
        await one.setting.script({"match": {"path": path}, "action": action})
        result = await one.run(USERS)
        assert account_of(result) == BlueprintSweep(absence=KeepReason.NOT_READABLE)
        assert one.held("user") == ALL
