"""Tests the text that is committed with an offset."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.outcome import Count
from shared.delete_window import DeleteWindow
from shared.outcome import DONE, LiveDelete, Outcome
from shared.progress import CODES, LIMIT_BYTES, Progress, sum_counts

OLD_RUN, RUN, NEW_RUN = "20260101T000000Z-aa", "20260102T000000Z-bb", "20260103T000000Z-cc"

counts = st.dictionaries(st.sampled_from(list(Count)), st.integers(1, 10**12), max_size=15)
kinds = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def outcome(run_id: str = RUN, kind: str = "incidents", **numbers: int) -> Outcome:
    return Outcome(run_id, kind, {Count(name): number for name, number in numbers.items()})


def added(*outcomes: Outcome) -> Progress:
    progress = Progress(mapping_version=7)
    for each in outcomes:
        progress.add(each)
    return progress


def test_every_count_has_a_code() -> None:
    assert sorted(CODES) == sorted(Count)


def test_text_is_compact_and_stable() -> None:
    progress = added(outcome(mapped=1, emitted=2), outcome(mapped=1), outcome(kind="users", filtered=3))
    assert progress.encode() == '{"m":7,"r":"20260102T000000Z-bb","c":{"incidents":[2,0,0,2],"users":[0,3]}}'


def test_text_of_the_first_release_is_read_as_it_was_meant() -> None:
    text = '{"m":7,"r":"20260102T000000Z-bb","c":{"incidents":[2,0,0,2],"users":[0,3]}}'
    read = Progress.decode(text)
    assert read == added(outcome(mapped=2, emitted=2), outcome(kind="users", filtered=3))
    assert read.encode() == text


def test_text_with_live_deletes_is_read_as_it_was_meant() -> None:
    text = '{"m":1,"r":"","c":{},"d":{"app":[29539440,2,0,1],"team":[29539441,5]}}'
    read = Progress.decode(text)
    window = {"app": {29539440: 2, 29539442: 1}, "team": {29539441: 5}}
    assert read == Progress(1, deletes=DeleteWindow(window))
    assert read.encode() == text


def test_live_delete_is_counted_though_it_belongs_to_no_run() -> None:
    progress = added(outcome(mapped=5), Outcome("", "users", {Count.DELETED: 1}, LiveDelete("app", 9)))
    assert progress == Progress(
        7, RUN, {"incidents": {Count.MAPPED: 5}}, deletes=DeleteWindow({"app": {9: 1}})
    )


def test_newer_run_begins_at_zero() -> None:
    assert added(outcome(mapped=5), outcome(NEW_RUN, filtered=1)) == Progress(
        7, NEW_RUN, {"incidents": {Count.FILTERED: 1}}
    )


@pytest.mark.parametrize("uncounted", [outcome(OLD_RUN, mapped=9), DONE, outcome("3" * 4000, mapped=9)])
def test_outcome_of_an_older_run_or_of_none_is_counted_nowhere(uncounted: Outcome) -> None:
    assert added(outcome(mapped=5), uncounted) == added(outcome(mapped=5))


@pytest.mark.parametrize("foreign", ["\ufffd", "zzz", "9" * 20, "run-1"])
def test_run_id_that_cannot_be_ours_never_stands_in_the_way_of_one_that_is(foreign: str) -> None:
    of_foreign = outcome(foreign, failed=1)
    assert added(of_foreign, outcome(mapped=5), of_foreign) == added(outcome(mapped=5))


def test_copy_leaves_the_original_alone() -> None:
    first = Outcome("", "", {}, LiveDelete("app", 9))
    progress = added(outcome(mapped=5), first)
    progress.copy().add(outcome(mapped=1))
    progress.copy().add(first)
    assert progress == added(outcome(mapped=5), first)


def test_empty_text_is_no_progress() -> None:
    assert Progress.decode("") == Progress()


@pytest.mark.parametrize(
    "text", ["replay=r7", "[]", '{"m": -1}', '{"c": {"users": [-1]}}', '{"c": {"users": 1}}', '{"m": "7"}']
)
def test_foreign_text_is_no_progress_and_flagged(text: str) -> None:
    assert Progress.decode(text) == Progress(is_unreadable=True)


def test_text_of_a_newer_release_keeps_what_is_known() -> None:
    text = '{"m":1,"r":"x","c":{"users":[1' + ",0" * 20 + ',5]},"z":true,"d":{}}'
    assert Progress.decode(text) == Progress(1, "x", {"users": {Count.MAPPED: 1}})


@given(st.text(max_size=100))
def test_any_text_can_be_decoded(text: str) -> None:
    Progress.decode(text)


@given(st.integers(0, 2**31), st.dictionaries(kinds, counts.filter(bool), max_size=8))
def test_what_fits_comes_back_as_it_was(version: int, by_kind: dict[str, dict[Count, int]]) -> None:
    progress = Progress(version, RUN, by_kind)
    text = progress.encode()
    if len(text.encode()) < LIMIT_BYTES - 1000:
        assert Progress.decode(text) == progress


windows = st.dictionaries(
    kinds, st.dictionaries(st.integers(100, 109), st.integers(1, 10**6), min_size=1), max_size=60
)


@given(st.dictionaries(kinds, counts, max_size=120), windows)
def test_text_never_exceeds_the_limit_and_sums_are_never_lost(
    by_kind: dict[str, dict[Count, int]], deletes: dict[str, dict[int, int]]
) -> None:
    text = Progress(7, RUN, by_kind, deletes=DeleteWindow(deletes)).encode()
    assert len(text.encode()) <= LIMIT_BYTES
    assert _sums(Progress.decode(text)) == _sums(Progress(7, RUN, by_kind))


def test_kinds_that_do_not_fit_are_summed_up_as_one() -> None:
    many = {f"a_rather_long_name_of_kind_{n}": {Count.MAPPED: n, Count.COERCED: 1} for n in range(1, 101)}
    decoded = Progress.decode(Progress(7, RUN, many).encode())
    assert "*" in decoded.counts
    assert len(decoded.counts) > 20
    assert _sums(decoded) == {Count.MAPPED: 5050, Count.COERCED: 100}


def test_sum_over_partitions_leaves_out_other_runs() -> None:
    parts = [added(outcome(mapped=5)), added(outcome(mapped=2)), added(outcome(NEW_RUN, mapped=9))]
    assert sum_counts(parts, RUN) == {"incidents": {Count.MAPPED: 7}}


def _sums(progress: Progress) -> Counter[Count]:
    total: Counter[Count] = Counter()
    for sums in progress.counts.values():
        total.update(sums)
    return +total
