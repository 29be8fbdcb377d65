"""Runs a sync with a screen around it: checks first, progress meanwhile, the report at the end."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from schemas.run import RunResult
from services.cli.progress import ProgressDisplay
from services.cli.report import print_report, report_console
from services.fetcher.mapping_authority import mapping_of_file
from services.standalone.sync import Sync, run_sync
from shared.errors import FatalError
from shared.http.waits import WaitLedger
from shared.mapping_file import LoadedMapping, require_sound
from shared.settings import Settings

logger = logging.getLogger(__name__)

DONE = 0
WITH_FAILURES = 1
INTERRUPTED = 130


class SyncScreen:
    """Shows one sync to a person, or gives its result to a machine.

    Args:
        settings: All settings.
        as_json: One JSON document on stdout instead of the report.
        keep: Whether the log of a sync with failures is kept.
        dry_run: Write nothing to Port.
    """

    def __init__(self, settings: Settings, *, as_json: bool, keep: bool, dry_run: bool = False) -> None:
        self._settings = settings
        self._as_json = as_json
        self._keep = keep
        self._dry_run = dry_run
        self._waits = WaitLedger()
        self._stderr = Console(stderr=True)
        self._last: RunResult | None = None

    async def run(self, file: Path | None, kinds: Sequence[str] | None) -> int:
        """Run the sync and return the exit code.

        Raises:
            ConfigurationError: The mapping or a setting is wrong.
            FatalError: PagerDuty or Port refuses us or cannot be reached.
            RejectedError: Port refuses a default blueprint.
        """
        loaded = self._checked(mapping_of_file(file)) if file else None
        display = ProgressDisplay(self._stderr, self._waits.waiting_for, dry_run=self._dry_run)

        def seen(result: RunResult) -> None:
            self._last = result
            display.show(result)

        sync = Sync(
            settings=self._settings,
            mapping=loaded,
            kinds=kinds,
            dry_run=self._dry_run,
            keep_as=self._place_to_keep if self._keep else None,
            waits=self._waits,
            on_snapshot=seen,
        )
        try:
            with display:
                result, kept = await run_sync(sync)
        except asyncio.CancelledError:
            self._report(self._last)
            if self._last is None:
                self._stderr.print("interrupted before anything was read; no entity was written")
            return INTERRUPTED
        except FatalError:
            self._report(self._last)
            raise
        self._report(result)
        if kept and not result.green:
            self._stderr.print(
                f"what failed is kept in {kept}; look at it with: pagerport dlq list --log {kept}",
                soft_wrap=True,
                highlight=False,
            )
        return DONE if result.green else WITH_FAILURES

    def _checked(self, loaded: LoadedMapping) -> LoadedMapping:
        for problem in require_sound(loaded):
            logger.warning(loaded.line(problem))
        return loaded

    def _place_to_keep(self, run_id: str) -> Path:
        return Path(f"pagerport-{run_id}.db")

    def _report(self, result: RunResult | None) -> None:
        if result is None:
            return
        if self._as_json:
            sys.stdout.write(result.model_dump_json(indent=2, exclude_none=True) + "\n")
            sys.stdout.flush()
        else:
            print_report(report_console(), result)
