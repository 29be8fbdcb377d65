"""Refuses commits that a log cannot hold."""

from collections.abc import Mapping
from typing import Final

from shared.log.interface import Committed, TopicPartition

METADATA_LIMIT_BYTES: Final = 3_500
"""Below Kafka's own limit. Source: Apache Kafka, broker setting `offset.metadata.max.bytes`, 4 096."""


def check_metadata(offsets: Mapping[TopicPartition, Committed]) -> None:
    """Refuse what is too long or makes no sense.

    Raises:
        ValueError: An offset is negative or the metadata too long.
    """
    for place, committed in offsets.items():
        size_bytes = len(committed.metadata.encode())
        if committed.offset < 0 or size_bytes > METADATA_LIMIT_BYTES:
            raise ValueError(
                f"commit of {place}: offset {committed.offset}, "
                f"{size_bytes} bytes of metadata (at most {METADATA_LIMIT_BYTES})"
            )
