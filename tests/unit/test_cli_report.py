"""The report of a run: whole at any width, plain lines for programs, and what its numbers count."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from schemas.outcome import Count, Reason
from schemas.run import KindResult, KindState, RunFailure, RunResult, RunState
from services.cli.demo_run import entity_lines
from services.cli.next_steps import NEXT_STEPS
from services.cli.report import print_report

AT = datetime(2026, 3, 1, tzinfo=UTC)
DETAIL = "Port says: must match pattern [a-z]+ at properties.status of the entity"


def failed_result() -> RunResult:
    kinds = {
        name: KindResult(
            state=KindState.COMPLETE,
            announced=12_345,
            fetched=12_345,
            mapper={Count.MAPPED: 12_340, Count.FILTERED: 4, Count.FAILED: 1},
            writer={Count.WRITTEN: 12_338, Count.UNCHANGED: 1, Count.REJECTED: 1},
        )
        for name in ("escalation_policies", "incidents")
    }
    return RunResult(
        run_id="r",
        started_at=AT,
        ended_at=AT,
        state=RunState.COMPLETED_WITH_FAILURES,
        kinds=kinds,
        failure_count=4,
        failures_by_reason={Reason.REFUSED: 1},
        failures=[
            RunFailure(
                kind="incidents", object_id="PINC1", stage="writer", reason=Reason.REFUSED, detail=DETAIL
            )
        ],
    )


def lines(console: Console, result: RunResult) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    print_report(console, result)
    return console.file.getvalue().split("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_report_fits_and_shortens_no_kind_and_no_number(width: int) -> None:
    printed = lines(Console(file=io.StringIO(), width=width), failed_result())
    text = "\n".join(printed)

    assert max(map(len, printed)) <= width
    assert "…" not in text
    assert [word for word in ("escalation_policies", "incidents", "12345", "12338") if word not in text] == []


def test_narrow_report_has_a_block_per_reason() -> None:
    printed = lines(Console(file=io.StringIO(), width=80), failed_result())

    at = [line.rstrip() for line in printed].index("refused")
    assert printed[at + 1].strip() == "number 1"
    words = " ".join(" ".join(printed[at + 2 :]).split())
    assert words.startswith(f"for example: incidents PINC1: {DETAIL} next step: {NEXT_STEPS[Reason.REFUSED]}")


def test_report_for_programs_has_a_line_per_row_without_padding() -> None:
    printed = lines(Console(file=io.StringIO(), soft_wrap=True), failed_result())

    assert [line for line in printed if line != line.rstrip()] == []
    assert [line.split() for line in printed if line.startswith("incidents ")] == [
        ["incidents", "complete", "12345", "12345", "12340", "4", "12338", "1", "2"]
    ]
    assert [line for line in printed if line.startswith("refused ")] == [
        f"refused       1  incidents PINC1: {DETAIL}  {NEXT_STEPS[Reason.REFUSED]}"
    ]


def test_report_says_what_its_numbers_count_and_where_the_failures_are() -> None:
    printed = lines(Console(file=io.StringIO(), soft_wrap=True), failed_result())

    assert (
        "read, mapped, filtered count objects; written, unchanged, failed count entities, "
        "failed also objects that made none"
    ) in printed
    assert printed[-2:] == ["run r completed with failures: see above (0.0 s)", ""]


@pytest.mark.parametrize(
    ("width", "words"),
    [(120, "read, mapped, filtered count"), (86, "read, mapped count"), (66, "read counts")],
)
def test_legend_names_the_columns_that_are_shown(width: int, words: str) -> None:
    printed = lines(Console(file=io.StringIO(), width=width), failed_result())

    head = next(line for line in printed if " kind " in line)
    (legend,) = (line for line in printed if line.startswith("read"))
    shown = [name for name in ("read", "mapped", "filtered") if f" {name} " in head]
    assert legend.startswith(words)
    assert f"{', '.join(shown)} count" in legend


def test_entity_of_the_demo_is_shown_without_brackets_and_empty_values() -> None:
    entity = {
        "identifier": "P1",
        "title": "Checkout",
        "properties": {"status": "active", "open": True, "tags": ["a", "b"], "none": None, "empty": []},
        "relations": {"team": ["T1"]},
    }

    assert list(entity_lines(entity)) == [
        "  P1  Checkout",
        "    status: active",
        "    open: true",
        "    tags: a, b",
        "    team: T1",
    ]
