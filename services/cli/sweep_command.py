"""Is `pagerport sweep --dry-run`: what the sweep of the last run would delete now."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG
from services.cli.start import start

if TYPE_CHECKING:
    from schemas.run import RunResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sweep")(sweep)


def sweep(
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Has to be given, so that nobody takes this for what deletes."),
    ] = False,
    log: Annotated[Path | None, LOG] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Show which entities look gone after the last resync of everything, and what would become of each.

    Nothing is deleted: that does the last step of a run. A replay puts a new version of the mapping in force,
    after which only the next resync can tell all that is gone.
    """
    from shared.errors import ConfigurationError

    if not dry_run:
        raise ConfigurationError(
            "a sweep is the last step of a run, whose listing it needs: use `pagerport resync` or `sync`; "
            "`pagerport sweep --dry-run` shows what would be deleted"
        )
    from services.cli.sweep_preview import preview_sweep

    _print(asyncio.run(preview_sweep(start("pagerduty", "port"), log)), as_json=as_json)


def _print(run: "RunResult", *, as_json: bool) -> None:
    from services.cli.layout import output_console
    from services.cli.sweep_report import not_judged, print_sweep

    if run.sweep is None:
        return
    if as_json:
        print(run.sweep.model_dump_json(indent=2, exclude_none=True))
    else:
        console = output_console()
        print_sweep(console, run.sweep)
        console.print(f"run {run.run_id}: {run.deletes}", highlight=False, markup=False)
    if hint := not_judged(run):
        print(hint, file=sys.stderr)
