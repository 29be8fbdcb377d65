"""Creates and checks the topics of an installation on its Kafka."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from schemas.topics import COMMANDS, ENTITIES, MAPPING, RUNS, WEBHOOKS, dlq_topic
from services.cli.open_log import SERVICE
from shared.log.kafka_opening import open_kafka_log
from shared.log.kafka_topics import Difference, Mismatch
from shared.mapping_file import load_mapping, require_sound
from shared.settings import Settings
from shared.sources import plan_sources


def topics_of(raw_topics: Sequence[str]) -> list[str]:
    """Return every topic of an installation, sorted.

    Args:
        raw_topics: Those of its mapping.
    """
    handled = [COMMANDS.name, WEBHOOKS.name, ENTITIES.name, *raw_topics]
    return sorted({MAPPING.name, RUNS.name, *handled, *map(dlq_topic, handled)})


def exit_code(differences: Sequence[Difference]) -> int:
    """Return what a check ends with: 0, 1 for settings that differ, 2 for what no service can work with."""
    if any(difference.mismatch is not Mismatch.CONFIG for difference in differences):
        return 2
    return 1 if differences else 0


async def create(settings: Settings, mapping: Path | None) -> tuple[list[str], list[str]]:
    """Create what is missing and return the names created, and those that were there.

    Raises:
        ConfigurationError, FatalError, RetryableError: As Kafka or a setting has it.
    """
    wanted = topics_of(_raw_topics(settings, mapping))
    async with open_kafka_log(settings, service=SERVICE, must_create=True) as log:
        existing = {place.topic for place in await log.partitions(lambda _: True)}
        await log.create_topics(wanted)
        name = log.connection.names.topic
        return (
            [name(one) for one in wanted if one not in existing],
            [name(one) for one in wanted if one in existing],
        )


async def check(settings: Settings, mapping: Path | None) -> tuple[list[str], list[Difference]]:
    """Return the names checked, those that the cluster has included, and how they differ.

    Raises:
        ConfigurationError, FatalError, RetryableError: As Kafka or a setting has it.
    """
    wanted = topics_of(_raw_topics(settings, mapping))
    async with open_kafka_log(settings, service=SERVICE) as log:
        existing = {place.topic for place in await log.partitions(lambda _: True)}
        names = sorted({*wanted, *existing})
        return [log.connection.names.topic(name) for name in names], await log.topic_differences(names)


def _raw_topics(settings: Settings, mapping: Path | None) -> list[str]:
    file = mapping or settings.mapping.file
    if file is None:
        return []
    loaded = load_mapping(file)
    require_sound(loaded)
    sources = plan_sources(loaded.config, now=datetime.now(UTC))
    return [source.topic for source in sources]
