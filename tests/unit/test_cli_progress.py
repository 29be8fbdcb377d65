"""The progress display: what a narrow terminal shows, and rates that stand still when reading has ended."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from schemas.outcome import Count
from schemas.run import KindResult, KindState, RunResult, RunState
from services.cli.layout import OutputConsole
from services.cli.pace import Pace
from services.cli.progress import ProgressDisplay
from shared.kinds import KINDS

AT = datetime(2026, 3, 1, tzinfo=UTC)


def kind(state: KindState, fetched: int = 0, written: int = 0) -> KindResult:
    return KindResult(state=state, announced=100_000, fetched=fetched, writer={Count.WRITTEN: written})


def frame(result: RunResult, width: int) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=width)
    with ProgressDisplay(console, lambda: None, lambda: 0.0) as display:
        display.show(result)
    return out.getvalue()


def result(kinds: dict[str, KindResult]) -> RunResult:
    return RunResult(run_id="r", started_at=AT, state=RunState.LISTING, kinds=kinds)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_live_table_shows_every_kind_and_number_whole_at_any_width(width: int) -> None:
    shown = frame(result({name: kind(KindState.LISTING, 98_765, 43_210) for name in KINDS}), width)

    assert "…" not in shown
    assert [name for name in KINDS if name not in shown] == []
    assert shown.count("98765") >= len(KINDS)
    assert shown.count("43210") >= len(KINDS)


def test_live_table_gives_up_the_bar_first_and_the_rates_next() -> None:
    one = result({"services": kind(KindState.LISTING, 5)})

    assert "━" in frame(one, 140)
    assert "━" not in frame(one, 74)
    assert "written/s" in frame(one, 74)
    assert "/s" not in frame(one, 50)


def test_bar_is_drawn_with_signs_that_every_terminal_has_where_it_speaks_no_unicode() -> None:
    one = result({"services": KindResult(state=KindState.LISTING, announced=100, fetched=50)})
    held = io.BytesIO()
    file = io.TextIOWrapper(held, encoding="latin-1", errors="backslashreplace")
    console = Console(file=file, force_terminal=True, color_system=None, width=140)
    with ProgressDisplay(console, lambda: None, lambda: 0.0) as display:
        display.show(one)
    file.flush()

    shown = held.getvalue().decode("latin-1")
    assert "\\u" not in shown
    assert "=" * 10 + "-" * 10 in shown


def test_rate_of_reading_stands_still_when_reading_has_ended() -> None:
    pace = Pace()
    pace.hear(kind(KindState.PENDING), 1.0)
    pace.hear(kind(KindState.LISTING), 10.0)
    pace.hear(kind(KindState.LISTING, 300), 12.0)
    pace.hear(kind(KindState.LISTING, 600), 13.0)
    pace.hear(kind(KindState.COMPLETE, 600), 14.0)
    pace.hear(kind(KindState.COMPLETE, 600, written=1), 90.0)

    assert pace.reading.rate(600) == 600 / (13.0 - 1.0)


def test_rate_of_writing_counts_from_before_the_first_write_to_the_last() -> None:
    pace = Pace()
    assert pace.writing.rate(0) == 0.0
    pace.hear(kind(KindState.LISTING, 1), 10.0)
    pace.hear(kind(KindState.COMPLETE, 1, written=20), 12.0)
    pace.hear(kind(KindState.COMPLETE, 1, written=100), 15.0)
    pace.hear(kind(KindState.COMPLETE, 1, written=100), 60.0)

    assert pace.writing.rate(100) == 100 / (15.0 - 10.0)


def test_run_goes_on_when_nobody_reads_its_lines() -> None:
    class Left(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            raise BrokenPipeError

    file, seconds = Left(), iter((0.0, 10.0, 20.0))
    display = ProgressDisplay(OutputConsole(file=file, width=140), lambda: None, lambda: next(seconds))
    display.show(result({"services": kind(KindState.LISTING)}))
    display.show(result({"services": kind(KindState.LISTING)}))

    assert file.writes == 1


def lines(shown: RunResult, waits_for: str | None = None) -> list[str]:
    file, seconds = io.StringIO(), iter((0.0, 9.9, 10.0))
    display = ProgressDisplay(OutputConsole(file=file, width=140), lambda: waits_for, lambda: next(seconds))
    for _ in range(2):
        display.show(shown)
    return file.getvalue().splitlines()


def test_line_without_a_terminal_sums_up_all_kinds_every_ten_seconds() -> None:
    many = result({name: kind(KindState.LISTING, 98_765, 43_210) for name in KINDS})
    (line,) = lines(many)
    number = len(KINDS)
    assert line == (
        f"reading PagerDuty, 10 s: {98_765 * number}/{100_000 * number} read, {43_210 * number} written, "
        "0 unchanged, 0 failed"
    )
    assert len(line) <= 100


def test_line_of_a_run_that_waits_claims_no_other_run() -> None:
    waiting = RunResult(run_id="r", started_at=AT, state=RunState.WAITING)
    assert lines(waiting) == ["waiting for its turn, 10 s"]
    assert lines(waiting, "a fetcher: none seems to run") == [
        "waiting for its turn, 10 s; waiting for a fetcher: none seems to run"
    ]


@pytest.mark.parametrize(
    ("type_", "state", "says"),
    [
        ("resync", RunState.SWEEPING, "deleting what is gone"),
        ("replay", RunState.SWEEPING, "deleting what the mapping no longer makes"),
        ("replay", RunState.MAPPING, "mapping what the log holds"),
        ("resync", RunState.COMPLETED, "completed"),
        ("replay", RunState.COMPLETED_WITH_FAILURES, "completed with failures"),
    ],
)
def test_headline_says_in_words_what_a_run_does_and_how_it_ended(
    type_: str, state: RunState, says: str
) -> None:
    shown = result({}).model_copy(update={"type": type_, "state": state})

    assert lines(shown) == [f"{says}, 10 s"]
    assert f"{says}, 0 s" in frame(shown, 140)
