"""Runs the contract on topics of state and commands on Kafka."""

import pytest

from shared.log.interface import Log
from tests.contract.state_topics_contract import MakeLog, StateTopicsContract
from tests.kafka.cluster import Cluster


class TestStateTopicsOnKafka(StateTopicsContract):
    @pytest.fixture
    async def make_log(self, cluster: Cluster) -> MakeLog:
        async def make() -> Log:
            return await cluster.open_log()

        return make
