"""Is `pagerport sync`: one full sync with its progress, its report and its exit code."""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from services.cli.early_end import INTERRUPTED, failure_document
from services.cli.ending import error_lines
from services.cli.mapping_option import MAPPING
from services.cli.start import start
from services.cli.streams import print_if_read
from shared.errors import ConfigurationError, PagerportError

if TYPE_CHECKING:
    from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync", help=_sync.__doc__)(_sync)


def _sync(
    *,
    mapping: Annotated[Path | None, MAPPING] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", help="Only this kind of the mapping; repeat it for more."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Write nothing to Port; say what would be created, updated, deleted."),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON document on stdout, for machines.")
    ] = False,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep/--no-keep",
            help="Keep the log file of a sync with failures; that of OCEAN__LOG__FILE always stays.",
        ),
    ] = True,
) -> None:
    """Read everything the mapping asks for from PagerDuty and bring Port up to date, once."""
    try:
        settings = start("pagerduty", "port")
        _check_kinds(kind or [])
    except PagerportError as error:
        if json:
            print_if_read(failure_document("failed", error_lines(error)))
        raise
    sync_once(settings, mapping, kind or None, as_json=json, keep=keep, dry_run=dry_run)


def sync_once(
    settings: "Settings",
    mapping: Path | None,
    kinds: Sequence[str] | None = None,
    *,
    as_json: bool = False,
    keep: bool = True,
    dry_run: bool = False,
) -> NoReturn:
    """Do one sync and end the process with its exit code.

    Args:
        settings: All settings.
        mapping: The user's file; None: that of the settings.
        kinds: Only these; None: all of the mapping.
        as_json: The result as a document.
        keep: Keep the log file of a sync with failures.
        dry_run: Write nothing to Port.
    """
    from services.cli.sync_run import SyncScreen
    from shared.allocator import return_large_blocks

    gc.freeze()
    return_large_blocks()
    screen = SyncScreen(settings, as_json=as_json, keep=keep, dry_run=dry_run)
    try:
        code = asyncio.run(_until_signal(screen.run(mapping, kinds)))
    except KeyboardInterrupt:
        # Before the run hears of signals, or a second time once it has reported.
        if not screen.has_spoken:
            raise
        code = INTERRUPTED
    sys.exit(code)


def _check_kinds(kinds: Sequence[str]) -> None:
    for one in kinds:
        if "," in one:
            each = " ".join(f"--kind {name.strip()}" for name in one.split(",") if name.strip())
            raise ConfigurationError(f"--kind {one}: takes one kind, repeat it for more: {each}")


async def _until_signal(run: Coroutine[Any, Any, int]) -> int:
    """Run to the end; SIGTERM, as a CI job sends it, ends the run like Ctrl-C does."""
    task = asyncio.create_task(run)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task
