"""Runs the contract on topics of state and commands on the embedded log."""

from collections.abc import AsyncIterator

import pytest

from shared.log.interface import Log
from shared.log.sqlite import SqliteLog
from tests.contract.state_topics_contract import MakeLog, StateTopicsContract


class TestStateTopicsOnTheEmbeddedLog(StateTopicsContract):
    @pytest.fixture
    async def make_log(self) -> AsyncIterator[MakeLog]:
        opened: list[SqliteLog] = []

        async def make() -> Log:
            opened.append(await SqliteLog.temporary())
            return opened[-1]

        yield make
        for log in opened:
            await log.close()
