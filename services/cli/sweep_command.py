"""Is `pagerport sweep --dry-run`: what the sweep of the last run would delete now."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.start import start

if TYPE_CHECKING:
    from schemas.run import RunResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sweep")(sweep)


def sweep(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted; there is no other way to call it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show which entities look gone after the last run, and what would become of each."""
    from shared.errors import ConfigurationError

    if not dry_run:
        raise ConfigurationError(
            "a sweep is the last step of a run, whose listing it needs: use `pagerport resync` or `sync`; "
            "`pagerport sweep --dry-run` shows what would be deleted"
        )
    from services.cli.sweep_preview import preview_sweep

    _print(asyncio.run(preview_sweep(start("pagerduty", "port"))), as_json=as_json)


def _print(run: "RunResult", *, as_json: bool) -> None:
    from services.cli.layout import output_console
    from services.cli.sweep_report import print_sweep

    if run.sweep is None:
        return
    if as_json:
        print(run.sweep.model_dump_json(indent=2, exclude_none=True))
        return
    console = output_console()
    print_sweep(console, run.sweep)
    console.print(f"run {run.run_id}: {run.deletes}", highlight=False, markup=False)
