"""`pagerport status` names the third party that a run waits for, whether it has begun or not."""

from datetime import UTC, datetime

import pytest

from schemas.run import RunResult, RunState
from services.cli.overview import Overview
from services.cli.overview_command import _print_overview

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_run(run_id: str, state: RunState, *, waiting_for: str = "", error: str = "") -> RunResult:
    return RunResult(run_id=run_id, state=state, started_at=AT, waiting_for=waiting_for, error=error)


def shown(capsys: pytest.CaptureFixture[str], in_hand: RunResult | None, *waiting: RunResult) -> list[str]:
    overview = Overview(
        stages={}, mapping=None, in_hand=in_hand, waiting=list(waiting), last=[], listings=[], letters=[]
    )
    _print_overview(overview)
    return [line for line in capsys.readouterr().out.splitlines() if " waits" in line]


def test_wait_of_the_run_in_hand_and_of_the_next_one_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    in_hand = a_run("r1", RunState.LISTING, waiting_for="Port (no answer yet) for 24 s")
    next_one = a_run("r2", RunState.WAITING, waiting_for="PagerDuty (HTTP 503) for 9 s")

    assert shown(capsys, in_hand, next_one) == [
        "run r1 waits for: Port (no answer yet) for 24 s",
        "run r2 waits for: PagerDuty (HTTP 503) for 9 s",
    ]
    assert shown(capsys, None, a_run("r3", RunState.WAITING)) == []


def test_refusal_goes_before_the_wait(capsys: pytest.CaptureFixture[str]) -> None:
    held = a_run("r1", RunState.LISTING, waiting_for="Port (HTTP 503) for 1 s", error="Port refuses us")

    assert shown(capsys, held) == ["run r1 waits: Port refuses us"]
