"""Proves that the report of a sync promises no more than what has arrived."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from schemas.outcome import Count
from schemas.run import KindResult, KindState, RunResult, RunState
from services.cli.report import print_report

AT = datetime(2026, 3, 1, tzinfo=UTC)


def report_of(*kinds: KindResult, state: RunState = RunState.COMPLETED) -> list[str]:
    out = io.StringIO()
    named = {f"kind{number}": kind for number, kind in enumerate(kinds)}
    result = RunResult(run_id="r", started_at=AT, ended_at=AT, state=state, kinds=named)
    print_report(Console(file=out, width=140), result)
    return out.getvalue().splitlines()


def kind(mapper: dict[Count, int], writer: dict[Count, int]) -> KindResult:
    return KindResult(state=KindState.COMPLETE, mapper=mapper, writer=writer)


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ([kind({}, {})], "completed: everything the mapping asks for is in Port"),
        ([kind({}, {Count.COERCED: 5})], "completed: everything the mapping asks for is in Port"),
        (
            [kind({Count.OMITTED: 2}, {Count.DROPPED: 1}), kind({Count.OMITTED: 3}, {})],
            "completed with warnings: 1 value dropped, 5 left as they were: see above",
        ),
        (
            [kind({}, {Count.DROPPED: 2})],
            "completed with warnings: 2 values dropped, 0 left as they were: see above",
        ),
    ],
)
def test_headline_promises_everything_only_where_no_value_was_lost(
    kinds: list[KindResult], says: str
) -> None:
    assert report_of(*kinds)[-1] == f"run r {says} (0.0 s)"


def test_failures_are_said_before_lost_values() -> None:
    (*_, last) = report_of(kind({}, {Count.DROPPED: 2}), state=RunState.COMPLETED_WITH_FAILURES)
    assert last.startswith("run r completed with failures")


def test_what_nobody_counted_is_told_apart_from_what_an_early_end_left() -> None:
    def of(state: RunState) -> str:
        out = io.StringIO()
        result = RunResult(run_id="r", started_at=AT, ended_at=AT, state=state, unmapped=2, unsettled=1)
        print_report(Console(file=out, width=200), result)
        return next(line for line in out.getvalue().splitlines() if line.startswith("not "))

    counts = "2 objects read but not mapped, 1 change neither written nor refused"
    assert of(RunState.FAILED) == f"not finished: {counts}"
    assert of(RunState.COMPLETED_WITH_FAILURES) == (
        f"not accounted for: {counts}; records that pagerport did not send may have spoiled the counts of "
        "mapper or writer"
    )


def test_each_kind_tells_what_was_lost_apart_from_what_changed_in_form() -> None:
    lines = report_of(kind({Count.OMITTED: 3}, {Count.DROPPED: 2, Count.COERCED: 4}))
    assert [line for line in lines if line.startswith("kind0: ")] == [
        "kind0: 3 values were left as they were, because their expression failed or gave nothing",
        "kind0: 2 values were dropped, because they cannot fit their blueprint",
        "kind0: 4 values were changed in form only, to fit their blueprint",
    ]
