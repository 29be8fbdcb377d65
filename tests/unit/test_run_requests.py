"""Proves what is run next: how requests merge, what a leader goes on with, when the schedule asks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.run import RunResult, RunState
from services.fetcher.run_requests import (
    RunRequest,
    begin_run,
    forgettable,
    is_answered,
    new_run_id,
    next_due,
    next_due_of_kind,
    next_run,
    request_run,
)

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_run(run_id: str = "1", state: RunState = RunState.WAITING, **more: Any) -> RunResult:
    return RunResult(**{"run_id": run_id, "state": state, "started_at": AT, **more})


def resync(*kinds: str, command: str = "", asked_by: str = "command line") -> RunRequest:
    return RunRequest(type="resync", kinds=kinds, command=command, asked_by=asked_by)


def test_first_request_becomes_a_run_of_its_own() -> None:
    run = request_run([], resync("users", command="c1"), run_id="7", at=AT)
    assert run == a_run("7", commands=["c1"], asked_by=["command line"], only_kinds=["users"])


def test_request_joins_the_run_of_its_type_that_waits() -> None:
    running = a_run("1", RunState.LISTING)
    waiting = a_run("2", commands=["c1"], asked_by=["command line"], only_kinds=["users"])
    replay = a_run("3", type="replay")
    joined = request_run([running, waiting, replay], resync("teams", command="c2"), run_id="9", at=AT)
    assert joined == waiting.model_copy(update={"commands": ["c1", "c2"], "only_kinds": ["teams", "users"]})


def test_request_for_all_kinds_makes_the_waiting_run_whole() -> None:
    waiting = a_run("2", asked_by=["command line"], only_kinds=["users"])
    joined = request_run([waiting], resync(asked_by="schedule"), run_id="9", at=AT)
    assert joined == waiting.model_copy(update={"only_kinds": [], "asked_by": ["command line", "schedule"]})


def test_request_does_not_join_a_run_that_is_about_to_begin() -> None:
    waiting = a_run("2")
    run = request_run([waiting], resync(), run_id="9", at=AT, begun={"2"})
    assert run is not None
    assert run.run_id == "9"


def test_command_that_was_read_twice_is_answered_once() -> None:
    done = a_run("2", RunState.COMPLETED, commands=["c1"])
    assert request_run([done], resync(command="c1"), run_id="9", at=AT) is None


@given(st.lists(st.sampled_from(["resync", "replay", "resync users", "resync teams"]), max_size=12))
def test_however_many_ask_at_most_one_run_of_each_type_waits_and_answers_them_all(asked: list[str]) -> None:
    runs: dict[str, RunResult] = {"1": a_run("1", RunState.LISTING)}
    for number, text in enumerate(asked):
        kind, _, only = text.partition(" ")
        request = RunRequest(
            type="replay" if kind == "replay" else "resync",
            kinds=(only,) if only else (),
            asked_by="command line",
            command=f"c{number}",
        )
        run = request_run(list(runs.values()), request, run_id=f"{number + 2:03}", at=AT)
        assert run is not None
        runs[run.run_id] = run
    waiting = [run for run in runs.values() if run.state is RunState.WAITING]
    assert len({run.type for run in waiting}) == len(waiting)
    assert sorted(command for run in waiting for command in run.commands) == sorted(
        f"c{number}" for number in range(len(asked))
    )
    whole = next((run.is_whole for run in waiting if run.type == "resync"), None)
    if any(text.startswith("resync") for text in asked):
        assert whole is ("resync" in asked)


def test_leader_goes_on_with_the_run_that_was_left_before_those_that_wait() -> None:
    left, waiting = a_run("1", RunState.WRITING), a_run("2")
    assert next_run([waiting, left, a_run("0", RunState.COMPLETED)]) == left
    assert next_run([a_run("0", RunState.FAILED)]) is None


def test_run_that_waited_starts_now_and_one_that_was_left_is_another_attempt() -> None:
    later = AT + HOUR
    assert begin_run(a_run(), later) == a_run(state=RunState.LISTING, started_at=later)
    left = a_run(state=RunState.WRITING, error="PagerDuty refuses the token")
    assert begin_run(left, later) == left.model_copy(update={"attempt": 2, "error": ""})


def test_attempts_of_a_resync_are_counted_apart_and_those_of_a_replay_together() -> None:
    stamps = [a_run("r", attempt=attempt).stamp for attempt in (1, 2, 10)]
    assert stamps == ["r", "r+002", "r+010"]
    assert stamps == sorted(stamps)
    assert a_run("r", attempt=3, type="replay").stamp == "r"


def test_schedule_counts_from_the_last_start_of_a_whole_resync() -> None:
    runs = [
        a_run("1", RunState.COMPLETED, started_at=AT),
        a_run("2", RunState.COMPLETED, started_at=AT + HOUR, only_kinds=["users"]),
        a_run("3", RunState.COMPLETED, started_at=AT + HOUR, type="replay"),
    ]
    assert next_due(runs, 4 * HOUR, AT + HOUR) == AT + 4 * HOUR
    assert next_due([], 4 * HOUR, AT) == AT
    assert next_due(runs, None, AT) is None


def test_start_that_a_wrong_clock_put_far_ahead_does_not_end_the_schedule() -> None:
    ahead = a_run("1", RunState.COMPLETED, started_at=AT + 1000 * HOUR)
    assert next_due([ahead], 4 * HOUR, AT) == AT
    assert next_due_of_kind([ahead], "users", 4 * HOUR, AT) == AT
    # Another leader's clock may be ahead a little.
    near = a_run("2", RunState.COMPLETED, started_at=AT + HOUR)
    assert next_due([ahead, near], 4 * HOUR, AT) == AT + 5 * HOUR


def test_schedule_does_not_ask_while_a_resync_waits_or_runs() -> None:
    for state in (RunState.WAITING, RunState.LISTING, RunState.SWEEPING):
        assert next_due([a_run("1", state)], HOUR, AT + 9 * HOUR) is None


@given(
    st.lists(
        st.integers(0, 4_000_000_000_000).map(lambda ms: AT + timedelta(milliseconds=ms - 10**12)), min_size=1
    )
)
def test_ids_rise_whatever_the_clock_does(times: list[datetime]) -> None:
    ids = [""]
    for at in times:
        ids.append(new_run_id(at, "ab12", ids[-1]))
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("foreign", ["zzz", "29990101", "9" * 200])
def test_id_that_nobody_of_us_made_is_not_continued(foreign: str) -> None:
    assert new_run_id(AT, "ab12", foreign) == new_run_id(AT, "ab12")


def test_id_behind_the_last_moment_there_is_is_still_one() -> None:
    last = "99991231T235959.999999Z-ab12"
    assert new_run_id(AT, "cd34", last) > last


def test_old_runs_are_forgotten_but_not_the_last_green_one() -> None:
    runs = [a_run("1", RunState.COMPLETED)] + [a_run(f"{n}", RunState.FAILED) for n in range(2, 7)]
    assert forgettable([*runs, a_run("0", RunState.LISTING)], keep=3) == ["3", "2"]


def test_kind_with_its_own_schedule_counts_from_the_last_resync_that_it_took_part_in() -> None:
    whole = a_run("1", RunState.COMPLETED, started_at=AT - 3 * HOUR)
    other = a_run("2", RunState.COMPLETED, started_at=AT - 2 * HOUR, only_kinds=["users"])
    replay = a_run("3", RunState.COMPLETED, started_at=AT - HOUR, type="replay")
    runs = [whole, other, replay]
    assert next_due_of_kind(runs, "oncalls", HOUR, AT) == AT - 2 * HOUR
    assert next_due_of_kind(runs, "users", HOUR, AT) == AT - HOUR
    assert next_due_of_kind([], "users", HOUR, AT) == AT
    waiting = a_run("4", only_kinds=["oncalls"])
    assert next_due_of_kind([*runs, waiting], "oncalls", HOUR, AT) is None
    assert next_due_of_kind([*runs, waiting], "users", HOUR, AT) == AT - HOUR


def test_resync_asked_for_in_port_is_answered_once_and_not_after_a_later_run() -> None:
    assert not is_answered([], "port:1@x", AT)
    ours = a_run("1", RunState.COMPLETED, started_at=AT - HOUR, commands=["port:1@x"])
    assert is_answered([ours], "port:1@x", AT)
    assert not is_answered([ours], "port:2@x", AT)
    assert not is_answered([ours], "port:2@x", None)
    later = a_run("2", RunState.LISTING, started_at=AT + HOUR)
    assert is_answered([later], "port:2@x", AT)
    # Port's clock is ahead: by that, the run began before it was asked for.
    behind = a_run("3", RunState.LISTING, started_at=AT + HOUR, port_started_at=AT - HOUR)
    assert not is_answered([behind], "port:2@x", AT)
    assert not is_answered([a_run("4", only_kinds=["users"])], "port:2@x", AT)
