"""Proves, over the whole product in one process, cases that took more than one service to go wrong."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from schemas.command import CommandType
from schemas.outcome import Count, Reason
from schemas.run import RunState
from shared.lost_records import ASKED_BY
from tests.model.world import World

Json = Any
GONE: dict[str, Json] = {"status": 404, "body": {"error": {"message": "Not Found", "code": 2100}}}
pytestmark = pytest.mark.timeout(400)
SEED = 7
BULK = ".*/entities/bulk"
ALWAYS = None


def properties(world: World, blueprint: str, identifier: str) -> Json:
    entity = world.port.catalog.entity((blueprint, identifier))
    assert entity is not None
    return dict(entity.properties)


def written(world: World, blueprint: str, identifier: str, name: str) -> list[Json]:
    """Return the values that a property ever had in Port, each once in a row."""
    values: list[Json] = []
    for version in world.port.catalog.history((blueprint, identifier)) or []:
        held: Json = version["properties"]
        if not values or values[-1] != held.get(name):
            values.append(held.get(name))
    return values


def set_service(world: World, object_id: str, **changes: Json) -> None:
    """Change a service and have PagerDuty tell of it."""
    account = world.account
    row = {**account.row("services", object_id), **changes}
    account.simulator.store.put("services", object_id, row)
    account.mail.append(account.event("service.updated", row))
    world.changed()


def rule(path: str, times: int | None, method: str | None = None, **action: Json) -> Json:
    match = {"path": path} if method is None else {"path": path, "method": method}
    return {"match": match, "times": times, "action": action}


def test_run_killed_between_any_two_of_its_steps_is_done_by_the_next_process() -> None:
    with World(SEED) as world:
        world.until_quiet()
        killed_in: set[RunState] = set()
        for turns in (*range(0, 80, 7), *range(80, 260, 18)):
            account = world.account
            account.delete("users", account.ids("users")[0])
            account.create("users")
            account.edit("services", account.ids("services")[turns % 3])
            world.changed()
            world.command(CommandType.RESYNC)
            world.take_steps(turns)
            world.do(world.process.runs.catch_up())
            killed_in |= {run.state for run in world.process.runs.runs if not run.ended}
            world.kill()
            world.until_quiet()
            assert world.differences() == []
            run = max(world.process.runs.runs, key=lambda one: one.run_id)
            # What the attempt before had counted is not counted with it.
            counted = {name: kind.mapper.get(Count.MAPPED, 0) for name, kind in run.kinds.items()}
            assert run.state is RunState.COMPLETED
            assert counted == {name: kind.fetched for name, kind in run.kinds.items()}
        assert killed_in >= {RunState.LISTING, RunState.MAPPING, RunState.WRITING, RunState.SWEEPING}
        world.check_all()


def test_replay_killed_between_any_two_of_its_steps_ends_in_the_same_catalog() -> None:
    with World(SEED) as world:
        world.until_quiet()
        killed_in: set[RunState] = set()
        # The new mapping is seen some 250 turns after it was made.
        for number, turns in enumerate((0, *range(240, 720, 16))):
            world.use(("choosy", "items", "plain")[number % 3])
            world.take_steps(turns)
            world.do(world.process.runs.catch_up())
            runs = world.process.runs.runs
            killed_in |= {run.state for run in runs if run.type == "replay" and not run.ended}
            world.kill()
            world.until_quiet()
            # No resync has mended it.
            assert world.differences() == []
        assert killed_in >= {RunState.WAITING, RunState.MAPPING, RunState.SWEEPING}
        world.check_all()


@pytest.mark.parametrize("restarts", [False, True])
def test_page_older_than_a_live_change_does_not_undo_it(restarts: bool) -> None:
    with World(SEED) as world:
        world.until_quiet()
        service = world.account.ids("services")[0]
        before = properties(world, "service", service)["name"]
        # The page is read, and on its way.
        released = world.process.line.held["/services"] = asyncio.Event()
        world.command(CommandType.RESYNC)
        world.until(lambda: world.process.line.waiting == 1)
        set_service(world, service, name="newer")
        world.deliver(-1)
        world.until(lambda: properties(world, "service", service)["name"] == "newer")
        if restarts:
            world.kill()
        released.set()
        world.until_quiet()
        assert written(world, "service", service, "name") == [before, "newer"]
        world.check_all()


def test_analytics_that_are_gone_for_one_run_leave_their_properties_as_they_are() -> None:
    with World(SEED, mapping="enriched") as world:
        world.until_quiet()
        service = world.account.ids("services")[0]
        before = properties(world, "service", service)
        assert before["mean"] is not None
        world.account.simulator.store.put(
            "services", service, {**world.account.row("services", service), "name": "another"}
        )
        world.changed()
        world.trouble(
            "pagerduty", rule("/analytics/.*", ALWAYS, status=429, headers={"daily-ratelimit-remaining": "0"})
        )
        run = world.resync()
        assert run.state is RunState.COMPLETED
        assert properties(world, "service", service) == {**before, "name": "another"}
        world.check_all()


def test_relation_target_that_appears_later_heals_the_newest_version_of_what_points_at_it() -> None:
    with World(SEED, mapping="strict") as world:
        account = world.account
        world.until_quiet()
        world.trouble("pagerduty", rule("/services(/.*)?", ALWAYS, status=403))
        service = account.create("services")
        incident = account.create("incidents")
        for title in ("first", "second"):
            row = {
                **account.row("incidents", incident),
                "title": title,
                "service": {"id": service, "type": "service_reference"},
            }
            account.simulator.store.put("incidents", incident, row)
            account.mail.append(account.event("incident.reassigned", row))
            world.changed()
            world.deliver(-1)
            world.until_quiet()
        letters = world.do(world.process.letters())
        assert {failure.reason for one in letters for failure in one.letter.failures} == {
            Reason.RELATION_TARGET_MISSING
        }
        world.fair_weather()
        set_service(world, service, status="active")
        world.deliver(-1)
        # Open letters of this reason are asked for every five minutes.
        world.do(asyncio.sleep(700))
        world.until_quiet()
        assert written(world, "incident", incident, "title") == ["second"]
        assert world.do(world.process.letters()) == []
        world.check_all()


def test_token_that_expires_between_search_and_write_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with World(SEED) as world:
        world.until_quiet()
        for service in world.account.ids("services"):
            world.account.edit("services", service)
        world.changed()
        world.trouble("port", rule(BULK, 1, "POST", expire_token=True))
        run = world.resync()
        assert (run.state, run.failure_count) == (RunState.COMPLETED, 0)
        # Nobody holds, as he does with a token that is refused for good.
        assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []
        assert world.differences() == []
        world.check_all()


def test_log_that_begins_behind_a_committed_offset_is_an_alarm_and_a_resync() -> None:
    with World(SEED) as world:
        world.until_quiet()
        world.trouble("port", rule(".*", ALWAYS, status=503))
        service = world.account.ids("services")[0]
        set_service(world, service, name="told in vain")
        world.deliver(-1)
        world.pass_time(60)
        in_eight_days = world.clock.now() + timedelta(days=8)
        world.do(world.process.log.maintain(int(in_eight_days.timestamp() * 1000)))
        world.kill()
        world.fair_weather()
        world.until_quiet()
        asked_by = [who for run in world.process.runs.runs for who in run.asked_by]
        assert ASKED_BY in asked_by
        assert properties(world, "service", service)["name"] == "told in vain"
        world.check_all()


def test_object_whose_selector_fails_keeps_what_it_has_made() -> None:
    with World(SEED, mapping="plain") as world:
        world.until_quiet()
        user = world.account.ids("users")[0]
        row = {**world.account.row("users", user), "role": "observer"}
        world.account.simulator.store.put("users", user, row)
        world.use("failing")
        world.until_quiet()
        world.check_all()
        assert world.port.catalog.entity(("user", user)) is not None


def hold_deletes(world: World) -> list[str]:
    """Have more services look deleted than the breaker lets pass; return those that are still in Port."""
    services = [world.account.create("services") for _ in range(40)]
    world.changed()
    world.resync()
    world.causes.add(Reason.DELETE_HELD)
    for service in services:
        row = world.account.row("services", service)
        world.account.mail.append(world.account.event("service.updated", row))
    # A token that lost its rights: they are valid, and cannot be told from deleted ones.
    world.steady = frozenset()
    world.trouble("pagerduty", rule("/services/.*", ALWAYS, **GONE))
    for index in range(len(services)):
        world.deliver(index - len(services))
    world.until_quiet()
    letters = world.do(world.process.letters())
    assert {one.reason for letter in letters for one in letter.letter.failures} == {Reason.DELETE_HELD}
    held = [service for service in services if world.port.catalog.entity(("service", service))]
    assert len(letters) == len(held) > 10
    return held


def test_held_deletes_leave_no_letter_once_a_sweep_has_carried_them_out() -> None:
    with World(SEED, mapping="plain") as world:
        held = hold_deletes(world)
        world.fair_weather()
        for service in held:
            world.account.simulator.store.delete("services", service)
        world.changed()
        run = world.resync()
        assert run.sweep is not None
        assert run.sweep.blueprints["service"].deleted == len(held)
        # Looked after every five minutes.
        world.do(asyncio.sleep(400))
        assert world.do(world.process.letters()) == []
        world.check_all()


def test_held_deletes_leave_no_letter_once_their_objects_are_seen_again() -> None:
    """Also where that writes nothing, for Port has held them all the time."""
    with World(SEED, mapping="plain") as world:
        held = hold_deletes(world)
        world.fair_weather()
        world.resync()
        world.do(asyncio.sleep(400))
        assert world.do(world.process.letters()) == []
        assert all(world.port.catalog.entity(("service", service)) for service in held)
        world.check_all()


def test_what_others_stand_on_goes_in_the_run_in_which_they_go() -> None:
    with World(SEED) as world:
        account = world.account
        policy = account.create("escalation_policies")
        service = account.create("services")
        row = {**account.row("services", service), "escalation_policy": {"id": policy}}
        account.simulator.store.put("services", service, row)
        world.changed()
        world.resync()
        assert account.delete("services", service)
        assert account.delete("escalation_policies", policy)
        world.changed()
        run = world.resync()
        assert run.sweep is not None
        assert run.sweep.blueprints["policy"].deleted_identifiers == [policy]
        assert world.differences() == []


def test_model_can_fail() -> None:
    """The model's own judge is not blind: a valid entity that goes is told of."""
    with World(SEED) as world:
        world.until_quiet()
        user = world.account.ids("users")[0]
        world.port.catalog.delete([("user", user)])
        assert [one.partition(": ")[2] for one in world.wrong] == [f"user/{user} was valid and is deleted"]
        world.wrong.clear()
