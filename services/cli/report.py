"""Prints the result of a run: a table per kind, what went wrong with the next steps, waits and deletes."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.outcome import Count, Reason
from schemas.run import KindState, RunFailure, RunResult, RunState
from services.cli.plan_report import print_plan
from services.cli.progress import WRITTEN_TITLES, failed, written

EXAMPLES_PER_REASON = 3
WIDTH_OF_FILES = 140
"""Columns of a report that goes to a file or another program."""

NEXT_STEPS = {
    Reason.UNREADABLE: "look at it with `pagerport dlq show`: another program or version wrote it",
    Reason.SELECTOR_ERROR: "make the selector's query give true or false, e.g. with `// false`",
    Reason.IDENTIFIER_ERROR: "mend the identifier or blueprint expression of the entry",
    Reason.IDENTIFIER_NULL: "give the entry an identifier that every object has, or filter such objects out",
    Reason.BLUEPRINT_NULL: "make the blueprint expression give a name, or filter such objects out",
    Reason.ITEMS_ERROR: "make itemsToParse give a list, e.g. `.field // []`",
    Reason.JQ_TIMEOUT: "simplify the expression: it ran longer than OCEAN__MAPPER__BATCH_TIMEOUT_S",
    Reason.JQ_CRASH: "simplify the expression: it ended jq (memory or recursion)",
    Reason.TOO_LARGE: "map fewer or shorter properties: one entity must fit Port's 1 MiB request",
    Reason.INVALID_IDENTIFIER: 'replace what Port does not allow: gsub("[^a-zA-Z0-9@_.+:/=-]"; "-")',
    Reason.BLUEPRINT_MISSING: "create the blueprint in Port, or mend its name in the mapping",
    Reason.RELATION_TARGET_MISSING: "sync the related kind too, or set createMissingRelatedEntities: true",
    Reason.REFUSED: "mend the mapping or the blueprint: Port's message says which property",
    Reason.RETRIES_EXHAUSTED: "run the sync again; if it stays, ask Port with the trace id",
}

_HEADLINES = {
    RunState.COMPLETED: "[green]completed[/]: everything the mapping asks for is in Port",
    RunState.COMPLETED_WITH_FAILURES: "[yellow]completed with failures[/]: see below",
    RunState.FAILED: "[red]failed[/]",
    RunState.INTERRUPTED: "[yellow]interrupted[/]: what is done is done, run it again for the rest",
}


def report_console() -> Console:
    """Return a console on stdout; where that is no terminal, wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_OF_FILES)


def print_report(console: Console, result: RunResult) -> None:
    """Print the whole report for people."""
    console.print(_kinds_table(result))
    _print_kind_reasons(console, result)
    if result.failure_count:
        console.print(_failures_table(result))
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
    return _HEADLINES.get(result.state, str(result.state))


def _written_title(result: RunResult) -> str:
    return WRITTEN_TITLES[result.plan is not None]


def _kinds_table(result: RunResult) -> Table:
    table = Table(header_style="bold")
    table.add_column("kind")
    table.add_column("listing")
    for title in ("read", "of", "mapped", "filtered", _written_title(result), "unchanged", "failed"):
        table.add_column(title, justify="right")
    for name, kind in result.kinds.items():
        number = failed(kind)
        table.add_row(
            name,
            str(kind.state) if kind.state is KindState.COMPLETE else f"[yellow]{kind.state}[/]",
            str(kind.fetched),
            "?" if kind.announced is None else str(kind.announced),
            str(kind.mapper.get(Count.MAPPED, 0)),
            str(kind.mapper.get(Count.FILTERED, 0)),
            str(written(kind)),
            str(kind.writer.get(Count.UNCHANGED, 0)),
            f"[red]{number}[/]" if number else "0",
        )
    return table


def _print_kind_reasons(console: Console, result: RunResult) -> None:
    for name, kind in result.kinds.items():
        if kind.reason:
            console.print(f"[yellow]{name}[/] {kind.state}: {escape(kind.reason)}")
        for count, text in (
            (
                Count.OMITTED,
                "properties were left as they are, because their expression failed or gave nothing",
            ),
            (Count.COLLIDED, "entities were made twice by one object and merged"),
        ):
            if number := kind.mapper.get(count, 0):
                console.print(f"[dim]{name}: {number} {text}[/]")
        if number := kind.writer.get(Count.COERCED, 0):
            console.print(
                f"[dim]{name}: {number} properties were changed to fit their blueprint, or dropped[/]"
            )
        if number := kind.writer.get(Count.NOT_DELETED, 0):
            console.print(
                f"[dim]{name}: {number} entities no longer match their selector; they were not deleted[/]"
            )


def _failures_table(result: RunResult) -> Table:
    table = Table(title="what did not arrive", title_justify="left", header_style="bold", show_lines=True)
    table.add_column("reason")
    table.add_column("number", justify="right")
    table.add_column("for example", overflow="fold")
    table.add_column("next step", overflow="fold")
    for reason, number in sorted(result.failures_by_reason.items(), key=lambda item: -item[1]):
        of_reason = (failure for failure in result.failures if failure.reason is reason)
        table.add_row(str(reason), str(number), escape(_examples(of_reason)), escape(NEXT_STEPS[reason]))
    return table


def _examples(failures: Iterable[RunFailure]) -> str:
    lines = []
    for failure, _ in zip(failures, range(EXAMPLES_PER_REASON), strict=False):
        entry = "" if failure.entry is None else f" (resources[{failure.entry}])"
        lines.append(f"{failure.kind} {failure.object_id}{entry}: {failure.detail}")
    return "\n".join(lines)
