"""Proves that the report names what was deleted, what was kept and why, and where nobody looked."""

import io

from rich.console import Console

from schemas.run_sweep import BlueprintSweep, KeepReason, Kept, RunSweep, SweepMode
from services.cli.sweep_report import WHY, print_sweep
from services.fetcher.sweep.wording import describe, warnings_of


def printed(sweep: RunSweep, width: int = 180) -> str:
    out = io.StringIO()
    print_sweep(Console(file=out, width=width), sweep)
    return out.getvalue()


GONE = BlueprintSweep(
    owned=12,
    produced=7,
    absent=4,
    proposed=1,
    confirmed=3,
    deleted=4,
    deleted_identifiers=["P1", "P2", "[bold]P3", "P4"],
    kept={KeepReason.STILL_THERE: Kept(count=1, identifiers=["P9"])},
)


def test_every_reason_has_words() -> None:
    assert set(WHY) == set(KeepReason)


def test_blueprint_with_candidates_has_a_row_and_names() -> None:
    text = printed(RunSweep(blueprints={"user": GONE, "team": BlueprintSweep(owned=3, produced=3)}))
    assert "P1, P2, [bold]P3, …" in text
    assert "1: PagerDuty still has the object; it was mapped again (P9)" in text
    assert "team" not in text


def test_dry_run_names_more_of_what_would_go() -> None:
    text = printed(RunSweep(mode=SweepMode.DRY_RUN, blueprints={"user": GONE}))
    assert "P1, P2, [bold]P3, P4" in text
    assert "to delete, by name" in text


def test_blueprints_that_nobody_could_look_into_are_named_with_the_reason() -> None:
    windowed = BlueprintSweep(absence=KeepReason.WINDOWED)
    text = printed(RunSweep(blueprints={"incident": windowed, "change": windowed}))
    assert text == (
        "not looked for what is gone in incident, change: its kind is read for a span of time only\n"
    )


def test_one_line_says_what_became_of_all() -> None:
    assert describe(RunSweep()) == "nothing to delete"
    assert describe(RunSweep(mode=SweepMode.OFF)).startswith("off (OCEAN__DELETES=off)")
    assert describe(RunSweep(reason="why")) == "none: why"
    swept = RunSweep(blueprints={"user": GONE}, asked=4)
    assert describe(swept) == "4 entities deleted; 1 that looks gone kept; PagerDuty asked for 4 objects"
    assert warnings_of(swept) == []
