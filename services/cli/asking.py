"""Gives a command to the installation, and where it is wanted waits for the run that answers it."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from schemas.command import Command, CommandType
from schemas.run import RunResult, RunState
from services.cli.layout import output_console
from services.cli.open_log import open_log
from services.cli.presence import NOBODY, PATIENCE_S, Absence, fetcher_runs
from services.cli.progress import ProgressDisplay
from services.cli.report import print_report
from shared.commands_topic import give_command
from shared.errors import FatalError
from shared.log.interface import Log
from shared.runs_topic import RunRecords

if TYPE_CHECKING:
    from shared.settings import Settings

ASKED_BY: Final = "command line"
POLL_S: Final = 0.5
EXIT_CODES: Final = {
    RunState.COMPLETED: 0,
    RunState.COMPLETED_WITH_FAILURES: 1,
    RunState.FAILED: 3,
    RunState.INTERRUPTED: 130,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A command, and what its giver wants to see of it.

    Attributes:
        type: What is asked for.
        kinds: Of a resync: only these; none: all.
        wait: Show the run that answers it, and end as it does.
        as_json: One JSON document on stdout.
    """

    type: CommandType
    kinds: tuple[str, ...] = ()
    wait: bool = False
    as_json: bool = False


async def ask(settings: "Settings", wanted: Ask) -> int:
    """Give the command and return the exit code.

    Raises:
        ConfigurationError: There is no log to give it to.
        FatalError: The log cannot be reached, or nobody took the command.
    """
    async with open_log(None, settings) as log:
        command = Command(type=wanted.type, kinds=wanted.kinds, asked_by=ASKED_BY)
        command_id = await give_command(
            log, command, identifier=settings.integration.identifier, at=datetime.now(UTC)
        )
        if not wanted.wait:
            if not await fetcher_runs(log):
                _say_nobody()
            _say_given(command_id, wanted)
            return 0
        run = await _follow(log, command_id, patience_s=settings.sync.stall_timeout_s)
    _show(run, wanted)
    return EXIT_CODES[run.state]


def _say_nobody() -> None:
    print(f"{NOBODY}; the request waits in the log", file=sys.stderr, flush=True)


def _say_given(command_id: str, wanted: Ask) -> None:
    if wanted.as_json:
        import orjson

        print(orjson.dumps({"command": command_id, "type": wanted.type}).decode())
    else:
        print(f"{wanted.type} asked for; `pagerport runs` shows what becomes of it")


async def _follow(log: Log, command_id: str, *, patience_s: float) -> RunResult:
    """Return the run that answers a command once it has ended, showing it meanwhile."""
    records = RunRecords(log, keep_failures=True)
    held: list[str] = []
    absence = Absence(min(PATIENCE_S, patience_s))
    display = ProgressDisplay(
        output_console(stderr=True),
        lambda: "a fetcher: none seems to run" if absence.is_alone else held[-1] if held else None,
    )
    waited_s, passed_s = 0.0, 0.0
    with display:
        while True:
            await records.catch_up()
            run = records.of_command(command_id)
            if run is None and waited_s > patience_s:
                raise FatalError(
                    f"nobody took the command in {patience_s:.0f} s; is the fetcher or `pagerport run` up?"
                )
            if run is not None:
                if run.ended:
                    return run
                held[:] = [run.error] if run.error else []
                display.show(run)
            if absence.wants_look(passed_s) and absence.note(runs=await fetcher_runs(log)):
                _say_nobody()
            if absence.is_too_long:
                raise FatalError(
                    f"{NOBODY}; nobody did in {absence.patience_s:.0f} s; the request stays in the log"
                )
            await asyncio.sleep(POLL_S)
            waited_s += POLL_S
            passed_s = POLL_S


def _show(run: RunResult, wanted: Ask) -> None:
    if wanted.as_json:
        print(run.model_dump_json(indent=2, exclude_none=True), flush=True)
    else:
        print_report(output_console(), run)
    if run.error:
        print(f"error: {run.error}", file=sys.stderr)


def run_until_done(settings: "Settings", wanted: Ask, on_interrupt: Callable[[], None] = lambda: None) -> int:
    """Run `ask` to its end. Ctrl-C ends the waiting, not the run."""
    try:
        return asyncio.run(ask(settings, wanted))
    except KeyboardInterrupt:
        on_interrupt()
        raise
