"""Log lines of what happens between two resyncs, and of how a run ended: enough of them, never a flood."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Count, Reason
from schemas.run import KindResult, KindState, RunResult, RunState
from schemas.topics import dlq_topic
from services.fetcher.hydration.few_lines import FewLines
from services.fetcher.run_summary import summary
from shared.dead_letters import dead_letter_record
from shared.letter_lines import LINES, LetterLines
from shared.log.interface import NewRecord, Position, Record

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def letter(number: int = 0, *, run_id: str = "", after_s: float = 0.0, **more: object) -> DeadLetter:
    fields: dict[str, object] = {
        "topic": "port.entities",
        "partition": 3,
        "offset": number,
        "stage": "writer",
        "failures": (LetterFailure(reason=Reason.REFUSED, detail="Port says no"),),
        "kind": "services",
        "object_id": f"P{number}",
        "run_id": run_id,
        "failed_at": AT + timedelta(seconds=after_s),
    }
    return DeadLetter.model_validate({**fields, **more})


def at(offset: int) -> Position:
    return Position(dlq_topic("port.entities"), 3, offset)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(one.levelname, one.getMessage()) for one in caplog.records]


def test_dead_letter_of_a_live_change_is_said_with_object_reason_and_next_step(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = LetterLines()
    lines.say(letter(17), at(4))
    lines.say(letter(18, run_id="20260301T120000.000Z-ab12"), at(5))
    lines.say(letter(20, failures=(LetterFailure(reason=Reason.DELETE_HELD, detail="too many"),)), at(6))
    lines.say(letter(19, kind="", object_id=""), at(7))

    assert said(caplog) == [
        (
            "WARNING",
            "a live change became a dead letter: services P17 (refused): Port says no; "
            "next: pagerport dlq show dlq.port.entities/3/4",
        ),
        (
            "WARNING",
            "a live change became a dead letter: a record that cannot be read (refused): "
            "Port says no; "
            "next: pagerport dlq show dlq.port.entities/3/7",
        ),
    ]


def test_letters_among_what_was_appended_are_named_by_their_own_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = NewRecord("port.entities", b"k", b"{}")
    original = Record("port.entities", 3, 17, 0, b"k", b"{}", ())
    records = [other, dead_letter_record(original, letter(17))]
    LetterLines().say_appended(records, [Position("port.entities", 0, 1), at(4)])

    assert said(caplog) == [
        (
            "WARNING",
            "a live change became a dead letter: services P17 (refused): Port says no; "
            "next: pagerport dlq show dlq.port.entities/3/4",
        )
    ]


def test_many_dead_letters_are_a_few_lines_and_a_number(caplog: pytest.LogCaptureFixture) -> None:
    lines = LetterLines()
    for number in range(1000):
        lines.say(letter(number, after_s=number / 100), at(number))
    lines.say(letter(1000, after_s=60), at(1000))

    assert len(caplog.records) == LINES + 2
    assert said(caplog)[LINES] == (
        "WARNING",
        f"more live changes became dead letters: {1000 - LINES} refused; next: pagerport dlq list",
    )


def test_lines_beyond_a_few_a_minute_are_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 5.0
    lines = FewLines(logging.getLogger("lines"), lambda: now_s)
    with caplog.at_level(logging.DEBUG, "lines"):
        for _ in range(7):
            lines.say("%s is gone", "P1")
        now_s = 65.0
        lines.say("%s is gone", "P2")

    assert [level for level, _ in said(caplog)] == ["INFO"] * 5 + ["DEBUG"] * 2 + ["INFO"]


def run(state: RunState, **more: object) -> RunResult:
    return RunResult.model_validate({"run_id": "r1", "state": state, "started_at": AT, **more})


def test_run_that_is_green_is_its_numbers() -> None:
    users = KindResult(state=KindState.COMPLETE, fetched=6, writer={Count.WRITTEN: 4, Count.UNCHANGED: 2})
    teams = KindResult(state=KindState.COMPLETE, fetched=3, writer={Count.WRITTEN: 3, Count.DELETED: 1})

    assert summary(run(RunState.COMPLETED, kinds={"users": users, "teams": teams})) == (
        "completed: 9 read, 7 written, 2 unchanged, 1 deleted, 0 failed"
    )


def test_run_with_failures_says_the_reasons_and_where_to_look() -> None:
    kinds = {
        "users": KindResult(state=KindState.COMPLETE, fetched=6, writer={Count.WRITTEN: 3}),
        "oncalls": KindResult(state=KindState.SKIPPED),
    }
    reasons = {Reason.IDENTIFIER_NULL: 1, Reason.REFUSED: 2}
    found = run(RunState.COMPLETED_WITH_FAILURES, kinds=kinds, failure_count=3, failures_by_reason=reasons)

    assert summary(found) == (
        "completed with failures: 6 read, 3 written, 0 unchanged, 0 deleted, 3 failed; "
        "2 refused, 1 identifier_null; not read: oncalls skipped; next: pagerport runs r1"
    )
