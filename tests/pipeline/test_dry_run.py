"""Runs `pagerport sync --dry-run` and compares what it says with what a sync then does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import Stage, pagerduty, port
from tests.pipeline.mappings import PAGE, SPINE

pytestmark = pytest.mark.pipeline
BULK = "/v1/blueprints/.*/entities/bulk"


@contextmanager
def stage_of(tmp_path: Path, blueprints: Any = None) -> Iterator[Stage]:
    with (
        pagerduty("--account", "small", "--incidents", "60") as source,
        port(tmp_path, blueprints=blueprints) as target,
    ):
        yield Stage(source, target, tmp_path)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_of(tmp_path) as one:
        yield one


def numbers(result: Any) -> Any:
    """Return per blueprint how many entities would be created, updated and left alone."""
    return {
        name: (one["created"], one["updated"], one["unchanged"])
        for name, one in result["plan"]["blueprints"].items()
    }


def counted(result: Any, *names: str) -> int:
    return sum(kind["writer"].get(name, 0) for kind in result["kinds"].values() for name in names)


def sizes(stage: Stage) -> dict[str, int]:
    return {name: len(held) for name, held in stage.catalog().items()}


def edit(stage: Stage, changes: dict[tuple[str, str], Any]) -> None:
    """Change entities behind the program's back; None takes one away."""
    state = stage.port.state()
    kept = []
    for entity in state["entities"]:
        change = changes.get((entity["blueprint"], entity["identifier"]), {})
        if change is not None:
            kept.append({**entity, "properties": {**entity["properties"], **change}})
    state["entities"] = kept
    stage.port.http.put("/_sim/state", json=state).raise_for_status()


def test_dry_run_of_an_empty_port_writes_nothing_and_says_what_the_sync_then_does(tmp_path: Path) -> None:
    with stage_of(tmp_path, []) as stage:
        dry = stage.run("sync", "--dry-run", "--json")

        assert dry.code == 0, dry.err
        assert set(stage.port.counters()["writes"].values()) == {0}
        assert {one["method"] for one in stage.port.requests()} == {"GET", "POST"}
        assert not any(one["path"].endswith(("/bulk", "/blueprints")) for one in stage.port.requests())
        assert dry.result["created_blueprints"] == []
        assert counted(dry.result, "written", "deleted") == 0

        real = stage.run("sync", "--json")
        assert real.code == 0, real.err
        assert real.result["created_blueprints"] == dry.result["plan"]["created_blueprints"]
        assert "plan" not in real.result
        assert numbers(dry.result) == {name: (size, 0, 0) for name, size in sizes(stage).items()}
        assert counted(dry.result, "planned") == counted(real.result, "written")


def test_real_changes_of_the_sync_that_follows_equal_the_plan(stage: Stage) -> None:
    mapping = stage.mapping(SPINE)
    assert stage.run("sync", "--mapping", mapping).code == 0
    before = stage.catalog()
    users, teams = sorted(before["pagerdutyUser"]), sorted(before["pagerdutyTeam"])
    edit(
        stage,
        {
            ("pagerdutyUser", users[0]): {"email": "old@acme.example", "time_zone": "Mars"},
            ("pagerdutyUser", users[1]): {"email": "older@acme.example"},
            ("pagerdutyTeam", teams[0]): None,
        },
    )
    writes = stage.port.counters()["writes"]

    dry = stage.run("sync", "--mapping", mapping, "--dry-run", "--json")

    assert dry.code == 0, dry.err
    assert stage.port.counters()["writes"] == writes
    plan = dry.result["plan"]["blueprints"]
    assert numbers(dry.result) == {
        "pagerdutyService": (0, 0, len(before["pagerdutyService"])),
        "pagerdutyIncident": (0, 0, len(before["pagerdutyIncident"])),
        "pagerdutyUser": (0, 2, len(users) - 2),
        "pagerdutyTeam": (1, 0, len(teams) - 1),
    }
    assert plan["pagerdutyUser"]["properties"] == {"properties.email": 2, "properties.time_zone": 1}
    assert plan["pagerdutyTeam"]["created_examples"] == [teams[0]]
    example = next(one for one in plan["pagerdutyUser"]["updated_examples"] if one["identifier"] == users[1])
    new = before["pagerdutyUser"][users[1]]["properties"]["email"]
    assert example == {
        "identifier": users[1],
        "kind": "users",
        "object_id": users[1],
        "values": [{"path": "properties.email", "old": '"older@acme.example"', "new": f'"{new}"'}],
    }

    real = stage.run("sync", "--mapping", mapping, "--json")
    after = stage.port.counters()["writes"]
    assert real.code == 0
    assert after["entities_created"] - writes["entities_created"] == 1
    assert after["entities_updated"] - writes["entities_updated"] == 2
    assert counted(real.result, "written") == counted(dry.result, "planned") == 3


def test_dry_run_of_an_unchanged_account_has_nothing_to_do(stage: Stage) -> None:
    mapping = stage.mapping(SPINE)
    assert stage.run("sync", "--mapping", mapping).code == 0
    dry = stage.run("sync", "--mapping", mapping, "--dry-run", "--json")

    assert dry.code == 0
    assert {(created, updated) for created, updated, _ in numbers(dry.result).values()} == {(0, 0)}
    assert {name: unchanged for name, (_, _, unchanged) in numbers(dry.result).items()} == sizes(stage)
    assert dry.result["plan"]["created_blueprints"] == []


def test_report_of_a_dry_run_says_that_nothing_was_written(stage: Stage) -> None:
    mapping = stage.mapping(PAGE)
    dry = stage.run("sync", "--mapping", mapping, "--dry-run")

    assert dry.code == 0, dry.err
    for says in (
        "to write",
        "what a sync would do",
        "planned: nothing was written",
        "deletes: nothing to delete",
    ):
        assert says in dry.out
    assert "everything the mapping asks for is in Port" not in dry.out
    assert stage.port.counters()["writes"]["entity_writes"] == 0


def test_failures_are_found_without_writing_and_end_with_1(stage: Stage) -> None:
    mapping = stage.mapping(
        PAGE.replace('"pagerdutyService"', '"elsewhere"').replace(".id | tostring", ".nothing")
    )
    dry = stage.run("sync", "--mapping", mapping, "--dry-run", "--no-keep", "--json")

    assert dry.code == 1, dry.err
    assert set(dry.result["failures_by_reason"]) == {"blueprint_missing", "identifier_null"}
    assert dry.result["plan"]["blueprints"] == {}
    assert stage.port.counters()["writes"]["entity_writes"] == 0


def test_log_that_is_kept_does_not_take_a_dry_run_for_a_sync(stage: Stage) -> None:
    log = stage.folder / "kept.db"
    dry = stage.run("sync", "--mapping", stage.mapping(PAGE), "--dry-run", OCEAN__LOG__FILE=str(log))

    assert dry.code == 0, dry.err
    assert not log.exists()
