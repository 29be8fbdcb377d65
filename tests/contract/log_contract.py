"""States as tests what every log must do; each log's test module runs them on its own `make_log`."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import pytest
from aiokafka.partitioner import murmur2

from schemas.topics import COMMANDS, ENTITIES, MAPPING, WEBHOOKS, dlq_topic, raw_topic, topic_of
from shared.core import Batch
from shared.errors import NotOwnerError
from shared.log.interface import (
    Assignment,
    Committed,
    Log,
    NewRecord,
    OffsetOutOfRangeError,
    Position,
    Record,
    Subscription,
    TopicPartition,
)
from shared.outcome import Outcome
from shared.runtime import Consumer

RAW = raw_topic("incidents")
DEADLINE_S = 60.0
TWO_MIB = 2 * 1024 * 1024

MakeLog = Callable[[], Awaitable[Log]]


only = Subscription.to


def places_of(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for partition in range(topic_of(topic).partitions)]


def keys_of_partition(topic: str, partition: int, count: int) -> list[bytes]:
    """Return keys that Kafka's partitioner sends to a partition."""
    found: list[bytes] = []
    number = 0
    while len(found) < count:
        key = f"P{number}".encode()
        if (murmur2(key) & 0x7FFFFFFF) % topic_of(topic).partitions == partition:
            found.append(key)
        number += 1
    return found


async def read_all(log: Log, topic: str, count: int, *, max_records: int = 500) -> list[Record]:
    """Read a topic from its beginning until so many records have come."""
    positions = dict.fromkeys(places_of(topic), 0)
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(records) < count:
            for record in await log.read(positions, max_records=max_records, wait_s=1.0):
                assert record.offset >= positions[record.place]
                positions[record.place] = record.offset + 1
                records.append(record)
    return records


class Listener:
    """Notes what a member hears; `gate` can keep `on_revoked` from returning."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, frozenset[TopicPartition]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.changed = asyncio.Event()

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append(("assigned", partitions))
        self.changed.set()

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append(("revoked", partitions))
        self.changed.set()
        await self.gate.wait()

    async def hears(self, word: str, partitions: Sequence[TopicPartition]) -> None:
        """Return when the latest news are these."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.heard or self.heard[-1] != (word, frozenset(partitions)):
                self.changed.clear()
                await self.changed.wait()


async def shares_of(members: Sequence[Assignment], total: int) -> list[frozenset[TopicPartition]]:
    """Return what each member owns once all have heard of their share: nobody hears at the same moment."""
    async with asyncio.timeout(DEADLINE_S):
        while sum(len(member.partitions) for member in members) != total:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    return [member.partitions for member in members]


