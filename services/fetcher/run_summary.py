"""Says in one line how a run ended: what arrived, what did not and why."""

from collections.abc import Iterator

from schemas.outcome import Count
from schemas.run import KindState, RunResult


def summary(run: RunResult) -> str:
    """Return the line, e.g. `completed: 166 read, 160 written, 6 unchanged, 0 deleted, 0 failed`."""
    return f"{run.state.replace('_', ' ')}: {'; '.join(_parts(run))}"


def _parts(run: RunResult) -> Iterator[str]:
    kinds = run.kinds.values()
    counts = {
        count: sum(kind.writer.get(count, 0) for kind in kinds)
        for count in (Count.WRITTEN, Count.UNCHANGED, Count.DELETED)
    }
    numbers = ", ".join(f"{number} {count}" for count, number in counts.items())
    yield f"{sum(kind.fetched for kind in kinds)} read, {numbers}, {run.failure_count} failed"
    by_reason = sorted(run.failures_by_reason.items(), key=lambda one: (-one[1], one[0]))
    if by_reason:
        yield ", ".join(f"{number} {reason}" for reason, number in by_reason)
    unread = [f"{name} {kind.state}" for name, kind in run.kinds.items() if _is_unread(kind.state)]
    if unread:
        yield "not read: " + ", ".join(unread)
    if run.sweep is not None and not run.sweep.is_done:
        yield "what is gone was not deleted as a whole"
    if not run.green:
        yield f"next: pagerport runs {run.run_id}"


def _is_unread(state: KindState) -> bool:
    return state in {KindState.INCOMPLETE, KindState.SKIPPED, KindState.FAILED}
