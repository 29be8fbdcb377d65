"""Runs `pagerport sync` against the simulators and compares the catalog with the oracle's."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.log.sqlite import SqliteLog
from shared.runs_topic import RunRecords, run_record
from tests.oracle import differences, expected_catalog
from tests.pipeline.harness import CLIENT_SECRET, TOKEN, Stage, pagerduty, port
from tests.pipeline.mappings import FOUR_ENTRIES, PAGE, SPINE

pytestmark = pytest.mark.pipeline
ACCEPT = "application/vnd.pagerduty+json;version=2"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small", "--incidents", "150") as source, port(tmp_path) as target:
        yield Stage(source, target, tmp_path)


def expected(stage: Stage, mapping: str) -> Any:
    headers = {"Authorization": f"Token token={TOKEN}", "Accept": ACCEPT}
    with httpx.Client(base_url=stage.pagerduty.url, headers=headers, timeout=30) as client:
        return expected_catalog(client, yaml.safe_load(mapping))


@pytest.mark.parametrize("mapping", [PAGE, FOUR_ENTRIES, SPINE], ids=["page", "four-entries", "spine"])
def test_catalog_equals_the_oracle(stage: Stage, mapping: str) -> None:
    ended = stage.run("sync", "--mapping", stage.mapping(mapping), "--json")
    assert ended.code == 0, ended.err
    assert ended.result["state"] == "completed"
    want = expected(stage, mapping)
    assert len(want) > 50
    assert differences(want, stage.catalog(), stage.blueprints()) == []


def test_second_sync_of_the_unchanged_account_writes_nothing(stage: Stage) -> None:
    mapping = stage.mapping(SPINE)
    assert stage.run("sync", "--mapping", mapping).code == 0
    before = stage.port.counters()["writes"]
    again = stage.run("sync", "--mapping", mapping, "--json")
    assert again.code == 0
    assert stage.port.counters()["writes"] == before
    for kind in again.result["kinds"].values():
        assert kind["writer"]["unchanged"] == kind["fetched"]
        assert set(kind["writer"]) <= {"unchanged", "coerced"}


async def set_forward(file: Path, run_id: str) -> None:
    """Make of the last run in a log one that began when the clock was ahead."""
    log = await SqliteLog.open(file, durable=True, consuming=True)
    runs = RunRecords(log)
    await runs.catch_up()
    (run,) = runs.runs
    later = run.model_copy(update={"run_id": run_id})
    await log.append([run_record(later, identifier="pipeline", made_at=run.started_at)])
    for group in (MAPPER_GROUP, WRITER_GROUP):
        places = await log.partitions(lambda _: True)
        await log.commit(
            group,
            {
                place: replace(one, metadata=one.metadata.replace(run.run_id, run_id))
                for place, one in (await log.committed(group, places)).items()
            },
        )
    await log.close()


def test_sync_whose_clock_was_set_back_since_the_last_one_counts_all_that_it_reads(stage: Stage) -> None:
    mapping, file = stage.mapping(SPINE), stage.folder / "own.db"
    assert stage.run("sync", "--mapping", mapping, OCEAN__LOG__FILE=str(file)).code == 0
    asyncio.run(set_forward(file, "20990101T000000.000000Z-ab12"))
    again = stage.run("sync", "--mapping", mapping, "--json", OCEAN__LOG__FILE=str(file))
    assert (again.code, again.result["unmapped"], again.result["unsettled"]) == (0, 0, 0)
    assert again.result["run_id"] > "20990101T000000.000000Z-ab12"


def test_only_the_kinds_asked_for_are_read(stage: Stage) -> None:
    ended = stage.run(
        "sync", "--mapping", stage.mapping(SPINE), "--kind", "users", "--kind", "teams", "--json"
    )
    assert ended.code == 0
    assert sorted(ended.result["kinds"]) == ["teams", "users"]
    assert sorted(name for name, held in stage.catalog().items() if held) == [
        "pagerdutyTeam",
        "pagerdutyUser",
    ]


def test_no_temporary_files_are_left(stage: Stage) -> None:
    assert stage.run("sync", "--mapping", stage.mapping(PAGE)).code == 0
    assert list(stage.temporary.iterdir()) == []
    assert sorted(one.name for one in stage.folder.iterdir()) == ["blueprints.json", "mapping.yaml", "tmp"]


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"OCEAN__INTEGRATION__CONFIG__TOKEN": "wrong-token-1"}, "OCEAN__INTEGRATION__CONFIG__TOKEN"),
        ({"OCEAN__PORT__CLIENT_SECRET": "wrong-secret-1"}, "OCEAN__PORT__CLIENT_SECRET"),
        ({"OCEAN__PORT__BASE_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
        ({"OCEAN__INTEGRATION__CONFIG__API_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
    ],
    ids=["pagerduty-token", "port-secret", "port-closed", "pagerduty-closed"],
)
def test_refused_or_unreachable_is_one_line_and_exit_3(
    stage: Stage, environment: dict[str, str], names: str
) -> None:
    ended = stage.run("sync", "--mapping", stage.mapping(PAGE), **environment)
    lines = [line for line in ended.err.splitlines() if line.startswith("error:")]
    assert (ended.code, len(lines)) == (3, 1), ended.err
    assert names in lines[0]
    assert "Traceback" not in ended.err
    assert not any(secret in ended.err + ended.out for secret in (TOKEN, CLIENT_SECRET, "wrong-token-1"))
    assert all(not held for held in stage.catalog().values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PAGE.replace(".service.id", ".service.id |"), ("mapping.yaml:", "relations.pagerdutyService")),
        (PAGE.replace("kind: services", "kind: servises"), ("servises", "services")),
        (PAGE.replace("blueprint:", "blueprintt:"), ("mapping.yaml:", "blueprint")),
        ("resources: [", ("mapping.yaml:",)),
        ("", ("mapping.yaml",)),
    ],
    ids=["jq", "kind", "key", "yaml", "empty"],
)
def test_broken_mapping_is_exit_2_with_place_and_nothing_is_sent(
    stage: Stage, text: str, says: tuple[str, ...]
) -> None:
    ended = stage.run("sync", "--mapping", stage.mapping(text))
    assert ended.code == 2
    lines = [line for line in ended.err.splitlines() if line]
    assert lines[0].startswith("error:"), ended.err
    assert all(part in ended.err for part in says), ended.err
    assert "Traceback" not in ended.err
    assert stage.pagerduty.requests() == []
    assert stage.port.requests() == []


def test_missing_setting_or_unreadable_file_is_exit_2(stage: Stage) -> None:
    mapping = stage.mapping(PAGE)
    without = stage.run("sync", "--mapping", mapping, OCEAN__INTEGRATION__CONFIG__TOKEN="")
    assert without.code == 2
    assert "OCEAN__INTEGRATION__CONFIG__TOKEN" in without.err
    unreadable = stage.run("sync", "--mapping", stage.folder / "nowhere.yaml")
    assert unreadable.code == 2
    assert "nowhere.yaml" in unreadable.err
    assert stage.pagerduty.requests() == []


def test_what_fails_is_named_and_everything_else_arrives(stage: Stage) -> None:
    want = expected(stage, SPINE)
    incidents = sorted(identifier for blueprint, identifier in want if blueprint == "pagerdutyIncident")
    refused, nameless, unjudged = incidents[:3]
    mapping = SPINE.replace(
        "identifier: .id | tostring", f'identifier: if .id == "{nameless}" then null else .id end'
    ).replace(
        '  - kind: incidents\n    selector:\n      query: "true"',
        f'  - kind: incidents\n    selector:\n      query: if .id == "{unjudged}" then .title else true end',
    )
    stage.port.script({"match": {"path": "/v1/blueprints/.*/bulk"}, "action": {"reject_identifier": refused}})
    stage.pagerduty.script({"match": {"path": "/teams"}, "action": {"status": 403}})

    ended = stage.run("sync", "--mapping", stage.mapping(mapping), "--json")

    assert ended.code == 1, ended.err
    result = ended.result
    assert result["state"] == "completed_with_failures"
    assert result["kinds"]["teams"]["state"] == "skipped"
    assert "403" in result["kinds"]["teams"]["reason"]
    assert {(one["object_id"], one["reason"], one["stage"]) for one in result["failures"]} == {
        (refused, "refused", "writer"),
        (nameless, "identifier_null", "mapper"),
        (unjudged, "selector_error", "mapper"),
    }
    assert result["failures_by_reason"] == {"refused": 1, "identifier_null": 1, "selector_error": 1}
    assert result["failure_count"] == 3
    for key in [("pagerdutyIncident", one) for one in (refused, nameless, unjudged)]:
        del want[key]
    want = {key: value for key, value in want.items() if key[0] != "pagerdutyTeam"}
    assert differences(want, stage.catalog(), stage.blueprints()) == []


def test_failed_sync_keeps_its_log_and_dlq_reads_it(stage: Stage) -> None:
    identifier = next(key[1] for key in expected(stage, PAGE) if key[0] == "pagerdutyIncident")
    stage.port.script(
        {"match": {"path": "/v1/blueprints/.*/bulk"}, "action": {"reject_identifier": identifier}}
    )
    ended = stage.run("sync", "--mapping", stage.mapping(PAGE))
    assert ended.code == 1
    kept = list(stage.folder.glob("*.db"))
    assert len(kept) == 1
    assert f"pagerport dlq list --log {kept[0].name}" in ended.err
    listed = stage.run("dlq", "list", "--log", kept[0])
    assert listed.code == 0
    assert identifier in listed.out
    assert "refused" in listed.out
    unkept = stage.run("sync", "--mapping", stage.mapping(PAGE), "--no-keep")
    assert unkept.code == 1
    assert list(stage.folder.glob("*.db")) == kept


def test_interrupt_stops_soon_says_what_was_done_and_leaves_nothing(stage: Stage) -> None:
    stage.port.script({"match": {"path": "/v1/blueprints/.*/bulk"}, "action": {"delay_ms": 20_000}})
    with stage.start("sync", "--mapping", stage.mapping(SPINE)) as process:
        while not any(one["path"].endswith("/bulk") for one in stage.port.requests()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=4)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert "interrupted" in out
    assert "incidents" in out
    assert list(stage.temporary.iterdir()) == []
