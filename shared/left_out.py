"""Says of a record in a topic that everybody reads, and no group owns, that it cannot be read."""

import logging

from shared.log.interface import Record

logger = logging.getLogger(__name__)

COUNTER = "left_out_records"
SAYS = "Records of a topic that everybody reads and no group owns, left out because they cannot be read."


def say_left_out(record: Record, why: str) -> None:
    """Log one line. Whoever reads the topic says it, for its own part.

    Args:
        record: It stays where it is until its key is written again, if ever.
        why: What is wrong with it; none of its content.
    """
    logger.error(
        "%s/%d offset %d cannot be read: %s; it is left out, what was known before stays",
        record.topic,
        record.partition,
        record.offset,
        why,
    )
