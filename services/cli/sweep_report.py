"""Prints what a sweep decided: a row per blueprint with candidates, why some stayed, which would go."""

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from schemas.run import RunResult
from schemas.run_sweep import BlueprintSweep, KeepReason, RunSweep, SweepMode
from services.cli.layout import Column, Sheet, print_sheet

EXAMPLES = 3
PLANNED_EXAMPLES = 20
"""In a dry run the names are what one looks for."""

WHY = {
    KeepReason.RELATED: "an entity of the run has it as a relation's target",
    KeepReason.UPDATED: "updated since the run began",
    KeepReason.STILL_THERE: "PagerDuty still has the object; it was mapped again",
    KeepReason.UNCLEAR: "PagerDuty does not say whether it has the object",
    KeepReason.NOT_ASKED: "too many to ask PagerDuty for at once; the next run goes on",
    KeepReason.FAILED_OBJECTS: "an object failed that may make it",
    KeepReason.UNPROVEN: "the list may lack its object: two readings differ, or it is empty",
    KeepReason.OVER_THRESHOLD: "more than entityDeletionThreshold allows",
    KeepReason.LEFT: "left when it came to it: others depend on it, or it was updated",
    KeepReason.INCOMPLETE: "a list that may have its object was not read completely",
    KeepReason.WINDOWED: "its kind is read for a span of time only",
    KeepReason.NOT_VISIBLE: "PagerDuty never deletes such objects",
    KeepReason.PARTIAL: "not all kinds took part",
    KeepReason.REPLAY: "a replay does not ask PagerDuty",
    KeepReason.UNMAPPED: "the mapping does not make it any more",
    KeepReason.ANNOTATED: "the mapping only adds to it",
    KeepReason.BY_EVENTS: "a webhook mapping makes it",
    KeepReason.BY_SEARCH: "an entry finds it by search",
    KeepReason.NOT_READABLE: "Port does not tell which entities are ours",
    KeepReason.NOT_OURS: "Port lists it as ours and does not show it",
}


def print_sweep(console: Console, sweep: RunSweep) -> None:
    """Print a table of what looked gone, and where nobody could look for it."""
    found = {name: one for name, one in sweep.blueprints.items() if one.proposed or one.absent}
    if found:
        print_sheet(console, _sheet(found, sweep.mode))
    unsought: dict[KeepReason, list[str]] = {}
    for name, one in sweep.blueprints.items():
        if one.absence is not None:
            unsought.setdefault(one.absence, []).append(name)
    for reason, names in unsought.items():
        console.print(f"[dim]not looked for what is gone in {escape(', '.join(names))}: {WHY[reason]}[/]")


def not_judged(run: RunResult) -> str:
    """Return what to do where a run could not look for all that is gone; empty: it could."""
    if run.type == "resync" and run.is_whole:
        return ""
    what = "a replay" if run.type == "replay" else f"a resync of {', '.join(run.only_kinds)} only"
    return (
        f"run {run.run_id} was {what}, which cannot tell all that is gone: ask again after `pagerport resync`"
    )


def _sheet(blueprints: dict[str, BlueprintSweep], mode: SweepMode) -> Sheet:
    is_done = mode is SweepMode.ON
    return Sheet(
        columns=(
            Column(title="blueprint"),
            Column(title="owned", right=True, goes=1),
            Column(title="look gone", right=True),
            Column(title="deleted" if is_done else "to delete", right=True),
            Column(title="kept", right=True),
            Column(title="why kept", fold_from=28),
            Column(title="for example" if is_done else "to delete, by name", fold_from=16),
        ),
        rows=[
            [
                name,
                str(one.owned),
                str(one.proposed + one.absent),
                str(one.deleted),
                Text(str(_kept(one)), style="red" if one.over_threshold else ""),
                "\n".join(
                    f"{kept.count}: {WHY[reason]} ({_some(kept.identifiers, kept.count, EXAMPLES)})"
                    for reason, kept in one.kept.items()
                ),
                _some(one.deleted_identifiers, one.deleted, EXAMPLES if is_done else PLANNED_EXAMPLES),
            ]
            for name, one in blueprints.items()
        ],
        title="what looked gone",
        boxed=True,
        row_lines=True,
    )


def _kept(one: BlueprintSweep) -> int:
    return sum(kept.count for kept in one.kept.values())


def _some(identifiers: list[str], number: int, limit: int) -> str:
    shown = identifiers[:limit]
    return ", ".join([*shown, "…"] if number > len(shown) else shown)
