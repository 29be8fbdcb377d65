"""Is `pagerport status` and `runs`: how an installation that is always on stands."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG
from services.cli.start import start

if TYPE_CHECKING:
    from schemas.run import RunResult
    from schemas.standing import Standing
    from services.cli.overview import Overview
    from services.cli.overview_letters import LettersState
    from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("runs")(runs)


def status(*, log: Annotated[Path | None, LOG] = None, as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Show what each stage has not handled yet, the run in hand, what waits, the last runs."""
    overview = asyncio.run(_read_overview(start(), log))
    if as_json:
        print(_overview_document(overview))
    else:
        _print_overview(overview)


def runs(
    run_id: Annotated[
        str | None, typer.Argument(help="Show the whole report of this run.", show_default=False)
    ] = None,
    *,
    log: Annotated[Path | None, LOG] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the newest.")] = 20,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """List runs, the newest first: what they were, who asked for them, how they ended."""
    if run_id is not None:
        _print_run(asyncio.run(_read_runs(log, keep_failures=True)), run_id, as_json=as_json)
        return
    found = list(reversed(asyncio.run(_read_runs(log))))[:limit]
    if as_json:
        from services.cli.run_document import run_values

        print(json.dumps([run_values(run) for run in found], indent=2))
    elif not found:
        print("no run yet")
    else:
        _print_runs(found)


async def _read_overview(settings: "Settings", file: Path | None) -> "Overview":
    from services.cli.open_log import open_log
    from services.cli.overview import read_overview
    from services.cli.presence import fetcher_runs, nobody

    async with open_log(file, settings) as log:
        overview = await read_overview(
            log, settings.integration.identifier, datetime.now(UTC), named=str(file or "")
        )
        if file is None:
            overview.fetcher_runs = await fetcher_runs(log)
            overview.start_hint = "" if overview.fetcher_runs else nobody(log)
        return overview


async def _read_runs(file: Path | None, *, keep_failures: bool = False) -> list["RunResult"]:
    from services.cli.open_log import open_log
    from services.cli.overview import read_runs

    async with open_log(file) as log:
        return await read_runs(log, keep_failures=keep_failures)


def _print_run(found: list["RunResult"], run_id: str, *, as_json: bool) -> None:
    """Print one run as a sync prints its own.

    Raises:
        ConfigurationError: There is no such run.
    """
    from services.cli.layout import output_console
    from services.cli.report import print_report
    from services.cli.run_document import run_document
    from shared.errors import ConfigurationError

    run = next((one for one in found if one.run_id == run_id), None)
    if run is None:
        raise ConfigurationError(f"the log knows no run {run_id!r}; `pagerport runs` lists them")
    if as_json:
        print(run_document(run))
    else:
        print_report(output_console(), run)


def _overview_document(overview: "Overview") -> str:
    from services.cli.run_document import OF_THE_SERVICES

    ours = set(OF_THE_SERVICES)
    return overview.model_dump_json(
        indent=2,
        exclude_none=True,
        exclude={"in_hand": ours, "waiting": {"__all__": ours}, "last": {"__all__": ours}},
    )


def _print_overview(overview: "Overview") -> None:
    from services.cli.layout import Column, Sheet, output_console, print_sheet
    from shared.counted import number_of

    columns = (Column(title="stage"), Column(title="behind", right=True), Column(title="records", right=True))
    rows = [(name, str(one.lag), str(one.records)) for name, one in overview.stages.items()]
    console = output_console()
    print_sheet(console, Sheet(columns=columns, rows=rows))
    mapping = overview.mapping
    lines = [f"log: {overview.log}"] if overview.log else []
    if overview.log_trouble:
        lines.append(f"nothing can be written, webhooks are refused: {overview.log_trouble}")
    lines += [overview.start_hint] if overview.start_hint else []
    replayed = ", replayed" if mapping and mapping.replay else ""
    lines.append(
        f"mapping: version {mapping.version} ({mapping.origin}{replayed})" if mapping else "mapping: none yet"
    )
    lines += [
        f"complete: {one.kind}, {number_of(one.objects, 'object')}, {one.ended_at:%Y-%m-%d %H:%M:%S}Z"
        f" ({age_text(one.age_s)} ago)"
        for one in overview.listings
    ]
    lines += map(_letters_line, overview.letters)
    lines += [
        f"run {run.run_id} waits{'' if run.error else ' for'}: {run.error or run.waiting_for}"
        for run in (overview.in_hand, *overview.waiting)
        if run and (run.error or run.waiting_for)
    ]
    lines += standing_lines(overview.standing)
    for line in lines:
        console.print(line, highlight=False, markup=False)
    shown = [*([overview.in_hand] if overview.in_hand else []), *overview.waiting, *overview.last]
    if shown:
        _print_runs(shown)


def _letters_line(one: "LettersState") -> str:
    says = f"dead letters: {one.number} {one.reason}"
    if one.blueprints:
        says += f" of {', '.join(one.blueprints)}"
    if one.expressions:
        says += f" by {', '.join(f'{name} ({times}x)' for name, times in one.expressions.items())}"
    if one.oldest_at:
        says += f", the oldest of {one.oldest_at:%Y-%m-%d %H:%M:%S}Z"
    return f"{says}; next: {one.command}"


def age_text(age_s: float) -> str:
    """Return an age in its largest two units."""
    minutes, seconds = divmod(round(age_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((place for place, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def standing_lines(standing: "Standing | None") -> list[str]:
    """Return what the active fetcher says is not well."""
    if standing is None:
        return []
    said = {
        "the mapping is refused, the last good one stays in force": standing.mapping,
        "a new mapping waits": standing.mapping_waits,
        "no run goes on": standing.runs,
        "live changes": standing.events,
        "webhook subscription": standing.subscription,
        "integration in Port": standing.integration,
    }
    as_of = f" (as of {standing.written_at:%Y-%m-%d %H:%M:%S}Z)"
    return [f"{what}: {line}{as_of}" for what, texts in said.items() for line in texts.splitlines() if line]


def _print_runs(found: list["RunResult"]) -> None:
    from services.cli.layout import Column, Sheet, output_console, print_sheet
    from services.cli.wording import state_words

    columns = (
        Column(title="run"),
        Column(title="type"),
        Column(title="state"),
        Column(title="asked by", goes=1),
        Column(title="kinds", goes=2, fold_from=20),
        Column(title="mapping", right=True, goes=3),
        Column(title="failed", right=True),
        Column(title="seconds", right=True, goes=4),
    )
    rows = [
        (
            run.run_id,
            run.type,
            state_words(run.state) + (f", attempt {run.attempt}" if run.attempt > 1 else ""),
            ", ".join(run.asked_by),
            ", ".join(run.only_kinds) or "all",
            str(run.mapping_version or ""),
            str(run.failure_count),
            f"{(run.ended_at - run.started_at).total_seconds():.1f}" if run.ended_at else "",
        )
        for run in found
    ]
    console = output_console()
    print_sheet(console, Sheet(columns=columns, rows=rows))
    for run in found:
        if run.ended and run.error:
            says = f"run {run.run_id} {state_words(run.state)}: {run.error}"
            console.print(says, highlight=False, markup=False)
