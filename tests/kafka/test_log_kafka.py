"""Runs the log contract on Kafka."""

import pytest

from shared.log.interface import Log
from tests.contract.log_contract import LogContract, MakeLog
from tests.kafka.cluster import Cluster


class TestKafkaLog(LogContract):
    @pytest.fixture
    async def make_log(self, cluster: Cluster) -> MakeLog:
        async def make() -> Log:
            return await cluster.open_log()

        return make
