"""Checks how a run's result is folded from what the stages committed."""

from datetime import UTC, datetime

import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Count, Reason
from schemas.run import (
    FAILURE_LIMIT,
    KIND_FAILURE_LIMIT,
    KindResult,
    KindState,
    RunFailure,
    RunResult,
    RunState,
)
from services.fetcher.run_counts import (
    add_letter,
    add_listing_failures,
    count_failures,
    count_onward,
    count_unfinished,
    final_state,
    merge_listings,
    note_lost,
)

AT = datetime(2026, 11, 23, tzinfo=UTC)


def run_result(**changes: object) -> RunResult:
    return RunResult.model_validate({"run_id": "20261123T000000Z-ab12", "started_at": AT, **changes})


def letter(*failures: LetterFailure) -> DeadLetter:
    return DeadLetter(
        topic="pagerduty.raw.incidents",
        partition=3,
        offset=17,
        stage="mapper",
        failures=failures,
        kind="incidents",
        object_id="Q1",
        run_id="20261123T000000Z-ab12",
        failed_at=AT,
    )


def test_sources_of_one_kind_add_up_and_the_worst_state_shows() -> None:
    complete = KindResult(state=KindState.COMPLETE, announced=5, fetched=5, requests=1)
    forbidden = KindResult(state=KindState.SKIPPED, reason="HTTP 403", announced=2, requests=3, duplicates=1)
    assert merge_listings([complete, forbidden]) == KindResult(
        state=KindState.SKIPPED, reason="HTTP 403", announced=7, fetched=5, requests=4, duplicates=1
    )


def test_total_is_unknown_when_one_source_does_not_tell() -> None:
    told, untold = KindResult(announced=5), KindResult(announced=None)
    assert merge_listings([told, untold]).announced is None


def test_every_failing_count_of_both_stages_is_a_failure() -> None:
    kind = KindResult(
        mapper={Count.FAILED: 1, Count.REJECTED: 2, Count.MAPPED: 50, Count.OMITTED: 9},
        writer={Count.FAILED: 3, Count.REJECTED: 4, Count.UNMET: 5, Count.WRITTEN: 50, Count.COERCED: 7},
    )
    assert count_failures({"incidents": kind}) == 15


def test_letter_lists_each_of_its_failures_with_its_address() -> None:
    result = run_result()
    add_letter(
        result,
        letter(
            LetterFailure(reason=Reason.SELECTOR_ERROR, detail="gave a string", entry=0),
            LetterFailure(reason=Reason.IDENTIFIER_NULL, entry=2, blueprint="service"),
        ),
    )
    place = {
        "kind": "incidents",
        "object_id": "Q1",
        "stage": "mapper",
        "letter": "pagerduty.raw.incidents/3/17",
    }
    assert result.failures == [
        RunFailure(reason=Reason.SELECTOR_ERROR, detail="gave a string", entry=0, **place),
        RunFailure(reason=Reason.IDENTIFIER_NULL, entry=2, blueprint="service", **place),
    ]
    assert result.failures_by_reason == {Reason.SELECTOR_ERROR: 1, Reason.IDENTIFIER_NULL: 1}


def test_list_of_failures_is_bounded_and_the_counts_are_not() -> None:
    result = run_result()
    for _ in range(FAILURE_LIMIT + 5):
        add_letter(result, letter(LetterFailure(reason=Reason.REFUSED)))
    assert len(result.failures) == FAILURE_LIMIT
    assert result.failures_by_reason == {Reason.REFUSED: FAILURE_LIMIT + 5}


def row_failures(number: int) -> list[RunFailure]:
    return [
        RunFailure(kind="teams", object_id=f"row {one} of offset 0", stage="fetcher", reason=Reason.NO_ID)
        for one in range(number)
    ]


