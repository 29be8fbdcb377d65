"""Proves that what takes long, or does not end, costs itself and not the batch, with real JQ workers."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.dead_letter import LetterFailure
from schemas.outcome import Count, Reason
from services.mapper.mapped import Mapped
from services.mapper.pool import CHANGES_AT_ONCE, CHUNK_OBJECTS, WorkerPool
from shared.core import Batch
from shared.log.interface import TopicPartition
from shared.outcome import Outcome
from tests.mapper_builders import a_mapping, a_plan, a_raw, an_entry, an_incident
from tests.service.mapper_setting import Setting, raw_record, setting, upserts

FAILED = Outcome("run-1", "incidents", {Count.FAILED: 1})
MAPPED = Outcome("run-1", "incidents", {Count.MAPPED: 1, Count.EMITTED: 1})


async def test_each_of_many_hanging_objects_is_a_letter_and_the_entry_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fine = an_entry(blueprint='"fine"', properties={"n": ".incident_number + 1"})
    hangs = an_entry(title="if .incident_number % 10 == 3 then (def f: f; f) else .title end")
    async with setting(a_mapping(fine, hangs), batch_timeout_s=0.5) as stage:
        with caplog.at_level(logging.ERROR):
            outcomes = await stage.handle(*(raw_record(an_incident(number)) for number in range(50)))
        changes = upserts(await stage.changes())
        letters = await stage.letters()

    hanging = [f"Q{number:06}" for number in range(50) if number % 10 == 3]
    assert sorted(letter.object_id for letter in letters) == hanging
    named = LetterFailure(reason=Reason.JQ_TIMEOUT, detail="title did not end within 0.5 s", entry=1)
    later = LetterFailure(reason=Reason.JQ_TIMEOUT, detail="the expressions did not end within 0.5 s")
    assert [letter.failures for letter in letters] == [(named,)] * 3 + [(later,)] * 2
    assert len(changes) == 45
    assert [outcome for outcome in outcomes if outcome and Count.FAILED in outcome.counts] == [FAILED] * 5
    assert [record.message.split(":")[:2] for record in caplog.records] == [
        ["resources[1]", " title does not end"]
    ]


async def given_back(stage: Setting, number: int) -> tuple[int, list[TopicPartition]]:
    """Hand a batch over until nothing of it is left; return how often, and the places in the order done."""
    left = await stage.published(*(raw_record(an_incident(one % 20, n=one)) for one in range(number)))
    turns, done = 0, []
    while left:
        outcomes = await stage.core.handle(Batch(left, stage.leaving))
        pairs = list(zip(left, outcomes, strict=True))
        waiting: set[TopicPartition] = set()
        for record, outcome in pairs:
            if outcome is None:
                waiting.add(record.place)
            else:
                assert record.place not in waiting
                done.append(record.place)
        left = [record for record, outcome in pairs if outcome is None]
        turns += 1
    return turns, done


async def test_a_batch_that_takes_long_is_given_back_with_what_is_done_of_each_partition() -> None:
    entry = an_entry(properties={"n": ".n", "slow": "last(range(100000))"})
    async with setting(a_mapping(entry), workers=2, patience_s=0.0) as stage:
        turns, done = await given_back(stage, 100)
        changes = await stage.changes()

    assert turns > 1
    assert len(done) == len(changes) == 100
    by_key: dict[str, list[object]] = {}
    for change in changes:
        by_key.setdefault(str(change.identifier), []).append(change.properties["n"])
    assert by_key == {f"Q{one:06}": list(range(one, 100, 20)) for one in range(20)}


async def test_a_hanging_object_is_left_when_the_batch_must_go() -> None:
    entry = an_entry(properties={"p": "def f: f; f"})
    async with setting(a_mapping(entry), leaving_grace_s=0.0) as stage:
        stage.leaving.set()

        assert await stage.handle(raw_record(an_incident(1)), raw_record(an_incident(2))) == [None, None]
        assert await stage.entities() == []
        assert stage.pool.pids == []


async def test_a_batch_of_very_many_changes_ends_early() -> None:
    items = f"[range({CHANGES_AT_ONCE // CHUNK_OBJECTS})]"
    plan = a_plan(an_entry(items=items, identifier=".item"))
    objects = [a_raw(an_incident(number)) for number in range(CHUNK_OBJECTS + 1)]
    found: list[Mapped | None] = [None] * len(objects)
    async with WorkerPool(1, batch_timeout_s=30) as pool:
        await pool.map_into(plan, objects, found, asyncio.Event())

    assert sum(len(mapped.changes) for mapped in found if mapped) == CHANGES_AT_ONCE
    assert found.index(None) == CHUNK_OBJECTS


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_worker_in_a_hanging_expression_ends_with_its_mapper() -> None:
    program = """
import asyncio, os, signal
from services.mapper.frames import MAPPING
from services.mapper.pool import WorkerPool
from tests.mapper_builders import a_plan, a_raw, an_entry

async def main():
    pool = WorkerPool(1, batch_timeout_s=600)
    work = asyncio.create_task(pool.map_objects(a_plan(an_entry(title="def f: f; f")), [a_raw({"id": "I1"})]))
    while not any(worker.pid and worker.place.phase == MAPPING for worker in pool._alive):
        await asyncio.sleep(0.01)
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
