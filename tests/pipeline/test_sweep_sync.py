"""Runs `pagerport sync` after objects were deleted in PagerDuty, and looks what Port still holds."""

import time
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.pipeline.harness import PATIENCE_S, Stage, pagerduty, port
from tests.pipeline.mappings import SPINE

pytestmark = pytest.mark.pipeline


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small", "--incidents", "20") as source, port(tmp_path) as target:
        yield Stage(source, target, tmp_path)


def let_port_grow_older(stage: Stage) -> None:
    """Wait until Port's time, which it tells in whole seconds, lies behind everything that was written."""
    newest = max(datetime.fromisoformat(one["updatedAt"]) for one in stage.port.state()["entities"])
    give_up_s = time.monotonic() + PATIENCE_S
    while parsedate_to_datetime(stage.port.http.get("/_sim/counters").headers["date"]) <= newest:
        assert time.monotonic() < give_up_s, "Port's clock stands still"


def delete(stage: Stage, kind: str, object_id: str) -> None:
    stage.pagerduty.http.delete(f"/_sim/objects/{kind}/{object_id}").raise_for_status()


def test_entity_of_a_deleted_user_goes_at_the_next_sync_and_a_dry_run_says_so_before(stage: Stage) -> None:
    mapping = stage.mapping(SPINE)
    assert stage.run("sync", "--mapping", mapping).code == 0
    before = stage.catalog()["pagerdutyUser"]
    gone = min(before)
    delete(stage, "users", gone)
    let_port_grow_older(stage)

    dry = stage.run("sync", "--mapping", mapping, "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert dry.result["sweep"]["mode"] == "dry_run"
    planned = dry.result["sweep"]["blueprints"]["pagerdutyUser"]
    told = dry.result["plan"]["blueprints"]["pagerdutyUser"]
    assert stage.catalog()["pagerdutyUser"] == before
    assert (planned["deleted_identifiers"], told["deleted"]) == ([gone], 1)

    real = stage.run("sync", "--mapping", mapping, "--json")
    assert real.code == 0, real.err
    assert real.result["sweep"]["blueprints"]["pagerdutyUser"]["deleted_identifiers"] == [gone]
    assert set(stage.catalog()["pagerdutyUser"]) == set(before) - {gone}
    assert real.result["kinds"]["users"]["writer"]["deleted"] == 1


def test_sync_over_the_threshold_deletes_nothing_and_ends_with_1(stage: Stage) -> None:
    mapping = stage.mapping(SPINE)
    assert stage.run("sync", "--mapping", mapping).code == 0
    before = stage.catalog()["pagerdutyUser"]
    for user in before:
        delete(stage, "users", user)
    let_port_grow_older(stage)

    off = stage.run("sync", "--mapping", mapping, OCEAN__DELETES="off")
    assert off.code == 0, off.err
    assert "deletes: off (OCEAN__DELETES=off)" in off.out
    held = stage.run("sync", "--mapping", mapping, "--no-keep")
    assert held.code == 1
    assert f"pagerdutyUser: {len(before)} of {len(before)} older entities would go" in held.out
    assert "what looked gone" in held.out
    assert stage.catalog()["pagerdutyUser"] == before


def test_sweep_of_the_last_run_can_be_looked_at_before_it_deletes(stage: Stage) -> None:
    mapping, log = stage.mapping(SPINE), str(stage.folder / "log.db")
    assert stage.run("sweep", "--dry-run", OCEAN__LOG__FILE=log).code == 2
    assert stage.run("sync", "--mapping", mapping, OCEAN__LOG__FILE=log).code == 0
    before = stage.catalog()["pagerdutyUser"]
    gone = min(before)
    delete(stage, "users", gone)
    let_port_grow_older(stage)
    assert stage.run("sync", "--mapping", mapping, OCEAN__LOG__FILE=log, OCEAN__DELETES="off").code == 0

    shown = stage.run("sweep", "--dry-run", OCEAN__LOG__FILE=log)
    assert shown.code == 0, shown.err
    assert gone in shown.out
    assert "1 entity would be deleted; PagerDuty asked for 1 object" in shown.out
    told = stage.run("sweep", "--dry-run", "--json", OCEAN__LOG__FILE=log).result
    assert told["blueprints"]["pagerdutyUser"]["deleted_identifiers"] == [gone]
    assert stage.catalog()["pagerdutyUser"] == before
    assert stage.run("sweep", OCEAN__LOG__FILE=log).code == 2

    # A sync of some kinds looks for nothing that is gone: the one of everything before it is judged.
    some = ("sync", "--mapping", mapping, "--kind", "services")
    assert stage.run(*some, OCEAN__LOG__FILE=log, OCEAN__DELETES="off").code == 0
    again = stage.run("sweep", "--dry-run", "--log", log)
    assert (gone in again.out, again.err) == (True, "")
