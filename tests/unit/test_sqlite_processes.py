"""Tests the embedded log with real second processes, which are killed without warning."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from schemas.topics import COMMANDS, raw_topic
from shared.errors import ConfigurationError
from shared.log.interface import NewRecord, TopicPartition
from shared.log.sqlite import SqliteLog

ROOT = Path(__file__).parents[2]
RAW = raw_topic("users")
PLACES = [TopicPartition(RAW, partition) for partition in range(6)]
DEADLINE_S = 60.0

HOLDER = """
import asyncio, sys
from shared.log.sqlite import SqliteLog

async def main():
    log = await SqliteLog.open(sys.argv[1], durable=True, consuming=True)
    print("holds", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

APPENDER = """
import asyncio, sys
from shared.log.interface import NewRecord
from shared.log.sqlite import SqliteLog

async def main():
    log = await SqliteLog.open(sys.argv[1], durable=True, consuming=sys.argv[2] == "consuming")
    topic, count = sys.argv[3], int(sys.argv[4])
    await log.create_topics([topic])
    for number in range(count):
        records = [NewRecord(topic, b"P%d" % each, b"%d" % number) for each in range(20)]
        await log.append(records)
        print(number, flush=True)
    await log.close()

asyncio.run(main())
"""


async def start(script: str, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, cwd=ROOT, stdout=PIPE
    )


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


async def line_of(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        return (await process.stdout.readline()).decode().strip()


async def kill(process: Process) -> None:
    process.send_signal(signal.SIGKILL)
    async with asyncio.timeout(DEADLINE_S):
        await process.communicate()


async def test_lock_names_its_holder_and_vanishes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    process = await start(HOLDER, str(path))
    assert await line_of(process) == "holds"
    with pytest.raises(ConfigurationError, match=f"in use by the process with pid {process.pid};"):
        await SqliteLog.open(path, durable=True, consuming=True)
    await kill(process)
    log = await SqliteLog.open(path, durable=True, consuming=True)
    await log.close()
    assert names(tmp_path) == ["log.sqlite"]


async def test_waiting_reader_sees_what_another_process_appends(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    log = await SqliteLog.open(path, durable=True, consuming=True)
    await log.create_topics([COMMANDS.name, RAW])
    place = TopicPartition(COMMANDS.name, 0)
    reading = asyncio.create_task(log.read({place: 0}, max_records=1, wait_s=DEADLINE_S))
    await asyncio.sleep(0)
    process = await start(APPENDER, str(path), "beside", COMMANDS.name, "1")
    assert [record.value for record in await reading] == [b"0"]
    await process.communicate()
    positions = await log.append([NewRecord(COMMANDS.name, b"k", b"ours")])
    assert [position.offset for position in positions] == [20]
    await log.close()
    assert names(tmp_path) == ["log.sqlite"]


async def test_two_processes_that_append_at_once_share_the_offsets(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    log = await SqliteLog.open(path, durable=True, consuming=True)
    await log.create_topics([RAW])
    process = await start(APPENDER, str(path), "beside", RAW, "30")
    ours = [
        position
        for number in range(30)
        for position in await log.append(
            [NewRecord(RAW, b"P%d" % each, b"us %d" % number) for each in range(20)]
        )
    ]
    await process.communicate()
    assert process.returncode == 0
    assert len(set(ours)) == 600
    assert sum((await log.end_offsets(PLACES)).values()) == 1200
    records = await log.read(dict.fromkeys(PLACES, 0), max_records=2000, wait_s=0)
    assert len({(record.partition, record.offset) for record in records}) == 1200
    mine = {
        (record.partition, record.offset) for record in records if (record.value or b"").startswith(b"us")
    }
    assert mine == {(position.partition, position.offset) for position in ours}
    await log.close()


async def test_acknowledged_records_survive_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    process = await start(APPENDER, str(path), "consuming", RAW, "1000000")
    acknowledged = -1
    while acknowledged < 50:
        acknowledged = int(await line_of(process))
    process.send_signal(signal.SIGKILL)
    rest, _ = await process.communicate()
    for line in rest.decode().split("\n")[:-1]:
        acknowledged = int(line)
    log = await SqliteLog.open(path, durable=True, consuming=False)
    ends = await log.end_offsets(PLACES)
    by_key: dict[bytes | None, list[int]] = {}
    positions = dict.fromkeys(PLACES, 0)
    while positions != ends:
        for record in await log.read(positions, max_records=5000, wait_s=0):
            assert record.offset == positions[record.place]
            positions[record.place] = record.offset + 1
            by_key.setdefault(record.key, []).append(int(record.value or b"-1"))
    written = len(by_key[b"P0"])
    assert acknowledged + 1 <= written
    assert by_key == {b"P%d" % each: list(range(written)) for each in range(20)}
    await log.close()
    await (await SqliteLog.open(path, durable=True, consuming=True)).close()
    assert names(tmp_path) == ["log.sqlite"]
