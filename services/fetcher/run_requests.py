"""Decides what is run next: requests merge into runs that wait, the schedule asks when it is due."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from schemas.run import RunResult, RunState

RUNS_KEPT: Final = 200
"""Runs that ended, kept for `pagerport runs`; older ones are forgotten."""
_SECOND: Final = timedelta(seconds=1)
_TO_SECONDS: Final = "%Y%m%dT%H%M%S"
_TIME: Final = f"{_TO_SECONDS}.%fZ"

RunType = Literal["resync", "replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Somebody asks for a run.

    Attributes:
        type: What for.
        kinds: Of a resync: only these; empty: all of the mapping.
        asked_by: `command line`, `schedule`, `mapping` …
        command: Id of the command; empty: it was none.
    """

    type: RunType
    kinds: tuple[str, ...] = ()
    asked_by: str
    command: str = ""


def request_run(
    runs: Sequence[RunResult], request: RunRequest, *, run_id: str, at: datetime, begun: Collection[str] = ()
) -> RunResult | None:
    """Return the waiting run that answers a request, as it is to be published; None: its command is answered.

    A request joins a run of its type that has not begun; its kinds are united. One that has begun may have
    read already what the request is about.

    Args:
        runs: All runs.
        request: The request.
        run_id: Id of the run, if it becomes one of its own.
        at: Now.
        begun: Ids of runs that are about to begin though they are still published as waiting.
    """
    if request.command and any(request.command in run.commands for run in runs):
        return None
    waiting = next(
        (run for run in waiting_runs(runs) if run.type == request.type and run.run_id not in begun), None
    )
    if waiting is None:
        return RunResult(
            run_id=run_id,
            type=request.type,
            state=RunState.WAITING,
            started_at=at,
            commands=[request.command] if request.command else [],
            asked_by=[request.asked_by],
            only_kinds=sorted(set(request.kinds)),
        )
    whole = not request.kinds or waiting.is_whole
    return waiting.model_copy(
        update={
            "commands": [*waiting.commands, *([request.command] if request.command else [])],
            "asked_by": [*waiting.asked_by, *({request.asked_by} - set(waiting.asked_by))],
            "only_kinds": [] if whole else sorted({*waiting.only_kinds, *request.kinds}),
        }
    )


def waiting_runs(runs: Sequence[RunResult]) -> list[RunResult]:
    """Return the runs that have not begun, the oldest first."""
    return sorted((run for run in runs if run.state is RunState.WAITING), key=lambda run: run.run_id)


def next_run(runs: Sequence[RunResult]) -> RunResult | None:
    """Return the run to go on with: one that another process has left, else the one that waits longest.

    Ids order the runs, also for the stages: what they count for a run they count no more once they have seen
    a greater id.
    """
    return min((run for run in runs if not run.ended), key=lambda run: run.run_id, default=None)


def begin_run(run: RunResult, at: datetime) -> RunResult:
    """Return a run as its next attempt begins: a first one now, one that was left as it has begun."""
    if run.state is RunState.WAITING:
        return run.model_copy(update={"state": RunState.LISTING, "started_at": at})
    return run.model_copy(update={"attempt": run.attempt + 1, "error": ""})


def next_due(runs: Sequence[RunResult], interval: timedelta | None, at: datetime) -> datetime | None:
    """Return when the schedule asks for the next resync; None: never, or one is under way.

    Args:
        runs: All runs; only whole resyncs count.
        interval: Between two starts; None: there is no schedule.
        at: Now: where nothing was ever run, that is when.
    """
    whole = [run for run in runs if run.type == "resync" and run.is_whole]
    if interval is None or any(not run.ended for run in whole):
        return None
    return _last_start(whole, interval, at) + interval


def next_due_of_kind(
    runs: Sequence[RunResult], kind: str, interval: timedelta, at: datetime
) -> datetime | None:
    """Return when a kind with a schedule of its own is resynced next; None: such a run is asked for already.

    Args:
        runs: All runs; resyncs count that the kind takes part in.
        kind: The kind.
        interval: Between two starts.
        at: Now: where it was never resynced, that is when.
    """
    its = [run for run in runs if run.type == "resync" and (run.is_whole or kind in run.only_kinds)]
    if any(not run.ended for run in its):
        return None
    return _last_start(its, interval, at) + interval


def _last_start(runs: Sequence[RunResult], interval: timedelta, at: datetime) -> datetime:
    """Return when the last of some runs began; where none did, so that the next one is due now.

    A start further ahead than an interval stood on a wrong clock: to wait for it could be to wait for years.
    """
    starts = [run.started_at for run in runs if run.started_at <= at + interval]
    return max(starts, default=at - interval)


def is_answered(runs: Sequence[RunResult], command: str, asked_at: datetime | None) -> bool:
    """Return whether a resync that was asked for in Port is done or on its way.

    It is when a run has taken it over, or when a whole resync began later: runs are forgotten after a while,
    Port's last request is not.

    Args:
        runs: All runs.
        command: Names the request.
        asked_at: When it was made, by Port's clock; None: not known.
    """
    if any(command in run.commands for run in runs):
        return True
    begun = [
        run.port_started_at or run.started_at
        for run in runs
        if run.type == "resync" and run.is_whole and run.state is not RunState.WAITING
    ]
    return asked_at is not None and any(at > asked_at for at in begun)


def new_run_id(at: datetime, suffix: str, newest: str = "") -> str:
    """Return an id that sorts by time, behind every id there is.

    Args:
        at: Now, UTC.
        suffix: Tells ids of the same moment apart.
        newest: Greatest id there is; another leader's clock may have been ahead. One that does not begin with
            a time came from a foreign record: the stages take any of ours for newer.
    """
    made = f"{at.strftime(_TIME)}-{suffix}"
    if made > newest:
        return made
    try:
        newest_at = datetime.strptime(newest[:15], _TO_SECONDS)  # noqa: DTZ007 - only its text is used
    except ValueError:
        return made
    try:
        return f"{(newest_at + _SECOND).strftime(_TIME)}-{suffix}"
    except OverflowError:
        return f"{newest}+{suffix}"


def forgettable(runs: Sequence[RunResult], keep: int = RUNS_KEPT) -> list[str]:
    """Return the ids of the runs that are forgotten: the oldest that ended.

    The last whole run that finished green stays, and the last such replay: the mapping's previous versions
    count from them.
    """
    ended = sorted((run for run in runs if run.ended), key=lambda run: run.run_id, reverse=True)
    green = [run for run in ended if run.green and run.is_whole]
    stay = {run.run_id for run in [*green[:1], *[run for run in green if run.type == "replay"][:1]]}
    return [run.run_id for run in ended[keep:] if run.run_id not in stay]