def test_rows_that_two_sources_could_not_publish_add_up_and_are_listed_up_to_the_limit() -> None:
    one = KindResult(failures_by_reason={Reason.NO_ID: 70}, failures=row_failures(70))
    other = KindResult(failures_by_reason={Reason.NO_ID: 90, Reason.TOO_LARGE: 1}, failures=row_failures(91))
    merged = merge_listings([one, other])
    assert merged.failures_by_reason == {Reason.NO_ID: 160, Reason.TOO_LARGE: 1}
    assert merged.failures == [*row_failures(70), *row_failures(30)]
    assert len(merged.failures) == KIND_FAILURE_LIMIT
    assert merged.failed == 161


def test_rows_that_were_not_published_are_failures_of_the_run() -> None:
    kind = KindResult(
        state=KindState.INCOMPLETE,
        failures_by_reason={Reason.NO_ID: 150},
        failures=row_failures(100),
        writer={Count.REJECTED: 1},
    )
    result = run_result()
    result.kinds = {"teams": kind}
    assert count_failures(result.kinds) == 151
    add_listing_failures(result)
    assert result.failures == row_failures(100)
    assert result.failures_by_reason == {Reason.NO_ID: 150}
    assert (kind.failures, kind.failures_by_reason) == ([], {Reason.NO_ID: 150})


@pytest.mark.parametrize(
    ("state", "failures", "want"),
    [
        (KindState.COMPLETE, 0, RunState.COMPLETED),
        (KindState.COMPLETE, 1, RunState.COMPLETED_WITH_FAILURES),
        (KindState.SKIPPED, 0, RunState.COMPLETED_WITH_FAILURES),
        (KindState.INCOMPLETE, 0, RunState.COMPLETED_WITH_FAILURES),
        (KindState.FAILED, 0, RunState.COMPLETED_WITH_FAILURES),
    ],
)
def test_green_means_every_kind_complete_and_nothing_failed(
    state: KindState, failures: int, want: RunState
) -> None:
    result = run_result(kinds={"incidents": {"state": state}}, failure_count=failures)
    assert final_state(result) is want


@pytest.mark.parametrize("uncounted", [{"unmapped": 1}, {"unsettled": 1}])
def test_run_of_which_something_was_never_counted_is_not_green(uncounted: dict[str, int]) -> None:
    result = run_result(kinds={"incidents": {"state": KindState.COMPLETE}}, **uncounted)
    assert final_state(result) is RunState.COMPLETED_WITH_FAILURES


def test_what_one_kind_lacks_another_does_not_make_up_for() -> None:
    lacking = KindResult(fetched=5, mapper={Count.MAPPED: 3, Count.EMITTED: 3}, writer={Count.WRITTEN: 2})
    # Objects that the sweep asked for are mapped and were not listed.
    more = KindResult(fetched=1, mapper={Count.MAPPED: 9, Count.EMITTED: 9}, writer={Count.WRITTEN: 99})
    assert count_unfinished({"users": lacking, "teams": more}) == (2, 1)


def test_requests_of_a_run_are_those_since_its_start_and_of_its_earlier_attempts() -> None:
    sent = {"PagerDuty": 50, "Port": 7}
    requests = count_onward(lambda: sent, {"PagerDuty": 3})
    assert requests() == {"PagerDuty": 3, "Port": 0}
    sent |= {"PagerDuty": 54}
    assert requests() == {"PagerDuty": 7, "Port": 0}


def test_result_says_whose_log_names_the_values_that_did_not_arrive() -> None:
    lost = KindResult(writer={Count.DROPPED: 2}, mapper={Count.OMITTED: 3})
    result = run_result(kinds={"users": lost, "teams": lost})
    note_lost(result)
    dropped, omitted = result.warnings
    assert ("4 values were dropped" in dropped, "the writer's log" in dropped) == (True, True)
    assert ("6 values were left alone" in omitted, "the mapper's log" in omitted) == (True, True)
    nothing = run_result(kinds={"users": KindResult()})
    note_lost(nothing)
    assert nothing.warnings == []
