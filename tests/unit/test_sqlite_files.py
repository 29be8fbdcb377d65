"""Tests how the embedded log treats its file: versions, mistakes, the lock, loss, prefixes."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from unittest.mock import Mock

import pytest

from schemas.topics import COMMANDS, RUNS, raw_topic, topic_of
from shared.errors import ConfigurationError, FatalError, RetryableError
from shared.log import sqlite_health
from shared.log.interface import Committed, NewRecord, Subscription, TopicPartition
from shared.log.partitioner import partition_of
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_schema import STEPS, VERSION, migrate
from shared.log.sqlite_store import Store

RAW = raw_topic("users")
PLACE = TopicPartition(COMMANDS.name, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


async def write_one(path: Path, *, prefix: str = "") -> None:
    """Make a durable log with one command and one commit."""
    log = await SqliteLog.open(path, durable=True, consuming=True, prefix=prefix)
    await log.create_topics([COMMANDS.name])
    await log.append([NewRecord(COMMANDS.name, b"k", b"v")])
    await log.commit("g", {PLACE: Committed(1, "m")})
    await log.close()


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(statement).fetchall()
        connection.commit()
        return rows


def key_of(place: TopicPartition) -> bytes:
    """Return a key that lies in a partition."""
    keys = (b"P%d" % number for number in count())
    return next(key for key in keys if partition_of(key, topic_of(place.topic).partitions) == place.partition)


async def refusal(path: Path, *, durable: bool = True, consuming: bool = True) -> str:
    with pytest.raises(ConfigurationError) as raised:
        await SqliteLog.open(path, durable=durable, consuming=consuming)
    message = str(raised.value)
    assert "\n" not in message
    return message


def content(path: Path) -> bytes:
    return path.read_bytes()


def write_text(path: Path) -> None:
    path.write_text("port: {}\n" * 1000)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


async def values(log: SqliteLog, place: TopicPartition) -> list[bytes | None]:
    return [record.value for record in await log.read({place: 0}, max_records=100, wait_s=0)]


# versions


async def test_new_file_has_the_version_of_this_release(path: Path) -> None:
    await write_one(path)
    assert sql(path, "PRAGMA user_version") == [(VERSION,)]


async def test_file_of_version_0_is_brought_to_this_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")
        connection.execute("VACUUM")
    await write_one(path)
    assert sql(path, "PRAGMA user_version") == [(VERSION,)]


async def test_file_of_an_older_version_keeps_its_records(path: Path) -> None:
    await write_one(path)

    def add_table(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE later (id INTEGER)")

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, [*STEPS, add_table])
    assert sql(path, "PRAGMA user_version") == [(VERSION + 1,)]
    assert sql(path, "SELECT count(*) FROM later") == [(0,)]
    assert sql(path, "SELECT next_offset, metadata FROM commits") == [(1, "m")]
    assert sql(path, "SELECT count(*) FROM chunks") == [(1,)]


def test_migration_that_fails_changes_nothing(path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (id INTEGER)")
        raise sqlite3.OperationalError("disk full")

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, [*STEPS, fail])
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == []
        assert connection.execute("PRAGMA user_version").fetchall() == [(0,)]


async def test_file_of_a_newer_release_is_refused_and_left_alone(path: Path) -> None:
    await write_one(path)
    sql(path, "PRAGMA user_version = 99")
    before = content(path)
    assert await refusal(path) == (
        f"{path} was written by a newer pagerport (file version 99, this one knows {VERSION}); "
        "upgrade pagerport or point OCEAN__LOG__FILE to another path"
    )
    assert content(path) == before


# mistakes


async def test_sqlite_file_of_another_program_is_refused(path: Path) -> None:
    sql(path, "CREATE TABLE theirs (id INTEGER)")
    assert "another program" in await refusal(path)
    assert sql(path, "SELECT name FROM sqlite_schema") == [("theirs",)]


async def test_file_that_is_not_sqlite_is_refused(path: Path) -> None:
    write_text(path)
    assert f"cannot use {path} as the log (file is not a database)" in await refusal(path)


async def test_directory_is_refused(tmp_path: Path) -> None:
    assert f"cannot use {tmp_path} as the log" in await refusal(tmp_path)


async def test_missing_directory_is_refused(tmp_path: Path) -> None:
    assert "needs a directory that exists" in await refusal(tmp_path / "nowhere" / "log.sqlite")


async def test_missing_file_is_refused_to_those_who_only_read(path: Path) -> None:
    assert "--log FILE" in await refusal(path, consuming=False)
    assert names(path.parent) == []


@pytest.mark.parametrize("content", [b"", b"resources: []\n"])
async def test_reader_is_told_what_is_no_log_and_leaves_it_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)  # noqa: ASYNC240
    says = f"{path} is not a pagerport log; give the file that the sync named"
    assert await refusal(path, consuming=False) == says
    assert path.read_bytes() == content  # noqa: ASYNC240


async def test_file_that_may_not_be_written_is_refused() -> None:
    path = Path("/proc/version")  # Not even root can write it.
    assert f"cannot use {path} as the log (" in await refusal(path)
    assert f"{path} is not a pagerport log" in await refusal(path, consuming=False)


async def test_what_is_no_file_is_refused_without_a_wait(path: Path) -> None:
    os.mkfifo(path)
    assert f"cannot use {path} as the log: it is not a file" in await refusal(path)


async def test_refused_open_leaves_nothing_behind(path: Path) -> None:
    write_text(path)
    await refusal(path)
    assert names(path.parent) == ["log.sqlite"]


async def test_topic_with_another_partition_count_is_refused(path: Path) -> None:
    log = await SqliteLog.open(path, durable=True, consuming=True)
    await log.create_topics([RAW])
    await log.close()
    sql(path, "DELETE FROM partitions WHERE partition = 5")
    assert f"topic {RAW} in {path} has 5 partitions, this pagerport needs 6" in await refusal(path)


# who may use it


async def test_second_consumer_is_told_who_holds_the_file(path: Path) -> None:
    log = await SqliteLog.open(path, durable=True, consuming=True)
    assert f"is in use by the process with pid {os.getpid()}" in await refusal(path)
    await log.close()
    await (await SqliteLog.open(path, durable=True, consuming=True)).close()


async def test_second_consumer_is_refused_by_a_symbolic_link_too(path: Path) -> None:
    alias = path.with_name("alias.sqlite")
    alias.symlink_to(path)
    log = await SqliteLog.open(path, durable=True, consuming=True)
    assert f"{alias} is in use by the process with pid {os.getpid()}" in await refusal(alias)
    await log.close()


@pytest.mark.parametrize("consuming", [True, False])
async def test_file_with_a_second_name_is_refused(path: Path, consuming: bool) -> None:
    await write_one(path)
    alias = path.with_name("alias.sqlite")
    alias.hardlink_to(path)
    for name in (path, alias):
        assert "the file has 2 names (hard links)" in await refusal(name, consuming=consuming)


async def test_second_consumer_is_refused_though_the_first_ones_file_was_renamed(path: Path) -> None:
    log = await SqliteLog.open(path, durable=True, consuming=True)
    move(path)
    moved = path.with_name("moved.sqlite")
    assert f"is in use by the process with pid {os.getpid()}" in await refusal(moved)
    await log.close()


async def test_who_reads_beside_sees_whether_anybody_consumes(path: Path) -> None:
    await write_one(path)
    beside = await SqliteLog.open(path, durable=True, consuming=False)
    assert not beside.is_consumed()
    log = await SqliteLog.open(path, durable=True, consuming=True)
    assert (beside.is_consumed(), log.is_consumed()) == (True, True)
    await log.close()
    assert not beside.is_consumed()
    await beside.close()


# what becomes of it meanwhile


def delete(path: Path) -> str:
    path.unlink()
    return "was deleted or moved"


def move(path: Path) -> str:
    path.rename(path.with_name("moved.sqlite"))
    return "was deleted or moved"


def replace(path: Path) -> str:
    other = path.with_name("other.sqlite")
    other.write_bytes(b"")
    other.replace(path)
    return "was replaced by another file"


@pytest.mark.parametrize("harm", [delete, move, replace])
async def test_nothing_is_taken_in_once_the_file_is_gone(path: Path, harm: Callable[[Path], str]) -> None:
    log = await SqliteLog.open(path, durable=True, consuming=True)
    await log.create_topics([COMMANDS.name])
    watching = asyncio.create_task(log.watch_file())
    says = harm(path)
    with pytest.raises(FatalError, match=f"the log file {path} {says} while it was in use"):
        await log.append([NewRecord(COMMANDS.name, b"k", b"v")])
    with pytest.raises(FatalError, match=says):
        await watching
    assert log.trouble == says
    with pytest.raises(FatalError, match=says):
        await log.commit("g", {PLACE: Committed(1, "m")})
    await log.close()


async def test_full_disk_is_trouble_until_something_can_be_written_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_health, "TRY_EVERY_S", 0.0)
    log = await SqliteLog.open(path, durable=True, consuming=True)
    await log.create_topics([COMMANDS.name])
    full = Mock(side_effect=sqlite3.OperationalError("database or disk is full"))
    monkeypatch.setattr(log._store, "try_write", full)
    pages = log._store.connection.execute("PRAGMA page_count").fetchone()[0]
    log._store.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RetryableError):
        await log.append([NewRecord(COMMANDS.name, b"k", os.urandom(1_000_000))])
    assert log.trouble == f"the log {path}: database or disk is full; check disk space and permissions"
    assert await log.try_write() == log.trouble

    watching = asyncio.create_task(log.watch_file())
    full.side_effect = None
    async with asyncio.timeout(20):
        while log.trouble:  # noqa: ASYNC110 - only looking tells
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await log.close()


async def test_trying_to_write_changes_nothing_and_tells_a_reader_too(path: Path) -> None:
    await write_one(path)
    beside = await SqliteLog.open(path, durable=True, consuming=False)
    assert await beside.try_write() == ""
    beside._store.connection.execute("PRAGMA query_only = ON")
    assert "attempt to write a readonly database" in await beside.try_write()
    assert await values(beside, PLACE) == [b"v"]
    await beside.close()
    assert sql(path, "PRAGMA user_version") == [(VERSION,)]


async def test_reader_beside_the_consumer_reads_and_appends(path: Path) -> None:
    consumer = await SqliteLog.open(path, durable=True, consuming=True)
    await consumer.create_topics([COMMANDS.name])
    await consumer.append([NewRecord(COMMANDS.name, b"k", b"first")])
    beside = await SqliteLog.open(path, durable=True, consuming=False)
    assert await values(beside, PLACE) == [b"first"]
    await beside.append([NewRecord(COMMANDS.name, b"k", b"second")])
    await consumer.append([NewRecord(COMMANDS.name, b"k", b"third")])
    assert await beside.end_offsets([PLACE]) == await consumer.end_offsets([PLACE]) == {PLACE: 3}
    assert await values(consumer, PLACE) == await values(beside, PLACE) == [b"first", b"second", b"third"]
    await beside.close()
    await consumer.close()


async def test_reader_beside_the_consumer_may_neither_join_nor_clean_up(path: Path) -> None:
    await write_one(path)
    beside = await SqliteLog.open(path, durable=True, consuming=False)
    with pytest.raises(ConfigurationError, match="not for consuming"):
        await beside.assignment("g", Subscription.to_all(""), _Deaf())
    with pytest.raises(ConfigurationError, match="not for cleaning up"):
        await beside.maintain(0)
    await beside.close()


async def test_topic_made_by_another_process_is_found(path: Path) -> None:
    await write_one(path)
    consumer = await SqliteLog.open(path, durable=True, consuming=True)
    beside = await SqliteLog.open(path, durable=True, consuming=False)
    await consumer.create_topics([RUNS.name])
    await beside.append([NewRecord(RUNS.name, b"k", b"v")])
    assert await values(consumer, TopicPartition(RUNS.name, 0)) == [b"v"]
    await beside.close()
    await consumer.close()


async def test_prefixes_keep_installations_apart(path: Path) -> None:
    await write_one(path)
    log = await SqliteLog.open(path, durable=True, consuming=True, prefix="eu.")
    assert await log.partitions(lambda _: True) == []
    await log.create_topics([COMMANDS.name])
    await log.append([NewRecord(COMMANDS.name, b"k", b"eu")])
    assert await values(log, PLACE) == [b"eu"]
    assert await log.committed("g", [PLACE]) == {}
    await log.close()
    log = await SqliteLog.open(path, durable=True, consuming=True)
    assert await log.partitions(lambda _: True) == [PLACE]
    assert await values(log, PLACE) == [b"v"]
    assert await log.committed("g", [PLACE]) == {PLACE: Committed(1, "m")}
    await log.close()


# what stays behind


async def test_closed_log_is_one_file(path: Path) -> None:
    await write_one(path)
    assert names(path.parent) == ["log.sqlite"]


async def test_appends_under_way_are_written_before_the_file_closes(path: Path) -> None:
    log = await SqliteLog.open(path, durable=True, consuming=True)
    await log.create_topics([COMMANDS.name])
    appending = asyncio.create_task(log.append([NewRecord(COMMANDS.name, b"k", b"v")]))
    await asyncio.sleep(0)
    await log.close()
    assert [position.offset for position in await appending] == [0]
    with pytest.raises(RuntimeError, match="closed"):
        await log.append([NewRecord(COMMANDS.name, b"k", b"v")])
    await log.close()


@pytest.mark.parametrize(
    ("durable", "pragmas"), [(True, ["wal", 2, "normal"]), (False, ["memory", 0, "exclusive"])]
)
def test_only_a_durable_log_waits_for_the_disk(path: Path, durable: bool, pragmas: list[object]) -> None:
    store = Store.open(path, durable=durable, locked=True, prefix="")
    names_of_pragmas = ("journal_mode", "synchronous", "locking_mode")
    found = [store.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names_of_pragmas]
    store.close()
    assert found == pragmas


class _Deaf:
    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None: ...

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None: ...


async def test_new_file_and_its_side_files_are_for_their_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        log = await SqliteLog.open(path, durable=True, consuming=True)
        await log.create_topics([COMMANDS.name])
        modes = {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.glob("log.sqlite*")}
        await log.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("log.sqlite", "log.sqlite-wal", "log.sqlite-shm"), 0o600)


def test_mode_of_a_file_that_is_there_stays_as_its_owner_set_it(path: Path) -> None:
    asyncio.run(write_one(path))
    path.chmod(0o640)
    asyncio.run(write_one(path))
    assert path.stat().st_mode & 0o777 == 0o640


async def test_partition_of_large_records_lets_the_others_have_their_turn(path: Path) -> None:
    large, small = TopicPartition(RAW, 0), TopicPartition(RAW, 1)
    log = await SqliteLog.open(path, durable=False, consuming=True)
    await log.create_topics([RAW])
    await log.append([NewRecord(RAW, key_of(large), bytes(3_000_000)) for _ in range(15)])
    await log.append([NewRecord(RAW, key_of(small), b"v")])
    positions = {large: 0, small: 0}
    found: list[TopicPartition] = []
    for _ in range(2):
        for record in await log.read(positions, max_records=100, wait_s=0):
            positions[record.place] = record.offset + 1
            found.append(record.place)
    assert positions[large] < 15
    assert small in found
    await log.close()


async def test_file_that_cannot_be_cleaned_up_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await write_one(path)
    with monkeypatch.context() as broken:
        full = Mock(side_effect=sqlite3.OperationalError("database or disk is full"))
        broken.setattr("shared.log.sqlite_maintenance.expire", full)
        with pytest.raises(RetryableError, match="disk is full"):
            await SqliteLog.open(path, durable=True, consuming=True)
    again = await SqliteLog.open(path, durable=True, consuming=True)
    assert await values(again, PLACE) == [b"v"]
    await again.close()
