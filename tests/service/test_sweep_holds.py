"""Proves that a blueprint which a run has held stays held by the same entities, and which ones are ours."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.run import RunResult, RunState
from schemas.run_sweep import BlueprintSweep, KeepReason, RunSweep, SweepMode
from services.fetcher.sweep.judgement import Owned
from services.fetcher.sweep.weighing import Scales, Weighed, held_since
from services.fetcher.sweep.wording import MEMORY, warnings_of
from tests.service.sweep_setting import World, entry, user, users, world

Json = Any
USERS = entry("users", "user")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def account_of(result: RunResult) -> BlueprintSweep:
    assert result.sweep is not None
    return result.sweep.blueprints["user"]


MINE = frozenset(f"PU{number:04}" for number in range(10))
THEIRS = frozenset(f"PU{number:04}" for number in range(50, 60))


def switch(one: World, ids: Collection[str]) -> None:
    """Have PagerDuty give these users, those of another account."""
    for object_id in list(one.account["users"]):
        one.delete("users", object_id)
    for object_id in sorted(ids):
        one.put("users", user(int(object_id[2:])))


async def test_token_of_another_account_deletes_nothing_however_often_it_is_run() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        switch(one, THEIRS)
        first = await one.run(USERS)
        for _ in range(2):
            again = await one.run(USERS)
            account = account_of(again)
            assert (account.over_threshold, account.going, account.judged) == (True, 10, 10)
            assert account.held_since == account_of(first).held_since == first.port_started_at
            assert again.state is RunState.COMPLETED_WITH_FAILURES
        assert first.port_started_at is not None
        assert (
            f"(it is held since the run of {first.port_started_at:%Y-%m-%d %H:%M:%S} UTC)"
            in again.warnings[0]
        )
        assert one.held("user") == MINE | THEIRS
        raised = await one.run(USERS, entityDeletionThreshold=1)
        assert (account_of(raised).deleted, account_of(raised).held_since) == (10, None)
        assert one.held("user") == THEIRS


async def test_two_accounts_under_one_identifier_delete_nothing_of_each_other() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        for ids in (THEIRS, MINE, THEIRS, MINE):
            switch(one, ids)
            result = await one.run(USERS)
            assert (account_of(result).over_threshold, account_of(result).deleted) == (True, 0)
        assert one.held("user") == MINE | THEIRS


async def test_blueprint_is_let_go_once_fewer_would_go() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        switch(one, ["PU0000"])
        held = await one.run(USERS, entityDeletionThreshold=0.5)
        assert account_of(held).over_threshold
        switch(one, MINE - {"PU0009"})
        free = await one.run(USERS, entityDeletionThreshold=0.5)
        assert (account_of(free).deleted_identifiers, account_of(free).held_since) == (["PU0009"], None)
        assert free.state is RunState.COMPLETED


async def test_run_of_some_kinds_and_one_that_deletes_nothing_leave_a_hold_as_it_is() -> None:
    async with world({"users": users(range(10)), "teams": {"PT1": {"id": "PT1", "name": "T"}}}) as one:
        mapping = (USERS, entry("teams", "team"))
        await one.run(*mapping)
        switch(one, THEIRS)
        held = await one.run(*mapping)
        await one.run(*mapping, kinds=["teams"])
        one.mode = SweepMode.DRY_RUN
        await one.run(*mapping)
        one.mode = SweepMode.ON
        again = await one.run(*mapping)
        assert account_of(again).held_since == account_of(held).held_since
        assert one.held("user") == MINE | THEIRS


def run(number: int, since: int | None, **changes: Any) -> RunResult:
    """Return a run at some hour that has held the users since another one; None: it has not held them."""
    at = NOON + timedelta(hours=number)
    account = BlueprintSweep(
        over_threshold=since is not None,
        held_since=None if since is None else NOON + timedelta(hours=since),
        absence=changes.pop("absence", None),
    )
    mode = changes.pop("mode", SweepMode.ON)
    return RunResult(
        run_id=f"run-{number:03}",
        started_at=at,
        sweep=RunSweep(mode=mode, since=at, blueprints={"user": account}),
        **{"state": RunState.COMPLETED_WITH_FAILURES if since is not None else RunState.COMPLETED, **changes},
    )


@pytest.mark.parametrize(
    ("runs", "hour"),
    [
        ([], None),
        ([run(1, None)], None),
        ([run(1, 1)], 1),
        ([run(1, 1), run(2, 1)], 1),
        ([run(1, 1), run(2, None)], None),
        ([run(1, 1), run(2, None), run(3, 3)], 3),
        ([run(1, 1), run(2, None, only_kinds=["users"])], 1),
        ([run(1, None), run(2, 2, only_kinds=["users"])], None),
        ([run(1, 1), run(2, None, mode=SweepMode.DRY_RUN)], 1),
        ([run(1, None), run(2, 2, mode=SweepMode.DRY_RUN)], None),
        ([run(1, 1), run(2, None, absence=KeepReason.INCOMPLETE)], 1),
        ([run(1, 1), run(2, None, type="replay")], 1),
        ([run(1, None), run(2, 2, type="replay")], 2),
        ([run(1, 1), run(2, None, state=RunState.INTERRUPTED)], 1),
        ([run(1, 1), run(2, 1, state=RunState.INTERRUPTED)], 1),
        ([run(1, 1), run(2, None).model_copy(update={"sweep": None})], 1),
        # Itself, at its attempt before, and what comes after it.
        ([run(1, 1), run(9, None), run(10, None)], 1),
    ],
)
def test_runs_before_say_what_is_held(runs: list[RunResult], hour: int | None) -> None:
    expected = {} if hour is None else {"user": NOON + timedelta(hours=hour)}
    assert held_since(runs, "run-009") == expected
    assert held_since(reversed(runs), "run-009") == expected


def owned(hour: int | None) -> Owned:
    at = None if hour is None else NOON + timedelta(hours=hour)
    return Owned(identifier="a", created_at=at, updated_at=at)


def test_entities_made_since_a_hold_are_weighed_by_themselves() -> None:
    def scales(held: int | None, going: list[int | None]) -> Weighed:
        one = Scales(NOON + timedelta(hours=5), None if held is None else NOON + timedelta(hours=held))
        for hour in (None, 0, 1, 2, 3, 5, 6):
            one.own(owned(hour))
        for hour in going:
            one.go(owned(hour))
        return one.weigh(0.9)

    assert scales(None, [None, 0, 1]) == Weighed(is_over=False, going=3, judged=5)
    assert scales(2, [None, 0, 1]) == Weighed(is_over=True, going=3, judged=3)
    assert scales(2, [2, 3]) == Weighed(is_over=True, going=2, judged=2)
    assert scales(2, [None, 0, 2]) == Weighed(is_over=False, going=2, judged=3)
    # What the run itself has made is in neither.
    assert scales(2, [5, 6]) == Weighed(is_over=False, going=0, judged=3)


def test_sync_with_a_temporary_log_says_that_it_forgets() -> None:
    account = BlueprintSweep(over_threshold=True, going=3, judged=3, held_since=NOON)
    sweep = RunSweep(since=NOON, threshold=0.9, blueprints={"user": account})
    (forgets,) = warnings_of(sweep, remembers=False)
    (remembers,) = warnings_of(sweep, remembers=True)
    assert forgets == remembers + MEMORY
    assert "OCEAN__LOG__FILE" in MEMORY


@pytest.mark.parametrize(
    ("datasource", "is_ours"),
    [
        ("port-ocean/gitlab/0.9/me/exporter", False),
        ("pagerport/0.1/somebody/exporter", False),
        ("", False),
        (None, False),
        (7, False),
        ("pagerport/0.0.1/me/exporter", True),
    ],
)
async def test_entity_that_port_lists_and_does_not_show_to_be_ours_stays(
    datasource: Any, is_ours: bool
) -> None:
    """Port ignores the rules of the search, also of one that nothing can pass."""
    async with world({"users": users(range(3))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0001")
        at = (one.setting.clock.now() - timedelta(hours=1)).isoformat()
        row = {"identifier": "PU0001", "createdAt": at, "updatedAt": at, "$datasource": datasource}
        await one.setting.script(
            {
                "match": {"path": ".*/user/entities/search"},
                "action": {"body": {"ok": True, "entities": [row]}},
            }
        )
        result = await one.run(USERS, entityDeletionThreshold=1)
        account = account_of(result)
        if is_ours:
            assert "PU0001" not in one.held("user")
        else:
            assert (account.owned, account.deleted, account.confirmed) == (0, 0, 0)
            assert account.kept[KeepReason.NOT_OURS].identifiers == ["PU0001"]
            assert result.warnings[0].startswith("user: 1 entity kept, e.g. PU0001: Port lists them as ours")
            assert "PU0001" in one.held("user")


async def test_port_that_judges_by_datasource_and_does_not_tell_it_is_believed() -> None:
    async with world({"users": users(range(3))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0001")
        at = (one.setting.clock.now() - timedelta(hours=1)).isoformat()
        rows = [{"identifier": user(1)["id"], "createdAt": at, "updatedAt": at}]
        nothing: Json = {"ok": True, "entities": []}
        search = {"path": ".*/user/entities/search"}
        told: Json = {"ok": True, "entities": rows}
        # What the writer looks for; the page, and what shows that Port judges; both again before the delete.
        for_each = [nothing, told, nothing, told, nothing]
        rules = [{"match": search, "times": 1, "action": {"body": body}} for body in for_each]
        await one.setting.script(*rules)
        result = await one.run(USERS, entityDeletionThreshold=1)
        assert account_of(result).deleted_identifiers == ["PU0001"]
