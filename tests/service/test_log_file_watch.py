"""What `pagerport run` says of its log file: a disk that is full, a file that somebody takes away."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.topics import COMMANDS
from services.standalone.run import open_services
from shared.errors import FatalError, RetryableError
from shared.log import sqlite_health
from shared.log.interface import NewRecord
from shared.log.sqlite import SqliteLog
from shared.service.address import bound_socket
from shared.settings import Settings
from tests.kafka.stack import free_port

PATIENCE_S = 20.0


@asynccontextmanager
async def running(
    path: Path,
) -> AsyncIterator[tuple[SqliteLog, httpx.AsyncClient, Sequence[asyncio.Task[None]]]]:
    """Run what stands around the services, without any of them."""
    port = free_port()
    settings = Settings.model_validate({"http": {"host": "127.0.0.1", "port": port}})
    log = await SqliteLog.open(path, durable=True, consuming=True)
    try:
        await log.create_topics([COMMANDS.name])
        with bound_socket("127.0.0.1", port) as address:
            async with (
                open_services(log, settings, address, {}) as tasks,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
            ):
                yield log, http, tasks
    finally:
        await log.close()


async def until(http: httpx.AsyncClient, status: int) -> Any:
    """Wait for an answer of readiness, and return it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                answer = await http.get("/health/ready")
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == status:
                return answer.json()["checks"]
            await asyncio.sleep(0.01)


async def test_full_disk_makes_it_not_ready_with_the_reason_until_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    async with running(path) as (log, http, _):
        assert await until(http, 200) == [{"name": "log file", "ok": True, "detail": "takes what is written"}]
        monkeypatch.setattr(sqlite_health, "TRY_EVERY_S", 1e9)
        pages = log._store.connection.execute("PRAGMA page_count").fetchone()[0]
        log._store.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(RetryableError):
            await log.append([NewRecord(COMMANDS.name, b"k", os.urandom(1_000_000))])
        says = f"the log {path}: database or disk is full; check disk space and permissions"
        assert await until(http, 503) == [{"name": "log file", "ok": False, "detail": says}]

        monkeypatch.setattr(sqlite_health, "TRY_EVERY_S", 0.0)
        await until(http, 200)


async def test_file_that_is_taken_away_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    async with running(path) as (_, http, tasks):
        await until(http, 200)
        path.unlink()
        with pytest.raises(FatalError, match=f"the log file {path} was deleted or moved while it was in use"):
            await asyncio.wait_for(tasks[0], PATIENCE_S)
        says = {"name": "log file", "ok": False, "detail": "was deleted or moved"}
        assert await until(http, 503) == [says]


def test_lock_does_not_keep_sqlite_of_another_program_out(tmp_path: Path) -> None:
    async def beside() -> None:
        log = await SqliteLog.open(tmp_path / "run.db", durable=True, consuming=True)
        with sqlite3.connect(tmp_path / "run.db") as other:
            assert other.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        other.close()
        await log.close()

    asyncio.run(beside())
