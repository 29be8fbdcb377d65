"""Reads offsets as messages hold them, by topic and partition, as the log's users know them: by place."""

from collections.abc import Mapping

from shared.log.interface import TopicPartition


def by_place(offsets: Mapping[str, Mapping[int, int]]) -> dict[TopicPartition, int]:
    """Return offsets that were nested by topic and partition."""
    return {
        TopicPartition(topic, partition): offset
        for topic, partitions in offsets.items()
        for partition, offset in partitions.items()
    }