class CommitsWhileRevoked(Listener):
    """Commits its partitions' offsets in `on_revoked`, as a draining consumer does."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self.assignment: Assignment | None = None
        self._offset = offset

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        if self.assignment is not None:
            await self.assignment.commit({place: Committed(self._offset, "drained") for place in partitions})
        await super().on_revoked(partitions)


class LogContract:
    """What `shared.log.interface.Log` promises."""

    @pytest.fixture
    async def log(self, make_log: MakeLog) -> Log:
        log = await make_log()
        await log.create_topics([RAW, ENTITIES.name, WEBHOOKS.name, COMMANDS.name])
        return log

    # append and read

    async def test_records_come_back_exactly_as_they_were_appended(self, log: Log) -> None:
        odd = [
            NewRecord(RAW, b"tombstone", None, (("ce_id", b"1"),)),
            NewRecord(RAW, b"null header", b"{}", (("ce_id", None), ("ce_id", b"again"))),
            NewRecord(RAW, b"\xff\xfe not utf-8", b"\xc3\x28", (("ce_source", b"\xff\x00"), ("", b""))),
            NewRecord(RAW, b"", b"", ()),
            NewRecord(RAW, "ключ 🔑".encode(), "значение".encode(), (("ce_имя", "значение".encode()),)),
            NewRecord(RAW, b"large", b"x" * TWO_MIB, ()),
        ]
        await log.append(odd)
        read = await read_all(log, RAW, len(odd))
        assert {record.key: (record.value, record.headers) for record in read} == {
            record.key: (record.value, record.headers) for record in odd
        }

    async def test_record_without_key_reaches_some_partition_of_a_delete_topic(self, log: Log) -> None:
        positions = await log.append([NewRecord(ENTITIES.name, None, b"%d" % number) for number in range(3)])
        read = await read_all(log, ENTITIES.name, 3)
        assert {(record.key, record.value) for record in read} == {(None, b"0"), (None, b"1"), (None, b"2")}
        assert sorted(positions) == sorted(
            Position(record.topic, record.partition, record.offset) for record in read
        )

    async def test_positions_say_where_each_record_lies(self, log: Log) -> None:
        keys = [b"P%d" % number for number in range(50)]
        positions = await log.append([NewRecord(RAW, key, key) for key in keys])
        read = await read_all(log, RAW, len(keys))
        assert {
            Position(record.topic, record.partition, record.offset): record.value for record in read
        } == dict(zip(positions, keys, strict=True))

    async def test_key_chooses_the_partition_as_kafka_does(self, log: Log) -> None:
        keys = [b"P%d" % number for number in range(100)]
        positions = await log.append([NewRecord(RAW, key, b"") for key in keys])
        assert [position.partition for position in positions] == [
            (murmur2(key) & 0x7FFFFFFF) % 6 for key in keys
        ]

    async def test_nothing_appended_is_nothing_done(self, log: Log) -> None:
        assert await log.append([]) == []

    async def test_order_per_key_is_the_order_of_concurrent_calls(self, log: Log) -> None:
        keys = [b"a", b"b", b"c"]
        await asyncio.gather(
            *(log.append([NewRecord(RAW, key, b"%d" % number) for key in keys]) for number in range(60))
        )
        order: dict[bytes | None, list[bytes | None]] = defaultdict(list)
        for record in await read_all(log, RAW, 180, max_records=7):
            order[record.key].append(record.value)
        assert order == {key: [b"%d" % number for number in range(60)] for key in keys}

    async def test_call_with_a_refused_record_appends_nothing(self, log: Log) -> None:
        good = NewRecord(RAW, b"good", b"")
        with pytest.raises(KeyError):
            await log.append([good, NewRecord(raw_topic("teams"), b"no topic", b"")])
        with pytest.raises(ValueError, match="without key"):
            await log.append([good, NewRecord(RAW, None, b"")])
        with pytest.raises(ValueError, match="bytes"):
            await log.append([good, NewRecord(RAW, b"huge", b"x" * (4 * 1024 * 1024 + 1))])
        assert await log.end_offsets(places_of(RAW)) == dict.fromkeys(places_of(RAW), 0)

    async def test_read_waits_for_the_first_record(self, log: Log) -> None:
        reading = asyncio.create_task(
            log.read(dict.fromkeys(places_of(RAW), 0), max_records=10, wait_s=DEADLINE_S)
        )
        await asyncio.sleep(0)
        await log.append([NewRecord(RAW, b"k", b"v")])
        assert [record.value for record in await reading] == [b"v"]

    async def test_read_of_other_partitions_does_not_end_by_an_append(self, log: Log) -> None:
        reading = asyncio.create_task(
            log.read({TopicPartition(COMMANDS.name, 0): 0}, max_records=10, wait_s=DEADLINE_S)
        )
        await log.append([NewRecord(RAW, b"k", b"v")])
        await log.append([NewRecord(COMMANDS.name, b"k", b"stop")])
        assert [record.value for record in await reading] == [b"stop"]

    async def test_read_without_wait_returns_nothing_at_the_end(self, log: Log) -> None:
        assert await log.read(dict.fromkeys(places_of(RAW), 0), max_records=10, wait_s=0) == []

    async def test_read_begins_at_the_position_and_obeys_max_records(self, log: Log) -> None:
        await log.append([NewRecord(COMMANDS.name, b"k", b"%d" % number) for number in range(20)])
        read = await log.read({TopicPartition(COMMANDS.name, 0): 7}, max_records=5, wait_s=DEADLINE_S)
        assert [(record.offset, record.value) for record in read] == [(n, b"%d" % n) for n in range(7, 12)]

    async def test_full_partition_does_not_starve_the_others(self, log: Log) -> None:
        busy = keys_of_partition(RAW, 0, 1)[0]
        await log.append([NewRecord(RAW, busy, b"x" * 100) for _ in range(300)])
        await log.append([NewRecord(RAW, keys_of_partition(RAW, p, 1)[0], b"rare") for p in range(1, 6)])
        positions = dict.fromkeys(places_of(RAW), 0)
        rare = 0
        for _ in range(12):
            for record in await log.read(positions, max_records=1, wait_s=DEADLINE_S):
                positions[record.place] = record.offset + 1
                rare += record.value == b"rare"
        assert rare == 5

    async def test_end_offsets_are_those_of_the_next_records(self, log: Log) -> None:
        keys = [key for p in range(3) for key in keys_of_partition(RAW, p, p)]
        await log.append([NewRecord(RAW, key, b"") for key in keys])
        assert await log.end_offsets(places_of(RAW)) == {
            place: place.partition if place.partition < 3 else 0 for place in places_of(RAW)
        }

    async def test_position_above_the_end_is_out_of_range(self, log: Log) -> None:
        await log.append([NewRecord(COMMANDS.name, b"k", b"v")])
        place = TopicPartition(COMMANDS.name, 0)
        with pytest.raises(OffsetOutOfRangeError) as raised:
            await log.read({place: 2, TopicPartition(RAW, 0): 0}, max_records=10, wait_s=DEADLINE_S)
        assert raised.value.starts == {place: 0}

    # topics

    async def test_partitions_are_those_of_accepted_topics_sorted(self, log: Log) -> None:
        assert await log.partitions(only(RAW, COMMANDS.name)) == [
            *places_of(RAW),
            TopicPartition(COMMANDS.name, 0),
        ]

    async def test_existing_topics_stay_as_they_are(self, log: Log) -> None:
        await log.append([NewRecord(RAW, b"k", b"v")])
        await log.create_topics([RAW, dlq_topic(RAW)])
        assert len(await read_all(log, RAW, 1)) == 1
        assert await log.partitions(only(dlq_topic(RAW))) == [TopicPartition(dlq_topic(RAW), 0)]

    async def test_topic_that_the_registry_does_not_know_is_refused(self, log: Log) -> None:
        with pytest.raises(KeyError):
            await log.create_topics(["unheard.of"])

    # commits

    async def test_commit_keeps_offset_and_metadata_per_group(self, log: Log) -> None:
        first, second = TopicPartition(RAW, 0), TopicPartition(RAW, 1)
        await log.append([NewRecord(RAW, key, b"") for key in keys_of_partition(RAW, 0, 9)])
        metadata = "é" * 1_750
        await log.commit("mapper", {first: Committed(3, metadata), second: Committed(0)})
        await log.commit("writer", {first: Committed(1, "w")})
        await log.commit("mapper", {second: Committed(0, "later")})
        assert await log.committed("mapper", places_of(RAW)) == {
            first: Committed(3, metadata),
            second: Committed(0, "later"),
        }
        assert await log.committed("writer", [first, second]) == {first: Committed(1, "w")}
        assert await log.committed("nobody", [first]) == {}

    async def test_metadata_over_the_limit_is_refused(self, log: Log) -> None:
        with pytest.raises(ValueError, match="metadata"):
            await log.commit("mapper", {TopicPartition(RAW, 0): Committed(0, "é" * 1_751)})

    # groups

    async def test_lone_member_owns_every_accepted_partition(self, log: Log) -> None:
        listener = Listener()
        member = await log.assignment("g", only(RAW, COMMANDS.name), listener)
        everything = frozenset([*places_of(RAW), TopicPartition(COMMANDS.name, 0)])
        assert member.partitions == everything
        assert listener.heard == [("assigned", everything)]
        await member.leave()
        assert listener.heard[-1] == ("revoked", everything)

    async def test_members_share_the_partitions_without_overlap(self, log: Log) -> None:
        listeners = [Listener() for _ in range(3)]
        members = [
            await log.assignment("g", only(RAW, COMMANDS.name, WEBHOOKS.name), each) for each in listeners
        ]
        shares = await shares_of(members, 8)
        assert frozenset().union(*shares) == frozenset(
            await log.partitions(only(RAW, COMMANDS.name, WEBHOOKS.name))
        )
        leader = next(share for share in shares if TopicPartition(COMMANDS.name, 0) in share)
        assert {TopicPartition(WEBHOOKS.name, 0), TopicPartition(RAW, 0)} <= leader
        for member in members:
            await member.leave()

    async def test_next_owner_waits_until_everybody_has_given_back(self, log: Log) -> None:
        slow, quick = Listener(), Listener()
        first = await log.assignment("g", only(RAW), slow)
        slow.gate.clear()
        joining = asyncio.create_task(log.assignment("g", only(RAW), quick))
        await slow.hears("revoked", places_of(RAW))
        await first.commit({TopicPartition(RAW, 5): Committed(0, "still mine")})
        assert quick.heard == []
        slow.gate.set()
        second = await joining
        shares = await shares_of([first, second], 6)
        assert shares[0] | shares[1] == frozenset(places_of(RAW))
        await second.leave()
        await slow.hears("assigned", places_of(RAW))
        await first.leave()

    async def test_commit_while_being_revoked_reaches_the_next_owner(self, log: Log) -> None:
        leaver = CommitsWhileRevoked(0)
        leaver.assignment = await log.assignment("g", only(RAW), leaver)
        await leaver.assignment.leave()
        assert await log.committed("g", places_of(RAW)) == dict.fromkeys(
            places_of(RAW), Committed(0, "drained")
        )

    async def test_commit_of_a_partition_of_another_member_commits_nothing(self, log: Log) -> None:
        first = await log.assignment("g", only(RAW), Listener())
        second = await log.assignment("g", only(RAW), Listener())
        mine, foreign = (min(share) for share in await shares_of([first, second], 6))
        with pytest.raises(NotOwnerError):
            await first.commit({mine: Committed(0, "no"), foreign: Committed(0, "no")})
        assert await log.committed("g", [mine, foreign]) == {}
        await second.leave()
        await first.leave()

    async def test_commit_after_leaving_is_refused(self, log: Log) -> None:
        member = await log.assignment("g", only(RAW), Listener())
        await member.leave()
        assert member.partitions == frozenset()
        with pytest.raises(NotOwnerError):
            await member.commit({TopicPartition(RAW, 0): Committed(0)})
        assert await log.committed("g", places_of(RAW)) == {}

    async def test_those_who_stay_take_over_from_a_leaver(self, log: Log) -> None:
        stays = Listener()
        first = await log.assignment("g", only(RAW), stays)
        second = await log.assignment("g", only(RAW), Listener())
        await second.leave()
        await stays.hears("assigned", places_of(RAW))
        assert first.partitions == frozenset(places_of(RAW))
        await first.leave()

    async def test_topic_created_later_reaches_members_that_accept_it(self, log: Log) -> None:
        raw_reader, other = Listener(), Listener()
        first = await log.assignment("g", Subscription.to_all("pagerduty.raw."), raw_reader)
        second = await log.assignment("h", only(COMMANDS.name), other)
        teams = raw_topic("teams")
        await log.create_topics([teams, MAPPING.name])
        await raw_reader.hears("assigned", [*places_of(RAW), *places_of(teams)])
        assert [word for word, _ in raw_reader.heard] == ["assigned", "revoked", "assigned"]
        assert other.heard == [("assigned", frozenset([TopicPartition(COMMANDS.name, 0)]))]
        await first.leave()
        await second.leave()

    async def test_groups_do_not_know_of_each_other(self, log: Log) -> None:
        first = await log.assignment("g", only(RAW), Listener())
        second = await log.assignment("h", only(RAW), Listener())
        assert first.partitions == second.partitions == frozenset(places_of(RAW))
        await first.leave()
        await second.leave()

    # the runtime over this log

    async def test_members_that_come_and_go_never_work_on_a_partition_at_once(self, log: Log) -> None:
        total = 600
        desk = Desk()
        consumers: list[tuple[Consumer, asyncio.Task[None]]] = []

        def join() -> None:
            consumer = Consumer(log, "g", only(RAW), desk, max_records=20, on_fatal="raise")
            consumers.append((consumer, asyncio.create_task(consumer.run())))

        async def leave() -> None:
            consumer, task = consumers.pop(0)
            consumer.stop()
            await task

        join()
        for number in range(6):
            await log.append(
                [NewRecord(RAW, b"P%d" % (number * 100 + each), b"") for each in range(total // 6)]
            )
            if number % 2:
                await leave()
            join()
        async with asyncio.timeout(DEADLINE_S):
            while await log.end_offsets(places_of(RAW)) != {
                place: committed.offset
                for place, committed in (await log.committed("g", places_of(RAW))).items()
            }:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(desk.worked.wait(), 0.2)
                desk.worked.clear()
        while consumers:
            await leave()
        assert desk.clashes == []
        assert len(desk.done) == total
        for place in places_of(RAW):
            offsets = [position.offset for position in desk.done if position.partition == place.partition]
            assert offsets == list(range(len(offsets)))


class Desk:
    """A core that notes who works where, and gives every third record up for the first time."""

    def __init__(self) -> None:
        self.busy: set[TopicPartition] = set()
        self.clashes: list[TopicPartition] = []
        self.done: list[Position] = []
        self.worked = asyncio.Event()
        self._calls = 0

    async def handle(self, batch: Batch) -> list[Outcome | None]:
        places = {record.place for record in batch.records}
        self.clashes += sorted(places & self.busy)
        self.busy |= places
        self._calls += 1
        for _ in range(3):
            await asyncio.sleep(0)
        self.busy -= places
        self.worked.set()
        stuck: set[TopicPartition] = set()
        outcomes: list[Outcome | None] = []
        for index, record in enumerate(batch.records):
            if self._calls % 3 == 0 and index % 7 == 6:
                stuck.add(record.place)
            if record.place in stuck:
                outcomes.append(None)
            else:
                self.done.append(Position(record.topic, record.partition, record.offset))
                outcomes.append(Outcome())
        return outcomes
