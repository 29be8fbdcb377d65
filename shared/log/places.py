"""Chooses the partition of a record to append, and refuses records that its topic does not take."""

from schemas.topics import Cleanup, Topic
from shared.log.interface import NewRecord, TopicPartition
from shared.log.partitioner import partition_of


def choose_place(spec: Topic, record: NewRecord, partitions: int, turn: int) -> TopicPartition:
    """Return the partition of a record.

    Args:
        spec: The registry's entry of the record's topic.
        record: The record.
        partitions: How many the topic has.
        turn: Chooses the partition of a record without key.

    Raises:
        ValueError: A record without key for a compacted topic, larger than the topic allows, or with a header
            name that is not valid Unicode.
    """
    size_bytes = len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size_bytes += len(name.encode()) + len(value or b"")
    limit_bytes = spec.max_message_bytes
    if size_bytes > limit_bytes:
        raise ValueError(f"record of {size_bytes} bytes; topic {record.topic} takes at most {limit_bytes}")
    if record.key is not None:
        return TopicPartition(record.topic, partition_of(record.key, partitions))
    if spec.cleanup is not Cleanup.DELETE:
        raise ValueError(f"record without key for the compacted topic {record.topic}")
    return TopicPartition(record.topic, turn % partitions)
