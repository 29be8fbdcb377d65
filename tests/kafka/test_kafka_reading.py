"""Reading as a member: odd records, positions that jump, records that are gone, holds."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest
from aiokafka import ConsumerRecord

from schemas.topics import COMMANDS, ENTITIES, WEBHOOKS, raw_topic
from shared.core import Batch
from shared.errors import NotOwnerError
from shared.log.interface import Committed, NewRecord, OffsetOutOfRangeError, Subscription, TopicPartition
from shared.log.kafka_member import KafkaMember
from shared.log.kafka_names import KafkaNames
from shared.log.kafka_subscriber import BATCH_RECORDS
from shared.outcome import Outcome
from shared.runtime import Consumer
from shared.topic_scan import scan
from tests.kafka.cluster import DEADLINE_S, SESSION_MS, Cluster, numbered, places_of, read_all
from tests.kafka.listening import Ears, read_on

RAW = raw_topic("incidents")
HOOKS = TopicPartition(WEBHOOKS.name, 0)
TWO_MIB = 2 * 1024 * 1024


async def test_records_of_any_form_arrive_as_they_are(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    odd: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
        (None, b"no key", []),
        (b"tombstone", None, []),
        (b"", b"", [("", b"")]),
        (b"null header", b"{", [("ce_id", None), ("ce_id", b"twice")]),
        (b"\xff\x00", b"\xc3\x28", [("ce_source", b"\xff\xfe")]),
        (b"large", b"x" * TWO_MIB, []),
        (b"last", b"{}", []),
    ]
    async with cluster.producer() as producer:
        for key, value, headers in odd:
            topic = KafkaNames("test", cluster.prefix).topic(WEBHOOKS.name)
            await producer.send_and_wait(topic, value, key=key, headers=headers)
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    read = await read_on(member, {HOOKS: 0}, len(odd))
    expected = [(key, value, tuple(headers)) for key, value, headers in odd]
    assert [(record.key, record.value, record.headers) for record in read] == expected
    assert [(record.key, record.value, record.headers) for record in await read_all(log, [HOOKS])] == expected
    await member.leave()


async def test_position_that_jumps_is_read_from_there(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([COMMANDS.name])
    await log.append(numbered(COMMANDS.name, range(3_000)))
    place = TopicPartition(COMMANDS.name, 0)
    member = await log.assignment("g", Subscription.to(COMMANDS.name), Ears())
    for start in (0, 2_500, 10, 10, 2_999, 1_200, 0):
        count = min(200, 3_000 - start)
        read = await read_on(member, {place: start}, count, max_records=count)
        assert [record.offset for record in read] == list(range(start, start + count))
    await member.leave()


async def test_partitions_that_are_not_asked_for_hold_up_nobody(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([RAW])
    await log.append(numbered(RAW, range(600)))
    places = places_of(RAW)
    ends = await log.end_offsets(places)
    member = await log.assignment("g", Subscription.to(RAW), Ears())
    for place in (places[3], places[0], places[3]):
        read = await read_on(member, {place: 0}, ends[place])
        assert [record.offset for record in read] == list(range(ends[place]))
    await read_on(member, dict.fromkeys(places, 0), 600)
    with pytest.raises(NotOwnerError):
        await member.read({TopicPartition(COMMANDS.name, 0): 0}, max_records=1, wait_s=0)
    await member.leave()
    with pytest.raises(NotOwnerError):
        await member.read({places[0]: 0}, max_records=1, wait_s=0)


class Skipping:
    """A core that gives some records up, and notes where a record is not the one after the last one done."""

    def __init__(self, places: Sequence[TopicPartition], rng: random.Random) -> None:
        self.expected = dict.fromkeys(places, 0)
        self.rewound: set[tuple[TopicPartition, int]] = set()
        self.gaps: list[tuple[TopicPartition, int, int]] = []
        self.worked = asyncio.Event()
        self._rng = rng

    async def handle(self, batch: Batch) -> list[Outcome | None]:
        outcomes: list[Outcome | None] = []
        stuck: set[TopicPartition] = set()
        for record in batch.records:
            place = record.place
            if place in stuck or self._rng.random() < 0.001:
                stuck.add(place)
                outcomes.append(None)
                continue
            if record.offset != self.expected[place] and (place, record.offset) not in self.rewound:
                self.gaps.append((place, self.expected[place], record.offset))
            self.expected[place] = record.offset + 1
            outcomes.append(Outcome())
        self.worked.set()
        return outcomes

    async def works(self) -> None:
        self.worked.clear()
        await asyncio.wait_for(self.worked.wait(), DEADLINE_S)


async def test_random_rewinds_under_load_skip_nothing(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([ENTITIES.name])
    batches = [numbered(ENTITIES.name, range(at, at + 100)) for at in range(0, 10_000, 100)]
    rng = random.Random(7)  # noqa: S311
    places = places_of(ENTITIES.name)
    core = Skipping(places, rng)
    consumer = Consumer(log, "g", Subscription.to(ENTITIES.name), core, max_records=100, on_fatal="raise")
    running = asyncio.create_task(consumer.run())

    async def append() -> None:
        for batch in batches:
            await log.append(batch)

    appending = asyncio.create_task(append())
    for _ in range(40):
        await core.works()
        to = {place: rng.randrange(core.expected[place] + 1) for place in rng.sample(places, 2)}
        core.rewound |= set(to.items())
        await consumer.rewind(to)
    await appending
    ends = await log.end_offsets(places)
    while core.expected != ends:
        await core.works()
    consumer.stop()
    await running
    assert core.gaps == []
    assert sum(ends.values()) == 10_000


async def test_batch_fetched_before_a_seek_is_dropped(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    await log.append(numbered(WEBHOOKS.name, range(20)))
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    assert isinstance(member, KafkaMember)
    positions = {HOOKS: 10}
    await read_on(member, positions, 10)
    topic = KafkaNames("test", cluster.prefix).topic(WEBHOOKS.name)
    late = ConsumerRecord(topic, 0, 19, 0, 0, b"late", b"late", 0, 4, 4, ())
    await member._aim({HOOKS: 0})
    # What FastStream had in hand when the position was moved.
    await asyncio.wait_for(member._subscriber.process_message((late,)), DEADLINE_S)
    assert [record.offset for record in await read_on(member, {HOOKS: 0}, 20)] == list(range(20))
    await member.leave()


async def test_reading_on_asks_for_nothing_but_records(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    await log.append(numbered(WEBHOOKS.name, range(3_000)))
    asked = 0

    async def ranges(places: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        nonlocal asked
        asked += 1
        return dict.fromkeys(places, (0, 3_000))

    connection = log.connection
    broker = connection.make_broker()
    await broker.start()
    member = KafkaMember(broker, connection, "g", Subscription.to(WEBHOOKS.name), Ears(), ranges)
    await member.join()
    await read_on(member, {HOOKS: 0}, 3_000, max_records=100)
    assert asked == 1
    await member.leave()
    await broker.stop()


async def test_position_below_the_start_is_out_of_range(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    await log.append(numbered(WEBHOOKS.name, range(10)))
    await cluster.forget_before(HOOKS, 6)
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    for reads in (log.read, member.read):
        with pytest.raises(OffsetOutOfRangeError) as raised:
            await reads({HOOKS: 5}, max_records=10, wait_s=0)
        assert raised.value.starts == {HOOKS: 6}
    assert [record.offset for record in await read_on(member, {HOOKS: 6}, 4)] == [6, 7, 8, 9]
    await member.leave()


async def test_records_forgotten_while_a_member_holds_are_an_alarm(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    # More than is fetched ahead.
    await log.append([NewRecord(WEBHOOKS.name, b"k", b"x" * 50_000) for _ in range(200)])
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    positions = {HOOKS: 0}
    await read_on(member, positions, 10, max_records=10)
    await cluster.forget_before(HOOKS, 190)
    with pytest.raises(OffsetOutOfRangeError) as raised:
        await read_on(member, positions, 190)
    assert raised.value.starts == {HOOKS: 190}
    assert positions[HOOKS] < 190
    assert len(await read_on(member, {HOOKS: 190}, 10)) == 10
    await member.leave()


async def test_topic_made_anew_is_an_alarm_and_not_silence(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    await log.append(numbered(WEBHOOKS.name, range(10)))
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    await read_on(member, {HOOKS: 0}, 10)
    await member.commit({HOOKS: Committed(10)})
    await member.leave()
    async with cluster.admin() as admin:
        await admin.delete_topics([KafkaNames("test", cluster.prefix).topic(WEBHOOKS.name)])
    async with asyncio.timeout(DEADLINE_S):
        while await log.partitions(Subscription.to(WEBHOOKS.name)):
            pass
    await log.create_topics([WEBHOOKS.name])
    await log.append(numbered(WEBHOOKS.name, range(3)))
    again = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    with pytest.raises(OffsetOutOfRangeError) as raised:
        await again.read({HOOKS: 10}, max_records=10, wait_s=1.0)
    assert raised.value.starts == {HOOKS: 0}
    await again.leave()


async def test_hold_longer_than_the_session_moves_nothing(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    ears = Ears()
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), ears)
    await log.append(numbered(WEBHOOKS.name, range(5_000)))
    positions = {HOOKS: 0}
    first = await read_on(member, positions, 10, max_records=10)
    # Nobody reads: the rest of the batch waits in the hand-off, and FastStream does not poll.
    await asyncio.sleep(SESSION_MS / 1000 + 1)
    assert isinstance(member, KafkaMember)
    assert len(member._buffer) == BATCH_RECORDS - len(first)
    await member.commit({HOOKS: Committed(positions[HOOKS])})
    rest = await read_on(member, positions, 5_000 - len(first))
    assert [record.offset for record in first + rest] == list(range(5_000))
    assert ears.heard == ["assigned 1"]
    await member.leave()
    assert ears.heard == ["assigned 1", "revoked 1"]


async def test_member_of_a_group_without_topics_gets_them_when_they_come(cluster: Cluster) -> None:
    log = await cluster.open_log()
    ears = Ears()
    member = await log.assignment("g", Subscription.to_all("pagerduty.raw."), ears)
    assert (member.partitions, ears.heard) == (frozenset(), ["assigned 0"])
    await log.create_topics([RAW])
    await log.append([NewRecord(RAW, b"k", b"v")])
    await ears.hears("assigned 6")
    read = await read_on(member, dict.fromkeys(places_of(RAW), 0), 1)
    assert [record.value for record in read] == [b"v"]
    await member.leave()


async def test_group_with_members_takes_no_commit_from_outside(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    with pytest.raises(NotOwnerError):
        await log.commit("g", {HOOKS: Committed(0)})
    await member.leave()
    await log.commit("g", {HOOKS: Committed(0, "now")})
    assert await log.committed("g", [HOOKS]) == {HOOKS: Committed(0, "now")}


async def test_order_per_key_holds_for_tasks_that_append_at_once(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([RAW])
    keys = [b"P%d" % number for number in range(40)]
    padding = b"x" * 4_000

    async def write(turn: int) -> None:
        await log.append([NewRecord(RAW, key, b"%d %s" % (turn, padding)) for key in keys])

    # More than a batch holds, so that calls wait for room.
    await asyncio.gather(*(write(turn) for turn in range(60)))
    seen: dict[bytes | None, list[int]] = defaultdict(list)
    for record in await read_all(log, places_of(RAW)):
        seen[record.key].append(int((record.value or b"").split()[0]))
    assert seen == {key: list(range(60)) for key in keys}


async def test_reading_from_outside_follows_whatever_partitions_are_asked_for(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([RAW])
    places = places_of(RAW)
    rng = random.Random(7)  # noqa: S311 - decides nothing secret
    for round_number in range(12):
        await log.append(numbered(RAW, range(round_number * 60, round_number * 60 + 60)))
        asked = rng.sample(places, rng.choice([1, 2, 3, len(places)]))
        ends = await log.end_offsets(asked)
        at = {place: rng.randrange(ends[place]) for place in asked}
        expected = {place: list(range(at[place], ends[place])) for place in asked}
        found: dict[TopicPartition, list[int]] = defaultdict(list)
        async for records in scan(log, asked, at):
            for record in records:
                found[record.place].append(record.offset)
        assert found == expected
