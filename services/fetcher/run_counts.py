"""Folds what the stages committed, and their dead letters, into the result of a run."""

from collections.abc import Callable, Iterable, Mapping

from schemas.dead_letter import DeadLetter
from schemas.outcome import Count
from schemas.run import (
    FAILURE_LIMIT,
    KIND_FAILURE_LIMIT,
    KindResult,
    KindState,
    RunFailure,
    RunResult,
    RunState,
)
from services.fetcher.seen_ids import digest_text
from shared.counted import number_of

_WORST_FIRST = (
    KindState.FAILED,
    KindState.SKIPPED,
    KindState.INCOMPLETE,
    KindState.LISTING,
    KindState.PENDING,
    KindState.COMPLETE,
)


def merge_listings(listings: Iterable[KindResult]) -> KindResult:
    """Return what the sources of one kind did together: sums, and the worst state with every reason."""
    merged = KindResult(state=KindState.COMPLETE)
    announced: int | None = 0
    reasons: list[str] = []
    digests: list[str] = []
    for one in listings:
        merged.fetched += one.fetched
        merged.superseded += one.superseded
        merged.duplicates += one.duplicates
        merged.requests += one.requests
        announced = None if announced is None or one.announced is None else announced + one.announced
        merged.state = min(merged.state, one.state, key=_WORST_FIRST.index)
        digests.append(one.ids_digest)
        for reason, number in one.failures_by_reason.items():
            merged.failures_by_reason[reason] = merged.failures_by_reason.get(reason, 0) + number
        merged.failures += one.failures[: KIND_FAILURE_LIMIT - len(merged.failures)]
        merged.warnings += [warning for warning in one.warnings if warning not in merged.warnings]
        if one.reason and one.reason not in reasons:
            reasons.append(one.reason)
    merged.announced = announced
    if all(digests):
        merged.ids_digest = digest_text(sum(int(digest, 16) for digest in digests))
    merged.reason = "; ".join(reasons)
    return merged


def count_onward(
    total: Callable[[], Mapping[str, int]], before: Mapping[str, int]
) -> Callable[[], dict[str, int]]:
    """Return what tells the requests of a run alone, of a process that sends more than these.

    Args:
        total: Requests of the process to each third party so far.
        before: Requests of the run's earlier attempts.
    """
    at_start, earlier = dict(total()), dict(before)

    def onward() -> dict[str, int]:
        return {
            host: earlier.get(host, 0) + number - at_start.get(host, 0) for host, number in total().items()
        }

    return onward


def note_lost(result: RunResult) -> None:
    """Say in the result where the values are named that did not arrive: other processes know them."""
    kinds = result.kinds.values()
    dropped = sum(kind.writer.get(Count.DROPPED, 0) for kind in kinds)
    omitted = sum(kind.mapper.get(Count.OMITTED, 0) for kind in kinds)
    if dropped:
        result.warnings.append(
            f"{number_of(dropped, 'value was', 'values were')} dropped, which did not fit the blueprint: the "
            "writer's log lines name each property once, with the reason"
        )
    if omitted:
        result.warnings.append(
            f"{number_of(omitted, 'value was', 'values were')} left alone, as the expression gave none: "
            "the mapper's log lines name each expression once, with the reason"
        )


def count_failures(kinds: Mapping[str, KindResult]) -> int:
    """Return how many rows, objects and changes did not arrive."""
    return sum(kind.failed for kind in kinds.values())


def add_warnings(result: RunResult) -> None:
    """Bring what the kinds warn about into the result's own list."""
    found = (warning for kind in result.kinds.values() for warning in kind.warnings)
    result.warnings += [warning for warning in found if warning not in result.warnings]


_MAPPED = (Count.MAPPED, Count.FILTERED, Count.FAILED, Count.REJECTED)
_SETTLED = (
    Count.WRITTEN,
    Count.UNCHANGED,
    Count.FOLDED,
    Count.REJECTED,
    Count.UNMET,
    Count.FAILED,
    Count.DELETED,
    Count.NOT_DELETED,
    Count.PLANNED,
)


def count_handled(kind: KindResult) -> int:
    """Return how many objects of a kind the mapper is done with."""
    return sum(kind.mapper.get(count, 0) for count in _MAPPED)


def count_unfinished(kinds: Mapping[str, KindResult]) -> tuple[int, int]:
    """Return how many objects were read but not mapped, and how many changes were made but not settled.

    Both are 0 in a run that got to its end, unless a stage has not counted for it: see `final_state`.
    """
    unmapped = sum(max(one.fetched - count_handled(one), 0) for one in kinds.values())
    unsettled = sum(
        max(one.mapper.get(Count.EMITTED, 0) - sum(one.writer.get(count, 0) for count in _SETTLED), 0)
        for one in kinds.values()
    )
    return unmapped, unsettled


def add_listing_failures(result: RunResult) -> None:
    """Move the rows that could not be published from the kinds to the result's list, and count them."""
    for kind in result.kinds.values():
        for reason, number in kind.failures_by_reason.items():
            result.failures_by_reason[reason] = result.failures_by_reason.get(reason, 0) + number
        result.failures += kind.failures[: FAILURE_LIMIT - len(result.failures)]
        kind.failures = []


def add_letter(result: RunResult, letter: DeadLetter) -> None:
    """List a dead letter's failures in the result, up to the list's limit."""
    for failure in letter.failures:
        number = result.failures_by_reason.get(failure.reason, 0)
        result.failures_by_reason[failure.reason] = number + 1
        if len(result.failures) < FAILURE_LIMIT:
            result.failures.append(
                RunFailure(
                    kind=letter.kind,
                    object_id=letter.object_id,
                    stage=letter.stage,
                    letter=f"{letter.topic}/{letter.partition}/{letter.offset}",
                    **failure.model_dump(),
                )
            )


def final_state(result: RunResult) -> RunState:
    """Judge a run whose barrier has passed: green only if all is complete and swept, and nothing failed.

    What no stage has counted may have failed: a foreign record may have told it of a run that comes after
    this one, and it counts for the newest run only.
    """
    if result.unmapped or result.unsettled:
        return RunState.COMPLETED_WITH_FAILURES
    whole = all(kind.state is KindState.COMPLETE for kind in result.kinds.values())
    whole = whole and (result.sweep is None or result.sweep.is_done)
    return RunState.COMPLETED if whole and not result.failure_count else RunState.COMPLETED_WITH_FAILURES
