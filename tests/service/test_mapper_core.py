"""Proves the mapper from raw records to entity changes and dead letters, with real JQ workers."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.entity_change import ChangeSource, EntityChange
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.mapping import MappingFile, MappingInForce
from schemas.outcome import Count, Reason
from services.mapper.pool import WorkerPool, plan_chunks
from shared.core import Batch
from shared.errors import FatalError
from shared.log.interface import TopicPartition
from shared.log.partitioner import partition_of
from shared.outcome import Outcome
from tests.mapper_builders import (
    INCIDENTS,
    NOW,
    a_mapping,
    a_plan,
    a_raw,
    an_entry,
    an_incident,
)
from tests.oracle import NothingError, run_jq
from tests.pipeline.mappings import FOUR_ENTRIES
from tests.service.mapper_setting import raw_record, setting, upserts

Json = Any
MAPPED = Outcome("run-1", "incidents", {Count.MAPPED: 1, Count.EMITTED: 1})


async def test_an_object_becomes_an_entity_record_with_its_source() -> None:
    async with setting(a_mapping(an_entry(title=".title"))) as stage:
        outcomes = await stage.handle(raw_record(an_incident(7)))
        (record,) = await stage.entities()

    partition = partition_of(b"Q000007", 6)
    assert outcomes == [MAPPED]
    assert record.key == b"incident/Q000007"
    assert EntityChange.model_validate_json(record.value or b"") == EntityChange(
        operation=Operation.UPSERT,
        blueprint="incident",
        identifier="Q000007",
        title="The server 7 is on fire.",
        delete_dependents=True,
        source=ChangeSource(
            kind="incidents",
            object_id="Q000007",
            topic=INCIDENTS,
            partition=partition,
            offset=0,
            mapping_version=3,
        ),
    )
    assert RecordHeaders.decode(record.headers) == RecordHeaders(
        id=f"{INCIDENTS}/{partition}/0/0",
        source="pagerport/acme/mapper",
        type="pagerport.entity",
        subject="incident/Q000007",
        time=NOW,
        operation=Operation.UPSERT,
        origin=Origin.RESYNC,
        kind="incidents",
        runid="run-1",
        observedat=NOW,
    )


async def test_four_entries_on_one_incident_are_one_change_as_the_oracle_says() -> None:
    mapping = yaml.safe_load(FOUR_ENTRIES)
    incidents = [
        an_incident(
            number,
            status=["triggered", "acknowledged", "resolved"][number % 3],
            urgency=["high", "low"][number % 2],
            priority=None if number % 5 == 0 else {"summary": f"P{number}"},
            assignments=[] if number % 3 == 2 else [{"assignee": {"summary": f"User {number}"}}],
            title=None if number % 7 == 0 else f'Title {number} "ü"',
        )
        for number in range(60)
    ]

    async with setting(
        MappingInForce(version=1, config=MappingFile.model_validate(mapping)), workers=2
    ) as stage:
        outcomes = await stage.handle(*map(raw_record, incidents))
        changes = upserts(await stage.changes())

    assert outcomes == [MAPPED] * 60
    assert {
        identifier: {"title": one.title, "properties": one.properties, "relations": one.relations}
        for identifier, one in changes.items()
    } == {incident["id"]: by_oracle(mapping, incident) for incident in incidents}


def by_oracle(mapping: Json, incident: Json) -> Json:
    """Apply every entry in its order, one jq program per expression."""
    entity: Json = {"properties": {}, "relations": {}}
    for entry in mapping["resources"]:
        statuses = entry["selector"].get("apiQueryParams", {}).get("statuses", [incident["status"]])
        if incident["status"] not in statuses or run_jq(entry["selector"]["query"], incident) is not True:
            continue
        mapped = entry["port"]["entity"]["mappings"]
        leaves = [(entity, "title", mapped["title"])] if "title" in mapped else []
        for group in ("properties", "relations"):
            leaves += [(entity[group], name, text) for name, text in mapped.get(group, {}).items()]
        for target, name, text in leaves:
            try:
                target[name] = run_jq(text, incident)
            except NothingError:
                continue
    return entity


async def test_null_missing_omitted_failed_and_empty_are_told_apart() -> None:
    entry = an_entry(
        properties={
            "null": ".resolved_at",
            "missing": ".x.y.z",
            "omitted": ".__analytics.n",
            "error": ".id | .x",
            "empty": "empty",
            "false": "false",
            "text": '""',
        }
    )
    async with setting(a_mapping(entry)) as stage:
        outcomes = await stage.handle(raw_record(an_incident(), omitted=("__analytics",)))
        (change,) = await stage.changes()
        letters = await stage.letters()

    assert change.properties == {"null": None, "missing": None, "false": False, "text": ""}
    assert change.omits == ("properties.omitted", "properties.error", "properties.empty")
    assert outcomes == [Outcome("run-1", "incidents", {Count.MAPPED: 1, Count.EMITTED: 1, Count.OMITTED: 3})]
    assert letters == []


async def test_values_left_as_they_were_are_named_with_their_cause_number_and_first_object(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rule = {"property": '"email"', "operator": '"="', "value": ".title.x"}
    entry = an_entry(
        title=".service",
        properties={
            "created_at": ".created_at.foo",
            "raised": 'error("x" * 500)',
            "empty": "empty",
            "analytics": ".__analytics.n",
        },
        relations={"user": {"combinator": '"and"', "rules": [rule]}},
    )
    other = an_entry(blueprint='"x"', identifier=".__analytics.id")
    async with setting(a_mapping(entry, other)) as stage:
        outcomes = await stage.handle(
            raw_record(an_incident(7), omitted=("__analytics",)),
            raw_record(an_incident(8), omitted=("__analytics",)),
        )
        said_in_a_run = list(caplog.messages)
        await stage.handle(raw_record(an_incident(9, service=None), runid="", origin=Origin.LIVE))
        lines = stage.omissions.lines(50)

    assert [outcome and outcome.counts[Count.OMITTED] for outcome in outcomes] == [7, 7]
    first = "incidents resources[0] "
    assert sorted(lines) == sorted(
        [
            f'{first}properties.created_at: .created_at.foo failed: Cannot index string with "foo"'
            " (3x, first in Q000007)",
            f'{first}properties.raised: error("x" * 500) failed: {"x" * 199}… (3x, first in Q000007)',
            f"{first}properties.empty: empty gave no output (3x, first in Q000007)",
            f"{first}properties.analytics: .__analytics.n reads what could not be had this time"
            " (2x, first in Q000007)",
            f'{first}title: .service gave what is no text: {{"id":"PIJ90N7","type":"service_reference",'
            '"summary":"My Ma… (object) (2x, first in Q000007)',
            f"{first}relations.user: a part of the search query failed or is of the wrong type"
            " (3x, first in Q000007)",
            "incidents resources[1] selector: an expression reads what could not be had this time"
            " (2x, first in Q000007)",
        ]
    )
    assert said_in_a_run == []


async def test_what_a_live_object_omits_is_logged_once_since_no_result_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with setting(a_mapping(an_entry(properties={"bad": ".title.x"}))) as stage:
        for number in range(3):
            await stage.handle(raw_record(an_incident(number), runid="", origin=Origin.LIVE))

    assert caplog.messages == [
        'incidents resources[0] properties.bad: .title.x failed: Cannot index string with "x"'
        " (first in Q000000); the value in Port stays; mend the expression"
    ]


async def test_expressions_see_no_environment_and_cannot_disturb_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OCEAN__PORT__CLIENT_SECRET", "s3cret")
    entry = an_entry(
        properties={
            "env": "env",
            "ENV": "$ENV",
            "one": "env.OCEAN__PORT__CLIENT_SECRET",
            "debug": '.id | debug | debug("x") | stderr',
            "input": "input",
            "inputs": "[inputs]",
            "halt": "halt",
            "null": "error(null)",
            "next": ".id",
        }
    )
    async with setting(a_mapping(entry)) as stage:
        outcomes = await stage.handle(*(raw_record(an_incident(number)) for number in range(3)))
        changes = await stage.changes()

    assert [outcome and outcome.counts for outcome in outcomes] == [
        {Count.MAPPED: 1, Count.EMITTED: 1, Count.OMITTED: 3}
    ] * 3
    for change in changes:
        assert change.properties == {
            "env": {},
            "ENV": {},
            "one": None,
            "debug": change.identifier,
            "inputs": [],
            "next": change.identifier,
        }
        assert change.omits == ("properties.input", "properties.halt", "properties.null")


async def test_an_object_that_hangs_costs_only_itself() -> None:
    entry = an_entry(properties={"p": 'if .id == "Q000003" then last(range(1e12)) else 1 end'})
    async with setting(a_mapping(entry), batch_timeout_s=1.0) as stage:
        outcomes = await stage.handle(*(raw_record(an_incident(number)) for number in range(8)))
        changes = upserts(await stage.changes())
        letters = await stage.letters()

    assert sorted(changes) == [f"Q{number:06}" for number in range(8) if number != 3]
    assert [(letter.object_id, letter.failures) for letter in letters] == [
        (
            "Q000003",
            (LetterFailure(reason=Reason.JQ_TIMEOUT, detail="properties.p did not end within 1 s", entry=0),),
        )
    ]
    assert outcomes == [MAPPED] * 3 + [Outcome("run-1", "incidents", {Count.FAILED: 1})] + [MAPPED] * 4


async def test_an_object_that_kills_its_worker_costs_only_itself() -> None:
    entry = an_entry(properties={"p": 'if .id == "Q000005" then ("0123456789" | . * 1e8) else 1 end'})
    async with setting(a_mapping(entry), memory_limit_bytes=200 * 1024**2) as stage:
        outcomes = await stage.handle(*(raw_record(an_incident(number)) for number in range(8)))
        changes = upserts(await stage.changes())
        letters = await stage.letters()

    assert sorted(changes) == [f"Q{number:06}" for number in range(8) if number != 5]
    assert [(letter.object_id, letter.failures[0].reason) for letter in letters] == [
        ("Q000005", Reason.JQ_CRASH)
    ]
    assert outcomes[5] == Outcome("run-1", "incidents", {Count.FAILED: 1})


async def test_a_killed_worker_is_replaced_and_nothing_is_lost() -> None:
    async with setting(a_mapping(an_entry(properties={"p": "[range(100000)] | length"})), workers=2) as stage:
        await stage.handle(*(raw_record(an_incident(number)) for number in range(4)))
        first = set(stage.pool.pids)
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        idle = await stage.handle(raw_record(an_incident(4)))
        batch = Batch(
            await stage.published(*(raw_record(an_incident(number)) for number in range(5, 45))),
            stage.leaving,
        )
        work = asyncio.create_task(stage.core.handle(batch))
        await asyncio.sleep(0)
        for pid in stage.pool.pids:
            os.kill(pid, signal.SIGKILL)
        busy = await work
        changes = upserts(await stage.changes())
        letters = await stage.letters()
        last = set(stage.pool.pids)

    assert (idle, busy) == ([MAPPED], [MAPPED] * 40)
    assert sorted(changes) == [f"Q{number:06}" for number in range(45)]
    assert letters == []
    assert not first & last


async def test_failures_become_one_letter_per_object_beside_what_other_entries_make() -> None:
    entries = (
        an_entry(identifier="null", blueprint='"other"'),
        an_entry(query=".title"),
        an_entry(properties={"a": ".id"}),
    )
    async with setting(a_mapping(*entries)) as stage:
        (outcome,) = await stage.handle(raw_record(an_incident(1)))
        (change,) = await stage.changes()
        letters = await stage.letters()

    assert change.properties == {"a": "Q000001"}
    assert letters == [
        DeadLetter(
            topic=INCIDENTS,
            partition=change.source.partition,
            offset=0,
            stage="mapper",
            kind="incidents",
            object_id="Q000001",
            run_id="run-1",
            failed_at=NOW,
            original_key="UTAwMDAwMQ==",
            failures=(
                LetterFailure(
                    reason=Reason.IDENTIFIER_NULL,
                    detail="identifier `null` gave null",
                    entry=0,
                    blueprint="other",
                ),
                LetterFailure(
                    reason=Reason.SELECTOR_ERROR,
                    detail='selector `.title` gave "The server 1 is on fire." (string), want true or false',
                    entry=1,
                ),
            ),
        )
    ]
    assert outcome == Outcome("run-1", "incidents", {Count.FAILED: 1, Count.EMITTED: 1})


async def test_what_cannot_be_read_is_a_letter_and_the_batch_goes_on() -> None:
    async with setting(a_mapping(an_entry())) as stage:
        outcomes = await stage.handle(
            raw_record(an_incident(1)),
            raw_record(an_incident(2), more=(("ce_origin", b"nowhere"),)),
            raw_record(an_incident(3), more=(("ce_time", None),)),
            raw_record(None, key=b"K\xff", body=b"{}"),
            raw_record(None, key=b"I4", body=b"{"),
            raw_record(None, key=b"I5", body=b""),
            raw_record(an_incident(6)),
        )
        changes = upserts(await stage.changes())
        letters = await stage.letters()

    failed = Outcome("run-1", "incidents", {Count.FAILED: 1})
    assert outcomes == [MAPPED, failed, failed, failed, failed, failed, MAPPED]
    assert sorted(changes) == ["Q000001", "Q000006"]
    assert [(letter.object_id, letter.failures[0].reason) for letter in letters] == [
        ("Q000002", Reason.UNREADABLE),
        ("Q000003", Reason.UNREADABLE),
        ("K�", Reason.UNREADABLE),
        ("I4", Reason.UNREADABLE),
        ("I5", Reason.UNREADABLE),
    ]


async def test_a_record_of_a_newer_schema_is_held_with_what_follows_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    newer = raw_record(an_incident(1), more=(("ce_schemaversion", b"2"), ("ce_origin", b"from the future")))
    async with setting(a_mapping(an_entry())) as stage:
        with caplog.at_level(logging.ERROR, "services.mapper"):
            records = await stage.published(newer, *map(raw_record, map(an_incident, (1, 2))))
            outcomes = await stage.core.handle(Batch(records, stage.leaving))
            again = await stage.core.handle(Batch(records[:1], stage.leaving))
        changes = upserts(await stage.changes())
        letters = await stage.letters()

    assert (outcomes, again) == ([None, None, MAPPED], [None])
    assert sorted(changes) == ["Q000002"]
    assert letters == []
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
        "schema version 2 is newer than this release; upgrade the mapper"
    ]


async def test_a_record_of_another_installation_holds_its_partition_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs = raw_record(an_incident(1), more=(("ce_source", b"pagerport/team-b/fetcher"),))
    tool = raw_record(an_incident(3), more=(("ce_source", b"their/tool"),))
    async with setting(a_mapping(an_entry())) as stage:
        records = await stage.published(theirs, *map(raw_record, map(an_incident, (1, 2))), tool)
        outcomes = await stage.core.handle(Batch(records, stage.leaving))
        held = stage.core.held([TopicPartition(INCIDENTS, partition) for partition in range(6)])
        again = await stage.core.handle(Batch(records[:1], stage.leaving))
        changes = upserts(await stage.changes())

    assert outcomes[:2] == [None, None]
    assert again == [None]
    assert sorted(changes) == ["Q000002", "Q000003"]
    assert "the record is of the installation 'team-b', this one is 'acme'" in held
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [held]


async def test_deletes_by_header_and_by_null_value_become_delete_changes() -> None:
    entry = an_entry(query="false", properties={"a": ".id"})
    async with setting(a_mapping(entry)) as stage:
        outcomes = await stage.handle(
            raw_record({"id": "I1"}, operation=Operation.DELETE, origin=Origin.LIVE, runid=""),
            raw_record(None, key=b"I2", origin=Origin.LIVE, runid=""),
        )
        records = await stage.entities()

    assert outcomes == [Outcome("", "incidents", {Count.MAPPED: 1, Count.EMITTED: 1})] * 2
    assert sorted((record.key, *_operation_and_origin(record.headers)) for record in records) == [
        (b"incident/I1", Operation.DELETE, Origin.LIVE),
        (b"incident/I2", Operation.DELETE, Origin.LIVE),
    ]


def _operation_and_origin(headers: Json) -> tuple[Operation, Origin]:
    read = RecordHeaders.decode(headers)
    return read.operation, read.origin


async def test_changes_and_letters_of_a_batch_keep_the_order_of_its_records() -> None:
    entry = an_entry(
        identifier='"same"', properties={"n": ".incident_number | if . == 3 then error else . end"}
    )
    async with setting(a_mapping(entry), workers=2) as stage:
        await stage.handle(*(raw_record(an_incident(number)) for number in range(50)))
        changes = await stage.changes()

    assert [change.properties.get("n") for change in changes] == [n if n != 3 else None for n in range(50)]


async def test_an_entity_too_large_for_its_topic_is_a_letter() -> None:
    entry = an_entry(properties={"p": '"12345678" * 600000'})
    async with setting(a_mapping(entry)) as stage:
        (outcome,) = await stage.handle(raw_record(an_incident(1)))
        changes = await stage.changes()
        (letter,) = await stage.letters()

    assert changes == []
    assert letter.failures[0].reason is Reason.TOO_LARGE
    assert outcome == Outcome("run-1", "incidents", {Count.FAILED: 1, Count.EMITTED: 0})


async def test_records_wait_for_the_first_mapping() -> None:
    async with setting(None) as stage:
        work = asyncio.create_task(stage.handle(raw_record(an_incident(1))))
        await asyncio.sleep(0)
        assert not work.done()
        stage.core.use(a_mapping(an_entry()))

        assert await work == [MAPPED]


async def test_records_that_wait_for_a_mapping_are_given_back_when_they_must_go() -> None:
    async with setting(None) as stage:
        work = asyncio.create_task(stage.handle(raw_record(an_incident(1)), raw_record(an_incident(2))))
        await asyncio.sleep(0)
        stage.leaving.set()

        assert await work == [None, None]


async def test_a_new_mapping_holds_from_the_next_batch_on() -> None:
    async with setting(a_mapping(an_entry(title='"old"'))) as stage:
        await stage.handle(raw_record(an_incident(1)))
        stage.core.use(a_mapping(an_entry(title='"new"'), version=4))
        await stage.handle(raw_record(an_incident(1)))
        changes = await stage.changes()

    assert [(one.title, one.source.mapping_version) for one in changes] == [("old", 3), ("new", 4)]


async def test_a_worker_that_cannot_start_is_fatal_and_says_why() -> None:
    async with WorkerPool(1, batch_timeout_s=5, memory_limit_bytes=16 * 1024**2) as pool:
        with pytest.raises(
            FatalError, match=r"a JQ worker cannot start: .*(emory|process ended|fork|shared object|in main)"
        ):
            await pool.map_objects(a_plan(an_entry()), [a_raw({"id": "I1"})])
        assert pool.pids == []


async def test_a_cancelled_batch_leaves_no_worker_in_the_middle_of_it() -> None:
    plan = a_plan(an_entry(properties={"p": "last(range(.n))"}))
    async with WorkerPool(1, batch_timeout_s=30) as pool:
        await pool.map_objects(plan, [a_raw({"id": "I1", "n": 1})])
        work = asyncio.create_task(pool.map_objects(plan, [a_raw({"id": "I2", "n": 1e12})]))
        await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

        (mapped,) = await pool.map_objects(plan, [a_raw({"id": "I3", "n": 3})])

    assert json.loads(mapped.changes[0].value)["properties"] == {"p": 2}


def test_no_worker_outlives_a_mapper_that_was_killed() -> None:
    program = """
import asyncio, os, signal, sys
from services.mapper.pool import WorkerPool
from tests.mapper_builders import a_plan, a_raw, an_entry

async def main():
    pool = WorkerPool(1, batch_timeout_s=30)
    await pool.map_objects(a_plan(an_entry()), [a_raw({"id": "I1"})])
    print(pool.pids[0], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    stat = Path(f"/proc/{int(ended.stdout)}/stat")

    while stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        os.sched_yield()


@pytest.mark.parametrize(
    ("sizes", "workers", "chunks"),
    [
        ([], 2, []),
        ([1] * 4, 2, [2, 2]),
        ([1] * 5, 2, [3, 2]),
        ([1], 4, [1]),
        ([1] * 500, 1, [200, 200, 100]),
        ([5_000_000, 5_000_000, 1, 9_000_000, 1], 1, [1, 2, 1, 1]),
    ],
)
def test_chunks_give_every_worker_something_and_none_too_much(
    sizes: list[int], workers: int, chunks: list[int]
) -> None:
    objects = [a_raw(body=bytes(size)) for size in sizes]

    planned = plan_chunks(objects, workers)

    assert [len(chunk) for chunk in planned] == chunks
    assert [one for chunk in planned for one in chunk] == objects
