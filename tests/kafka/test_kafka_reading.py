"""Reading as a member: odd records, positions that jump, records that are gone, holds."""

import asyncio
import random
from collections import defaultdict

import pytest

from schemas.topics import COMMANDS, ENTITIES, WEBHOOKS, raw_topic
from shared.core import Batch
from shared.errors import NotOwnerError
from shared.log.interface import Committed, NewRecord, OffsetOutOfRangeError, Subscription, TopicPartition
from shared.log.kafka_names import KafkaNames
from shared.outcome import Outcome
from shared.runtime import Consumer
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


async def test_random_rewinds_under_load_skip_nothing(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([ENTITIES.name])
    total = 4_000
    rng = random.Random(7)
    places = places_of(ENTITIES.name)
    expected = dict.fromkeys(places, 0)
    gaps: list[tuple[TopicPartition, int, int]] = []
    worked = asyncio.Event()

    class Watchful:
        async def handle(self, batch: Batch) -> list[Outcome | None]:
            outcomes: list[Outcome | None] = []
            stuck: set[TopicPartition] = set()
            for record in batch.records:
                if record.offset != expected[record.place] and record.place not in stuck:
                    gaps.append((record.place, expected[record.place], record.offset))
                if record.place in stuck or rng.random() < 0.001:
                    stuck.add(record.place)
                    outcomes.append(None)
                    continue
                expected[record.place] = record.offset + 1
                outcomes.append(Outcome())
            worked.set()
            return outcomes

    consumer = Consumer(
        log, "g", Subscription.to(ENTITIES.name), Watchful(), max_records=100, on_fatal="raise"
    )
    running = asyncio.create_task(consumer.run())
    appending = asyncio.create_task(
        _append_slowly(
            log.append, [numbered(ENTITIES.name, range(at, at + 100)) for at in range(0, total, 100)]
        )
    )
    for _ in range(15):
        worked.clear()
        await asyncio.wait_for(worked.wait(), DEADLINE_S)
        chosen = rng.sample(sorted(consumer.owned), 2)
        to = {place: rng.randrange(expected[place] + 1) for place in chosen}
        await consumer.rewind(to)
        expected.update(to)
    await appending
    ends = await log.end_offsets(places)
    async with asyncio.timeout(DEADLINE_S):
        while expected != ends:
            worked.clear()
            await worked.wait()
    consumer.stop()
    await running
    assert gaps == []
    assert sum(ends.values()) == total


async def _append_slowly(append, batches) -> None:  # type: ignore[no-untyped-def]
    for batch in batches:
        await append(batch)


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
    await log.append(numbered(WEBHOOKS.name, range(10)))
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    positions = {HOOKS: 0}
    assert len(await read_on(member, positions, 10)) == 10
    # The member stands at the end; what comes now is forgotten before it is read again.
    await log.append(numbered(WEBHOOKS.name, range(10, 20)))
    await cluster.forget_before(HOOKS, 15)
    with pytest.raises(OffsetOutOfRangeError) as raised:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for record in await member.read(positions, max_records=1, wait_s=1.0):
                    positions[HOOKS] = record.offset + 1
                    if record.offset < 15:
                        await asyncio.sleep(0)
                assert positions[HOOKS] < 20, "nobody was told"
    assert raised.value.starts == {HOOKS: 15}
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
            await asyncio.sleep(0.05)
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
    async with asyncio.timeout(DEADLINE_S):
        while not member.partitions:
            await asyncio.sleep(0.05)
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
