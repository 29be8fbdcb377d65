"""Runs a sync with a screen around it: checks first, progress meanwhile, the report at the end."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from schemas.run import RunResult, RunState
from services.cli.early_end import INTERRUPTED, NOTHING_READ, failure_document
from services.cli.ending import error_lines
from services.cli.layout import output_console
from services.cli.progress import ProgressDisplay
from services.cli.report import print_report
from services.cli.run_document import run_document
from services.cli.streams import drop_output, print_if_read
from services.fetcher.mapping_authority import mapping_of_file
from services.standalone.sync import Sync, run_sync
from shared.errors import ConfigurationError
from shared.http.waits import WaitLedger
from shared.mapping_file import LoadedMapping
from shared.mapping_warnings import warning_lines
from shared.settings import Settings

logger = logging.getLogger(__name__)

DONE = 0
WITH_FAILURES = 1


class SyncScreen:
    """Shows one sync to a person, or gives its result to a machine.

    Args:
        settings: All settings.
        as_json: One JSON document on stdout instead of the report.
        keep: Whether the log of a sync with failures is kept.
        dry_run: Write nothing to Port.

    Attributes:
        has_spoken: Whether it is said how the sync ended.
    """

    def __init__(self, settings: Settings, *, as_json: bool, keep: bool, dry_run: bool = False) -> None:
        self.has_spoken = False
        self._settings = settings
        self._as_json = as_json
        self._keep = keep
        self._dry_run = dry_run
        self._waits = WaitLedger()
        self._stderr = output_console(stderr=True)
        self._last: RunResult | None = None
        self._kept: Path | None = None

    async def run(self, mapping: Path | None, kinds: Sequence[str] | None) -> int:
        """Run the sync and return the exit code.

        Args:
            mapping: Mapping file; None: that of the settings, if they name one.
            kinds: Only these kinds; None: all.

        Raises:
            ConfigurationError: The mapping or a setting is wrong.
            FatalError: PagerDuty or Port refuses us or cannot be reached.
            RejectedError: Port refuses a default blueprint.
        """
        try:
            result = await self._sync(mapping, kinds)
        except asyncio.CancelledError:
            if not self._report_closed():
                self._say_failure(RunState.INTERRUPTED, [NOTHING_READ])
                self._stderr.print(NOTHING_READ)
            return INTERRUPTED
        except Exception as error:
            if not self._report_closed():
                self._say_failure(RunState.FAILED, error_lines(error))
            raise
        self._report(result)
        return DONE if result.green else WITH_FAILURES

    async def _sync(self, mapping: Path | None, kinds: Sequence[str] | None) -> RunResult:
        display = ProgressDisplay(self._stderr, self._waits.waiting_for, dry_run=self._dry_run)

        def seen(result: RunResult) -> None:
            self._last = result
            display.show(result)

        def kept(path: Path) -> None:
            self._kept = path

        sync = Sync(
            settings=self._settings,
            mapping=self._loaded(mapping),
            kinds=kinds,
            dry_run=self._dry_run,
            keep_as=self._place_to_keep if self._keep else None,
            waits=self._waits,
            on_snapshot=seen,
            on_kept=kept,
        )
        with display:
            return await run_sync(sync)

    def _loaded(self, mapping: Path | None) -> LoadedMapping | None:
        named = self._settings.mapping.file
        if mapping is not None:
            return self._checked(mapping)
        if named is None:
            return None
        try:
            return self._checked(named)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error} (OCEAN__MAPPING__FILE names this file)") from None

    def _checked(self, file: Path) -> LoadedMapping:
        loaded = mapping_of_file(file)
        for line in warning_lines(loaded, file):
            logger.warning(line)
        return loaded

    def _place_to_keep(self, run_id: str) -> Path:
        return Path(f"pagerport-{run_id}.db")

    def _report_closed(self) -> bool:
        """Report what a run that was ended had done, if it had begun; return whether it had."""
        if self._last is None or self._last.ended_at is None:
            return False
        self._report(self._last)
        return True

    def _say_failure(self, state: RunState, lines: Sequence[str]) -> None:
        self.has_spoken = True
        if self._as_json:
            print_if_read(failure_document(state, lines))

    def _report(self, result: RunResult) -> None:
        self.has_spoken = True
        try:
            if self._as_json:
                print(run_document(result), flush=True)
            else:
                print_report(output_console(), result)
        except BrokenPipeError:
            # `… | head`: the run has ended as it has, whoever reads of it.
            drop_output()
        if self._kept is not None:
            self._stderr.print(
                self._hint(self._kept, result.run_id), soft_wrap=True, highlight=False, markup=False
            )

    def _hint(self, kept: Path, run_id: str) -> str:
        command = f"look at it with: pagerport dlq list --log {kept}"
        if kept == self._settings.log.file:
            return f"what did not arrive is in {kept} (OCEAN__LOG__FILE); {command} --run {run_id}"
        return f"what did not arrive is kept in {kept}; {command}"
