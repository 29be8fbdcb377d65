"""Decides what Port's page shows of the last resync: running, completed, failed or aborted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from schemas.run import RunResult, RunState

_STATUS: Final = {
    RunState.COMPLETED: "completed",
    # With failures it is not done: green means done.
    RunState.COMPLETED_WITH_FAILURES: "failed",
    RunState.FAILED: "failed",
    RunState.INTERRUPTED: "aborted",
}


def resync_state(
    runs: Sequence[RunResult], *, problem: str, interval: timedelta | None, next_at: datetime | None
) -> dict[str, Any] | None:
    """Return the state as Port takes it; None: nothing has happened yet.

    A mapping that was refused shows as `failed`, for what the user asked for is not in force, whatever the
    run before has come to. Port has no place for the reason: the log lines and `pagerport status` say it.
    Source: Ocean framework, resync state.

    Args:
        runs: All runs, the oldest first.
        problem: Why the mapping in Port is refused; empty: it is not.
        interval: Between two scheduled resyncs; None: there is no schedule.
        next_at: When the next one is due; None: not known, or none.
    """
    begun = [run for run in runs if run.state is not RunState.WAITING]
    if not begun:
        return {"status": "failed"} if problem else None
    run = begun[-1]
    status = _STATUS.get(run.state, "running")
    if run.ended and problem:
        status = "failed"
    return {
        "status": status,
        "lastResyncStart": _iso(run.started_at),
        "lastResyncEnd": _iso(run.ended_at),
        "nextResync": _iso(next_at),
        # The name is Port's.
        "intervalInMinuets": None if interval is None else round(interval.total_seconds() / 60),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
