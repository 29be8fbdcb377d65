"""Creates the topics of the registry on a cluster, and says how those that exist differ from it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from schemas.topics import Topic, topic_of
from shared.errors import ConfigurationError
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_errors import describe, sort_error

ENVELOPE_BYTES: Final = 64 * 1024
"""What Kafka counts beside keys, values and headers: batch, lengths, timestamps."""
USUAL_REPLICATION: Final = 3
VISIBLE_POLL_S: Final = 0.05


class Mismatch(StrEnum):
    """How a topic differs from the registry."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about one topic that is not as the registry says.

    Attributes:
        topic: Name on the cluster.
        mismatch: What kind of difference; of another partition count no service can make anything.
        text: What is and what should be.
    """

    topic: str
    mismatch: Mismatch
    text: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.text}"


def wanted_configs(topic: Topic) -> dict[str, str]:
    """Return the settings that a topic has on a cluster. Source: Apache Kafka, topic configurations."""
    configs = {
        "cleanup.policy": topic.cleanup.value,
        "max.message.bytes": str(topic.max_message_bytes + ENVELOPE_BYTES),
    }
    if topic.retention_ms is not None:
        configs["retention.ms"] = str(topic.retention_ms)
    return configs


def compare_configs(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a text for each setting that is not as wanted; what the cluster does not tell is passed over."""
    return [
        f"{name} is {found[name]}, should be {value}"
        for name, value in wanted.items()
        if name in found and _parts(found[name]) != _parts(value)
    ]


def _parts(value: str) -> frozenset[str]:
    # `compact,delete` and `delete,compact` say the same.
    return frozenset(part.strip() for part in value.split(","))


class KafkaTopics:
    """The topics of an installation on its cluster. Names are those of the registry, without the prefix.

    Args:
        admin: A started client.
        connection: Names, and what may be created.
    """

    def __init__(self, admin: AIOKafkaAdminClient, connection: KafkaConnection) -> None:
        self._admin = admin
        self._connection = connection
        self._names = connection.names

    async def partition_counts(self) -> dict[str, int]:
        """Return how many partitions each topic has that is ours and that the registry knows."""
        counts: dict[str, int] = {}
        for described in await self._admin.describe_topics():
            name = self._names.logical(described["topic"])
            if name is not None and described["partitions"] and _is_known(name):
                counts[name] = len(described["partitions"])
        return counts

    async def ensure(self, names: Sequence[str]) -> None:
        """Create what is missing and refuse what cannot be used.

        Raises:
            KeyError: The registry does not know a topic.
            ConfigurationError: A topic is missing and may not be created, or has another number of
                partitions.
        """
        specs = {name: topic_of(name) for name in names}
        counts = await self.partition_counts()
        missing = [name for name in specs if name not in counts]
        if missing:
            await self._create_missing({name: specs[name] for name in missing})
            counts = await self._wait_for(missing)
        wrong = self._wrong_counts(specs, counts)
        if wrong:
            raise ConfigurationError(
                "\n".join(f"{difference}; recreate the topic, its keys lie elsewhere" for difference in wrong)
            )

    async def differences(self, names: Iterable[str]) -> list[Difference]:
        """Return how topics differ from the registry, sorted by name; none: all is well."""
        specs = {name: topic_of(name) for name in names}
        counts = await self.partition_counts()
        found = [
            Difference(self._names.topic(name), Mismatch.MISSING, "is missing")
            for name in specs
            if name not in counts
        ]
        found += self._wrong_counts(specs, counts)
        present = {name: spec for name, spec in specs.items() if name in counts}
        for name, configs in (await self._configs(list(present))).items():
            found += [
                Difference(self._names.topic(name), Mismatch.CONFIG, text)
                for text in compare_configs(wanted_configs(present[name]), configs)
            ]
        return sorted(found, key=lambda difference: (difference.topic, difference.text))

    async def replication_factor(self) -> int:
        """Return how many copies new topics get: as set, else three where there are as many brokers."""
        if self._connection.replication_factor is not None:
            return self._connection.replication_factor
        brokers = (await self._admin.describe_cluster())["brokers"]
        return min(USUAL_REPLICATION, len(brokers))

    def _wrong_counts(self, specs: Mapping[str, Topic], counts: Mapping[str, int]) -> list[Difference]:
        return [
            Difference(
                self._names.topic(name),
                Mismatch.PARTITIONS,
                f"has {counts[name]} partitions, must have {spec.partitions}",
            )
            for name, spec in specs.items()
            if name in counts and counts[name] != spec.partitions
        ]

    async def _create_missing(self, specs: Mapping[str, Topic]) -> None:
        if not self._connection.may_create_topics:
            raise ConfigurationError(
                "\n".join(
                    f"{self._names.topic(name)}: is missing; create it with `pagerport topics create`, or "
                    "set OCEAN__KAFKA__CREATE_TOPICS=true"
                    for name in sorted(specs)
                )
            )
        replication = await self.replication_factor()
        response = await self._admin.create_topics(
            [
                NewTopic(
                    self._names.topic(name),
                    spec.partitions,
                    replication,
                    topic_configs=wanted_configs(spec),
                )
                for name, spec in specs.items()
            ]
        )
        # Nothing is raised for a topic that was refused.
        refused = []
        for topic, code, message in response.topic_errors:
            kind = for_code(code)
            if kind not in {NoError, TopicAlreadyExistsError}:
                refused.append((topic, kind(message or "")))
        if not refused:
            return
        if any(getattr(error, "retriable", False) for _, error in refused):
            topic, error = refused[0]
            raise sort_error(error, address=self._connection.address, doing=f"creating {topic}")
        raise ConfigurationError(
            "\n".join(
                f"{topic}: is missing, or hidden from this user, and cannot be created: {describe(error)}"
                for topic, error in refused
            )
        )

    async def _wait_for(self, names: Sequence[str]) -> dict[str, int]:
        """Return the counts once the brokers tell of topics that were just created."""
        while True:
            counts = await self.partition_counts()
            if all(name in counts for name in names):
                return counts
            await asyncio.sleep(VISIBLE_POLL_S)

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        responses: list[Any] = await self._admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, self._names.topic(name)) for name in names]
        )
        found: dict[str, dict[str, str]] = {}
        for response in responses:
            for code, message, _, topic, entries in response.resources:
                if code:
                    error = for_code(code)(message or topic)
                    raise sort_error(error, address=self._connection.address, doing=f"describing {topic}")
                name = self._names.logical(topic)
                if name is not None:
                    found[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        return found


def _is_known(name: str) -> bool:
    try:
        topic_of(name)
    except KeyError:
        return False
    return True
