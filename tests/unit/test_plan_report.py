"""Proves that the report of a dry run shows the plan, and that of a sync the blueprints it created."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from schemas.outcome import Count
from schemas.run import KindResult, KindState, RunResult, RunState
from schemas.run_plan import BlueprintPlan, PlannedUpdate, PlannedValue, RunPlan
from services.cli.progress import ProgressDisplay
from services.cli.report import print_report

AT = datetime(2026, 3, 1, tzinfo=UTC)


def result(**more: Any) -> RunResult:
    kind = KindResult(state=KindState.COMPLETE, fetched=5, writer={Count.PLANNED: 3, Count.UNCHANGED: 2})
    return RunResult(
        run_id="r", started_at=AT, ended_at=AT, state=RunState.COMPLETED, kinds={"users": kind}, **more
    )


def report_of(one: RunResult) -> str:
    out = io.StringIO()
    print_report(Console(file=out, width=140), one)
    return out.getvalue()


def test_plan_is_shown_with_blueprints_numbers_and_values() -> None:
    plan = RunPlan(
        created_blueprints=["pagerdutyUser", "[bold]"],
        blueprints={
            "pagerdutyUser": BlueprintPlan(
                created=1,
                updated=2,
                unchanged=7,
                unknown=4,
                properties={"properties.email": 2},
                created_examples=["PUSR1"],
                updated_examples=[
                    PlannedUpdate(
                        identifier="PUSR2",
                        kind="users",
                        object_id="PUSR2",
                        values=(PlannedValue(path="properties.email", old="", new='"a@acme.example"'),),
                    )
                ],
            )
        },
    )
    text = report_of(result(plan=plan))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "blueprints that would be created: pagerdutyUser, [bold]" in lines
    assert "│ pagerdutyUser │ 1 │ 2 │ 7 │ properties.email: 2 │ PUSR1 │" in lines
    assert '│ pagerdutyUser │ PUSR2 │ users PUSR2 │ properties.email: – → "a@acme.example" │' in lines
    assert any(line.startswith("pagerdutyUser: 4 entities would be sent without knowing") for line in lines)
    assert "to write" in text
    assert "written │" not in text
    assert "planned: nothing was written" in text


def test_dry_run_with_failures_is_not_called_planned() -> None:
    one = result(plan=RunPlan())
    one.state = RunState.COMPLETED_WITH_FAILURES
    assert "planned: nothing" not in report_of(one)


def test_created_blueprints_are_shown_after_a_sync() -> None:
    text = report_of(result(created_blueprints=["a", "b"]))
    assert "blueprints created: a, b\n" in text
    assert "what a sync would do" not in text


@pytest.mark.parametrize(
    ("dry_run", "says"), [(True, "3 to write, 2 unchanged"), (False, "3 written, 2 unchanged")]
)
def test_progress_of_a_dry_run_says_what_is_to_write(dry_run: bool, says: str) -> None:
    out, seconds = io.StringIO(), iter((0.0, 10.0, 10.0, 10.0))
    console = Console(file=out, width=140)
    display = ProgressDisplay(console, lambda: None, lambda: next(seconds), dry_run=dry_run)
    display.show(result())
    assert says in out.getvalue()


@pytest.mark.parametrize(("dry_run", "says"), [(True, "comparing with Port"), (False, "writing to Port")])
def test_progress_of_a_dry_run_does_not_say_that_it_writes(dry_run: bool, says: str) -> None:
    out, seconds = io.StringIO(), iter((0.0, 10.0, 10.0, 10.0))
    console = Console(file=out, width=140)
    display = ProgressDisplay(console, lambda: None, lambda: next(seconds), dry_run=dry_run)
    one = result()
    one.state = RunState.WRITING
    display.show(one)
    assert out.getvalue().startswith(says)
