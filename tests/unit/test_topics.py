"""Topics: the registry is whole, names follow the sources, and every reader has a writer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import (
    DEAD_LETTERS,
    ENTITIES,
    RAW,
    RUNS,
    TOPICS,
    WEBHOOKS,
    Cleanup,
    Topic,
    cleanup_text,
    dlq_topic,
    raw_topic,
    topic_of,
)

KAFKA_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")  # Source: Kafka, legal characters of a topic name
SERVICES = {"fetcher", "mapper", "writer", "webhook gateway", "command line"}


def test_partition_counts_are_frozen() -> None:
    assert {topic.name: topic.partitions for topic in TOPICS} == {
        "pagerduty.raw.<kind>": 6,
        "pagerduty.webhooks": 1,
        "port.entities": 6,
        "pagerport.mapping": 1,
        "pagerport.commands": 1,
        "pagerport.runs": 1,
        "dlq.<topic>": 1,
    }


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_topic_has_known_writers_and_readers(topic: Topic) -> None:
    assert topic in TOPICS
    assert SERVICES.issuperset((*topic.producers, *topic.consumers))
    assert topic.producers
    assert topic.consumers


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_topic_forgets_by_compaction_or_after_a_time(topic: Topic) -> None:
    assert (topic.retention_ms is None) is (topic.cleanup is Cleanup.COMPACT)


@pytest.mark.parametrize(
    ("topic", "text"),
    [(RAW, "compact"), (WEBHOOKS, "delete, 7 days"), (DEAD_LETTERS, "compact, delete, 30 days")],
)
def test_cleanup_reads_in_words(topic: Topic, text: str) -> None:
    assert cleanup_text(topic) == text


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("pagerduty.raw.incidents", RAW),
        ("pagerduty.raw.escalation-policies.0a1b2c3d", RAW),
        ("port.entities", ENTITIES),
        ("pagerport.runs", RUNS),
        ("dlq.pagerduty.raw.incidents", DEAD_LETTERS),
        ("dlq.port.entities", DEAD_LETTERS),
    ],
)
def test_full_name_finds_its_entry(name: str, topic: Topic) -> None:
    assert topic_of(name) is topic


@pytest.mark.parametrize("name", ["", "port", "port.entities.more", "pagerduty.raw.", "dlq."])
def test_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        topic_of(name)


@given(
    kind=st.from_regex(r"\A[a-z0-9_/-]{1,40}\Z"),
    parameters=st.text(max_size=50),
)
def test_source_has_a_legal_topic_of_its_own(kind: str, parameters: str) -> None:
    name = raw_topic(kind, parameters)

    assert KAFKA_NAME.fullmatch(name)
    assert topic_of(name) is RAW
    assert topic_of(dlq_topic(name)) is DEAD_LETTERS
    assert (name == raw_topic(kind)) is (parameters == "")
