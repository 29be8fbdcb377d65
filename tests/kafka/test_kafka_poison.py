"""Records that Kafka takes from other programs and a client may stumble over: they cost themselves only."""

from typing import Any

import pytest
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from schemas.topics import WEBHOOKS
from shared.log.interface import NewRecord, Subscription, TopicPartition
from tests.kafka.cluster import Cluster, read_all
from tests.kafka.listening import Ears, read_on

HOOKS = TopicPartition(WEBHOOKS.name, 0)


class OddName(str):
    """The name of a header as producers in other languages may write it: any bytes."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"ce_\xff\xfe"


async def test_header_name_that_is_no_utf8_is_read_with_its_neighbours(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    await log.append([NewRecord(WEBHOOKS.name, b"k", b"before")])
    with monkeypatch.context() as patch:
        # aiokafka's quick builder checks names.
        for module in (message_accumulator, producer):
            patch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
        async with cluster.producer() as others:
            topic = cluster.connection().names.topic(WEBHOOKS.name)
            headers = [("first", b"1"), (OddName("x"), b"2")]
            await others.send_and_wait(topic, b"odd", key=b"k", partition=0, headers=headers)
    await log.append([NewRecord(WEBHOOKS.name, b"k", b"after")])

    expected = [
        (b"before", ()),
        (b"odd", (("first", b"1"), ("ce_\\xff\\xfe", b"2"))),
        (b"after", ()),
    ]
    assert [(one.value, one.headers) for one in await read_all(log, [HOOKS])] == expected
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    assert [(one.value, one.headers) for one in await read_on(member, {HOOKS: 0}, 3)] == expected
    await member.leave()
