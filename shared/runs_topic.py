"""Says what is in `pagerport.runs`: every run with its newest state, and the record that tells it."""

import asyncio
from datetime import datetime

from pydantic import ValidationError

from schemas.headers import Origin, RecordHeaders
from schemas.run import RunResult
from schemas.topics import RUNS
from shared.left_out import say_left_out
from shared.log.interface import Log, NewRecord, Record
from shared.topic_reader import TopicReader


class RunRecords:
    """The topic folded by run id, read as far as `catch_up` was called.

    Args:
        log: The log.
        keep_failures: Whether the listed failures of ended runs are kept too: they are what is large.

    Attributes:
        left_out: How many records could not be read.
    """

    def __init__(self, log: Log, *, keep_failures: bool = False) -> None:
        self._reader = TopicReader(log, RUNS.name)
        self._keep_failures = keep_failures
        self.left_out = 0
        self._runs: dict[str, RunResult] = {}
        # Of two that read at once the one that ends last would put back what the other has read.
        self._reading = asyncio.Lock()

    @property
    def runs(self) -> list[RunResult]:
        """Return all runs, the oldest first."""
        return [self._runs[run_id] for run_id in sorted(self._runs)]

    def __getitem__(self, run_id: str) -> RunResult:
        return self._runs[run_id]

    async def catch_up(self) -> None:
        """Read what came since the last call."""
        async with self._reading:
            for record in await self._reader.to_end():
                self._take(record)

    def of_command(self, command_id: str) -> RunResult | None:
        """Return the newest run that answers a command; None: nobody has taken it yet."""
        return next((run for run in reversed(self.runs) if command_id in run.commands), None)

    def _take(self, record: Record) -> None:
        run_id = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            self._runs.pop(run_id, None)
            return
        try:
            run = RunResult.model_validate_json(record.value)
        except ValidationError as error:
            self._leave_out(record, f"{error.error_count()} mistakes")
            return
        if run.run_id != run_id:
            self._leave_out(record, "its key is not the id of its run")
            return
        if run.ended and not self._keep_failures:
            run.failures = []
        self._runs[run.run_id] = run

    def _leave_out(self, record: Record, why: str) -> None:
        self.left_out += 1
        say_left_out(record, why)


def run_record(run: RunResult, *, identifier: str, made_at: datetime) -> NewRecord:
    """Return the record of a run's state."""
    headers = RecordHeaders(
        id=f"{run.stamp}@{run.state}",
        source=f"pagerport/{identifier}/fetcher",
        type="pagerport.run",
        subject=run.run_id,
        time=made_at,
        origin=Origin.REPLAY if run.type == "replay" else Origin.RESYNC,
        runid=run.stamp,
    )
    value = run.model_dump_json(exclude_none=True).encode()
    return NewRecord(RUNS.name, run.run_id.encode(), value, headers.encode())


def forgotten_run(run_id: str) -> NewRecord:
    """Return the record that makes the topic forget a run."""
    return NewRecord(RUNS.name, run_id.encode(), None)
