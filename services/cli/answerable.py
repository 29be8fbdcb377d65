"""Says whether anything can come of a request to a log: somebody reads it, and the mapping has the kind."""

from collections.abc import Sequence

from schemas.topics import MAPPING, WEBHOOKS
from services.cli.open_log import name_of
from shared.errors import ConfigurationError
from shared.log.interface import Log
from shared.log.sqlite import SqliteLog
from shared.mapping_topic import MappingRecords
from shared.topic_reader import TopicReader


async def reads_requests(log: Log) -> bool:
    """Return whether requests in this log are ever read: not those in the log of a one-shot sync."""
    return bool(await log.partitions(WEBHOOKS.name.__eq__))


async def require_readers(log: Log) -> None:
    """Check that requests in this log are ever read.

    Raises:
        ConfigurationError: It is that of a one-shot sync, or nothing has run on this Kafka yet.
    """
    if await reads_requests(log):
        return
    name = name_of(log)
    if isinstance(log, SqliteLog):
        raise ConfigurationError(
            f"nobody reads requests from this log: {name} is of a one-shot sync; run the sync again, which "
            "asks for every object anew"
        )
    raise ConfigurationError(
        f"{name} has no topic {WEBHOOKS.name} of this installation: start its services, or make the topics "
        "with `pagerport topics create`"
    )


async def require_mapped(log: Log, identifier: str, kinds: Sequence[str]) -> None:
    """Check that the mapping in force has entries for kinds.

    Where none is in force yet nothing is refused: the process that will publish one is the one to know.

    Args:
        log: The log.
        identifier: The installation.
        kinds: Names of kinds.

    Raises:
        ConfigurationError: It has none for one of them.
    """
    found = MappingRecords(identifier)
    found.take(await TopicReader(log, MAPPING.name).to_end())
    if not kinds or found.in_force is None:
        return
    mapped = sorted({entry.kind for entry in found.in_force.config.resources})
    unmapped = [kind for kind in kinds if kind not in mapped]
    if unmapped:
        raise ConfigurationError(
            f"the mapping in force makes nothing of {', '.join(unmapped)}; it has entries for"
            f" {', '.join(mapped) or 'no kind'}"
        )
