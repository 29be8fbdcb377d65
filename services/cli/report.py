"""Prints the result of a run: a table per kind, what went wrong with the next steps, waits and deletes."""

from collections.abc import Collection, Iterable

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from schemas.outcome import Count
from schemas.run import KindResult, KindState, RunFailure, RunResult, RunState
from services.cli.layout import Cell, Column, Sheet, print_sheet
from services.cli.next_steps import NEXT_STEPS
from services.cli.plan_report import print_plan
from services.cli.progress import WRITTEN_TITLES, written
from services.cli.sweep_report import print_sweep
from shared.counted import number_of

EXAMPLES_PER_REASON = 3

_HEADLINES = {
    RunState.COMPLETED: "[green]completed[/]: everything the mapping asks for is in Port",
    RunState.COMPLETED_WITH_FAILURES: "[yellow]completed with failures[/]: see above",
    RunState.FAILED: "[red]failed[/]",
    RunState.INTERRUPTED: "[yellow]interrupted[/]: what is done is done, run it again for the rest",
}


def print_report(console: Console, result: RunResult) -> None:
    """Print the whole report for people."""
    if result.kinds:
        sheet = _kinds_sheet(result)
        print_sheet(console, sheet)
        shown = [one.title for one in sheet.columns] if console.soft_wrap else sheet.titles(console.width)
        console.print(f"[dim]{_legend(result, shown)}[/]")
    _print_kind_reasons(console, result)
    if result.failures_by_reason:
        print_sheet(console, _failures_sheet(result))
    if result.created_blueprints:
        console.print(f"blueprints created: {escape(', '.join(result.created_blueprints))}")
    if result.plan is not None:
        print_plan(console, result.plan)
    for warning in result.warnings:
        console.print(f"[yellow]warning[/]: {escape(warning)}")
    for wait in result.waits:
        console.print(
            f"waited {wait.seconds:.1f} s for {escape(wait.host)}: {escape(wait.cause)} ({wait.times}x)"
        )
    if result.unmapped or result.unsettled:
        is_early = result.state is not RunState.COMPLETED_WITH_FAILURES
        spoiled = "; records that pagerport did not send may have spoiled the counts of mapper or writer"
        console.print(
            f"{'not finished' if is_early else 'not accounted for'}: "
            f"{number_of(result.unmapped, 'object')} read but not mapped, "
            f"{number_of(result.unsettled, 'change')} neither written nor refused"
            f"{'' if is_early else spoiled}"
        )
    if result.sweep is not None:
        print_sweep(console, result.sweep)
    if result.deletes:
        console.print(f"deletes: {escape(result.deletes)}")
    if result.requests:
        console.print(
            "requests: " + ", ".join(f"{host} {number}" for host, number in result.requests.items())
        )
    seconds = (result.ended_at - result.started_at).total_seconds() if result.ended_at else 0.0
    console.print(f"run {result.run_id} {_headline(result)} ({seconds:.1f} s)")


def _headline(result: RunResult) -> str:
    if result.plan is not None and result.green:
        return "[green]planned[/]: nothing was written, this is what a sync would do"
    dropped, omitted = _lost(result)
    if result.green and (dropped or omitted):
        lost = f"{number_of(dropped, 'value')} dropped, {omitted} left as they were"
        return f"[yellow]completed with warnings[/]: {lost}: see above"
    return _HEADLINES.get(result.state, str(result.state))


def _lost(result: RunResult) -> tuple[int, int]:
    """Return how many values were dropped, and how many left as they were."""
    kinds = result.kinds.values()
    return (
        sum(kind.writer.get(Count.DROPPED, 0) for kind in kinds),
        sum(kind.mapper.get(Count.OMITTED, 0) for kind in kinds),
    )


def _written_title(result: RunResult) -> str:
    return WRITTEN_TITLES[result.plan is not None]


def _kinds_sheet(result: RunResult) -> Sheet:
    return Sheet(
        columns=(
            Column(title="kind"),
            Column(title="listing", goes=3),
            Column(title="read", right=True),
            Column(title="of", right=True, goes=2),
            Column(title="mapped", right=True, goes=4),
            Column(title="filtered", right=True, goes=1),
            Column(title=_written_title(result), right=True),
            Column(title="unchanged", right=True),
            Column(title="failed", right=True),
        ),
        rows=[_kind_row(name, kind) for name, kind in result.kinds.items()],
        boxed=True,
    )


def _kind_row(name: str, kind: KindResult) -> list[Cell]:
    return [
        name,
        Text(str(kind.state), style="" if kind.state is KindState.COMPLETE else "yellow"),
        str(kind.fetched),
        "?" if kind.announced is None else str(kind.announced),
        str(kind.mapper.get(Count.MAPPED, 0)),
        str(kind.mapper.get(Count.FILTERED, 0)),
        str(written(kind)),
        str(kind.writer.get(Count.UNCHANGED, 0)),
        Text(str(kind.failed), style="red" if kind.failed else ""),
    ]


def _legend(result: RunResult, shown: Collection[str]) -> str:
    """Return what the numbers of the columns that are shown count."""
    of_objects = ", ".join(name for name in ("read", "mapped", "filtered") if name in shown)
    count = "counts" if "," not in of_objects else "count"
    return (
        f"{of_objects} {count} objects; {_written_title(result)}, unchanged, failed count entities, "
        "failed also objects that made none"
    )


def _print_kind_reasons(console: Console, result: RunResult) -> None:
    for name, kind in result.kinds.items():
        if kind.reason:
            console.print(f"[yellow]{name}[/] {kind.state}: {escape(kind.reason)}")
        for count, one, several in (
            (
                Count.OMITTED,
                "value was left as it was, because its expression failed or gave nothing",
                "values were left as they were, because their expression failed or gave nothing",
            ),
            (
                Count.COLLIDED,
                "entity was made twice by one object and merged",
                "entities were made twice by one object and merged",
            ),
        ):
            if number := kind.mapper.get(count, 0):
                console.print(f"[dim]{name}: {number_of(number, one, several)}[/]")
        for count, what in (
            (Count.DROPPED, "dropped, because they cannot fit their blueprint"),
            (Count.COERCED, "changed in form only, to fit their blueprint"),
        ):
            if number := kind.writer.get(count, 0):
                values = number_of(number, "value was", "values were")
                console.print(f"[dim]{name}: {values} {what}[/]")


def _failures_sheet(result: RunResult) -> Sheet:
    rows = []
    for reason, number in sorted(result.failures_by_reason.items(), key=lambda item: -item[1]):
        of_reason = (failure for failure in result.failures if failure.reason is reason)
        rows.append([str(reason), str(number), _examples(of_reason), NEXT_STEPS[reason]])
    return Sheet(
        columns=(
            Column(title="reason"),
            Column(title="number", right=True),
            Column(title="for example", fold_from=32),
            Column(title="next step", fold_from=32),
        ),
        rows=rows,
        title="what did not arrive",
        boxed=True,
        row_lines=True,
    )


def _examples(failures: Iterable[RunFailure]) -> str:
    lines = []
    for failure, _ in zip(failures, range(EXAMPLES_PER_REASON), strict=False):
        entry = "" if failure.entry is None else f" (resources[{failure.entry}])"
        lines.append(f"{failure.kind} {failure.object_id}{entry}: {failure.detail}")
    return "\n".join(lines)
