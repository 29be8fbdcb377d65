"""A log full of what nobody can read costs just that: commands tell, and the installation goes on."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.log.interface import NewRecord, Record
from shared.log.sqlite import SqliteLog
from tests.kafka.cluster import read_all
from tests.pipeline.harness import Stage, pagerduty, port
from tests.pipeline.mappings import SPINE
from tests.pipeline.test_always_on import always_on, until

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(400)]

PEAK_LIMIT_BYTES = 400 * 1024 * 1024
"""Of the whole process; its peak without poison is about 110 MB."""
DEEP = b"[" * 100_000 + b"]" * 100_000
MANY_KEYS = b"{" + b",".join(b'"k%d":%d' % (one, one) for one in range(150_000)) + b"}"
VALUES = (b"", b"\xff\xfe", b"{", b"null", b"[]", b"NaN", b"\0" * 1000, DEEP, MANY_KEYS)
LEAVES = (
    *(b"NaN", b"1e999", b"1" + b"0" * 400, b'"\\ud800"', b'"\\u0000"'),
    *(b"null", b"{}", b"[[]]", b"-1", DEEP),
)
MARK = "poison goes here"


def poisoned(record: Record) -> Iterator[NewRecord]:
    """Yield what looks like a record and is none, in all its parts."""
    topic, key, value, headers = record.topic, record.key, record.value, record.headers
    for odd in VALUES:
        yield NewRecord(topic, key, odd, headers)
    for names in ((), (("x" * 5000, b"y"),) * 50, tuple((name, b"\xff") for name, _ in headers)):
        yield NewRecord(topic, key, value, names)
    for odd_header in (b"9" * 5000, b"\0", b"[" * 5000):
        yield NewRecord(
            topic,
            key,
            value,
            tuple((name, held if name == "ce_schemaversion" else odd_header) for name, held in headers),
        )
    for odd_key in (b"\xff\xfe", b"a/b/c", b"complete/nothing", b"k" * 20_000, b"\0"):
        yield NewRecord(topic, odd_key, value, headers)
    try:
        document = json.loads(value or b"")
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    for number, name in enumerate(document):
        text = json.dumps({**document, name: MARK}).encode()
        odd = LEAVES[number % len(LEAVES)]
        yield NewRecord(topic, key, text.replace(json.dumps(MARK).encode(), odd), headers)


async def poison(file: Path) -> int:
    """Poison every topic of a log; return how many records that took."""
    log = await SqliteLog.open(file, durable=True, consuming=False)
    try:
        newest: dict[str, Record] = {}
        for record in await read_all(log, await log.partitions(lambda _: True)):
            if record.value is not None:
                newest[record.topic] = record
        made = [one for record in newest.values() for one in poisoned(record)]
        for one in made:
            await log.append([one])
        return len(made)
    finally:
        await log.close()


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def test_installation_over_a_poisoned_log_tells_and_goes_on(tmp_path: Path) -> None:
    with pagerduty("--account", "small", "--incidents", "40") as source, port(tmp_path) as target:
        stage = Stage(source, target, tmp_path)
        mapping = stage.mapping(SPINE)
        refused = next(iter(source.state()["users"]))
        target.script({"match": {"path": ".*/entities/bulk"}, "action": {"reject_identifier": refused}})
        first = stage.run("sync", "--mapping", mapping, OCEAN__LOG__FILE=str(tmp_path / "pagerport.db"))
        assert first.code == 1, first.err
        target.script()
        assert asyncio.run(poison(tmp_path / "pagerport.db")) > 100

        letters = stage.run("dlq", "list", "--all", "--json", "--limit", "100000")
        addresses = [one["address"] for one in json.loads(letters.out)]
        assert addresses
        commands: list[tuple[str, ...]] = [
            ("status",),
            ("status", "--json"),
            ("runs",),
            ("runs", "--json"),
            ("dlq", "list", "--all"),
            ("dlq", "show", addresses[-1]),
            ("dlq", "show", addresses[len(addresses) // 2], "--json"),
            ("explain", "pagerdutyUser", refused),
            ("explain", "pagerdutyUser", refused, "--json"),
            ("mapping", "diff", str(mapping), str(mapping), "--log", str(tmp_path / "pagerport.db")),
        ]
        for command in commands:
            ended = stage.run(*command)
            assert (ended.code, "unexpected" in ended.err) == (0, False), (command, ended.err[-2000:])

        with always_on(stage, mapping) as (process, _):
            until(lambda: stage.run("status", "--json").code == 0, process)
            resync = stage.run("resync", "--wait", "--json")
            assert resync.code == 0, resync.err[-2000:]
            users = stage.catalog()["pagerdutyUser"]
            assert set(users) >= set(source.state()["users"])
            assert peak_bytes(process.pid) < PEAK_LIMIT_BYTES
            assert process.poll() is None
