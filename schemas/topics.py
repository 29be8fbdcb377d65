"""Is the registry of topics: what each carries, its key, its partitions and how long records stay."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

RAW_PREFIX = "pagerduty.raw."
DLQ_PREFIX = "dlq."
DAY_MS = 24 * 3600 * 1000


class Cleanup(StrEnum):
    """How a topic forgets. Values are Kafka's `cleanup.policy`."""

    COMPACT = "compact"
    DELETE = "delete"
    COMPACT_DELETE = "compact,delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic, or with a name that ends in `<kind>` or `<topic>` a family of topics.

    Attributes:
        name: Name without the installation's prefix.
        partitions: Frozen: start-up refuses a topic whose count differs.
        key: What the record key is.
        value: What the record value is.
        producers: Services that write it.
        consumers: Services that read it.
        cleanup: How records are forgotten.
        retention_ms: How long a record stays; None: for ever (compacted topics).
        max_message_bytes: Largest record.
    """

    name: str
    partitions: int
    key: str
    value: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    cleanup: Cleanup
    retention_ms: int | None = None
    max_message_bytes: int = 4 * 1024 * 1024


RAW = Topic(
    name=RAW_PREFIX + "<kind>",
    partitions=6,
    key="object id",
    value="the PagerDuty object, verbatim JSON plus enrichment keys",
    producers=("fetcher",),
    consumers=("mapper",),
    cleanup=Cleanup.COMPACT,
)
WEBHOOKS = Topic(
    name="pagerduty.webhooks",
    partitions=1,
    key="`<resource>/<id>`",
    value="the webhook request body, verbatim; or a refresh request",
    producers=("webhook gateway",),
    consumers=("fetcher", "mapper"),
    cleanup=Cleanup.DELETE,
    retention_ms=7 * DAY_MS,
)
ENTITIES = Topic(
    name="port.entities",
    partitions=6,
    key="`<blueprint>/<identifier>`",
    value="EntityChange: upsert or delete of one entity",
    producers=("mapper", "fetcher"),
    consumers=("writer",),
    cleanup=Cleanup.DELETE,
    retention_ms=7 * DAY_MS,
)
MAPPING = Topic(
    name="pagerport.mapping",
    partitions=1,
    key="integration identifier, `complete/<source>`, `standing/<identifier>`",
    value="MappingInForce: version, config, previous, replay_from; the last complete listing of a source; "
    "how the active fetcher stands",
    producers=("fetcher",),
    consumers=("mapper",),
    cleanup=Cleanup.COMPACT,
)
COMMANDS = Topic(
    name="pagerport.commands",
    partitions=1,
    key="command id",
    value="resync, replay, stop, release",
    producers=("command line",),
    consumers=("fetcher",),
    cleanup=Cleanup.DELETE,
    retention_ms=7 * DAY_MS,
)
RUNS = Topic(
    name="pagerport.runs",
    partitions=1,
    key="run id",
    value="RunResult: the state and result of a run",
    producers=("fetcher",),
    consumers=("command line",),
    cleanup=Cleanup.COMPACT,
)
DEAD_LETTERS = Topic(
    name=DLQ_PREFIX + "<topic>",
    partitions=1,
    key="`<partition>/<offset>` of the original, with `/event-mapper` where a webhook mapping failed",
    value="the original record untouched, reason and place in headers",
    producers=("mapper", "writer", "fetcher"),
    consumers=("command line",),
    cleanup=Cleanup.COMPACT_DELETE,
    retention_ms=30 * DAY_MS,
    max_message_bytes=5 * 1024 * 1024,
)
TOPICS = (RAW, WEBHOOKS, ENTITIES, MAPPING, COMMANDS, RUNS, DEAD_LETTERS)


def topic_part(kind: str) -> str:
    """Return a kind as it stands in a topic name: `_` and `/` become `-`."""
    return kind.replace("_", "-").replace("/", "-")


def raw_topic(kind: str, parameters: str = "") -> str:
    """Return the raw topic of a source.

    Args:
        kind: PagerDuty kind, e.g. `escalation_policies`.
        parameters: Canonical text of the parameters that make this source another than the kind's main one;
            empty for the main one.
    """
    suffix = "." + hashlib.sha256(parameters.encode()).hexdigest()[:8] if parameters else ""
    return RAW_PREFIX + topic_part(kind) + suffix


def dlq_topic(topic: str) -> str:
    """Return the dead-letter topic of a topic."""
    return DLQ_PREFIX + topic


def topic_of(name: str) -> Topic:
    """Return the registry's entry for a topic's full name.

    Raises:
        KeyError: The registry does not know such a topic.
    """
    for topic in TOPICS:
        family, variable, _ = topic.name.partition("<")
        if name == topic.name or (variable and name.startswith(family) and name != family):
            return topic
    raise KeyError(name)


def cleanup_text(topic: Topic) -> str:
    """Return in words how a topic forgets: `compact`, `delete, 7 days`."""
    text = topic.cleanup.value.replace(",", ", ")
    return text if topic.retention_ms is None else f"{text}, {topic.retention_ms // DAY_MS} days"
