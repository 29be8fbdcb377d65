"""Runs the log contract on the embedded log, temporary and durable."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.log.interface import Log
from shared.log.sqlite import SqliteLog
from tests.contract.log_contract import LogContract, MakeLog


class TestTemporarySqliteLog(LogContract):
    @pytest.fixture
    async def make_log(self) -> AsyncIterator[MakeLog]:
        opened: list[SqliteLog] = []

        async def make() -> Log:
            opened.append(await SqliteLog.temporary())
            return opened[-1]

        yield make
        for log in opened:
            await log.close()


class TestDurableSqliteLog(LogContract):
    @pytest.fixture
    async def make_log(self, tmp_path: Path) -> AsyncIterator[MakeLog]:
        opened: list[SqliteLog] = []

        async def make() -> Log:
            log = await SqliteLog.open(tmp_path / "log.sqlite", durable=True, consuming=True, prefix="eu.")
            opened.append(log)
            return log

        yield make
        for log in opened:
            await log.close()
