"""Gives each test a cluster of its own on the session's Kafka."""

from collections.abc import AsyncIterator

import pytest

from tests.kafka.cluster import Cluster
from tests.unit.conftest import logging_as_it_was

__all__ = ["cluster", "logging_as_it_was"]

pytest.register_assert_rewrite("tests.contract.log_contract", "tests.contract.state_topics_contract")


@pytest.fixture
async def cluster(kafka_servers: str) -> AsyncIterator[Cluster]:
    cluster = Cluster(kafka_servers)
    async with cluster.stack:
        yield cluster
