"""Gives a command to the installation, and where it is wanted waits for the run that answers it."""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.command import Command, CommandType
from schemas.run import RunResult, RunState
from services.cli.answerable import require_mapped, require_readers
from services.cli.early_end import INTERRUPTED
from services.cli.layout import output_console
from services.cli.open_log import name_of, open_own_log
from services.cli.presence import PATIENCE_S, Absence, fetcher_runs, nobody, say_nobody
from services.cli.progress import ProgressDisplay
from services.cli.report import print_report
from services.cli.run_document import run_document
from shared.commands_topic import give_command
from shared.errors import FatalError
from shared.log.interface import Log
from shared.runs_topic import RunRecords
from shared.visible import visible

if TYPE_CHECKING:
    from shared.settings import Settings

ASKED_BY: Final = "command line"
POLL_S: Final = 0.5
EXIT_CODES: Final = {
    RunState.COMPLETED: 0,
    RunState.COMPLETED_WITH_FAILURES: 1,
    RunState.FAILED: 3,
    RunState.INTERRUPTED: INTERRUPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A command, and what its giver wants to see of it.

    Attributes:
        type: What is asked for.
        kinds: Of a resync: only these; none: all.
        file: The log to give it to; None: that of the settings.
        wait: Show the run that answers it, and end as it does.
        as_json: One JSON document on stdout.
    """

    type: CommandType
    kinds: tuple[str, ...] = ()
    file: Path | None = None
    wait: bool = False
    as_json: bool = False


async def ask(settings: "Settings", wanted: Ask) -> int:
    """Give the command and return the exit code.

    Raises:
        ConfigurationError: There is no log to give it to, nobody reads commands from it, or the mapping in
            force has no such kind; nothing was asked for.
        FatalError: The log cannot be reached, or nobody took the command.
    """
    identifier = settings.integration.identifier
    async with open_own_log(wanted.file, settings) as log:
        await require_readers(log)
        await require_mapped(log, identifier, wanted.kinds)
        in_hand = await _in_hand(log) if wanted.type is CommandType.STOP else None
        command = Command(type=wanted.type, kinds=wanted.kinds, asked_by=ASKED_BY)
        command_id = await give_command(log, command, identifier=identifier, at=datetime.now(UTC))
        if not wanted.wait:
            await say_nobody(log)
            if wanted.as_json:
                print(json.dumps({"command": command_id, "type": wanted.type, "log": name_of(log)}))
            else:
                print(f"{wanted.type} asked for in {name_of(log)}; {_follows(wanted.type, in_hand)}")
            return 0
        run = await _follow(log, command_id, patience_s=settings.sync.stall_timeout_s)
    _show(run, wanted)
    return EXIT_CODES[run.state]


async def _in_hand(log: Log) -> RunResult | None:
    """Return the run that a stop would end."""
    records = RunRecords(log)
    await records.catch_up()
    return next((run for run in records.runs if not run.ended and run.state is not RunState.WAITING), None)


def _follows(asked: CommandType, in_hand: RunResult | None) -> str:
    if asked is not CommandType.STOP:
        return "`pagerport runs` shows what becomes of it"
    if in_hand is None:
        return "no run is in hand now, so there is nothing for it to end"
    return f"it ends run {in_hand.run_id}: `pagerport runs {in_hand.run_id}` shows how far it came"


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
                wait = "" if run.ended else run.error or run.waiting_for
                held[:] = [wait] if wait else []
                display.show(run)
                if run.ended:
                    return run
            if absence.wants_look(passed_s) and absence.note(runs=await fetcher_runs(log)):
                await say_nobody(log)
            if absence.is_too_long:
                raise FatalError(
                    f"{nobody(log)}; nobody did in {absence.patience_s:.0f} s; the request stays in the log"
                )
            await asyncio.sleep(POLL_S)
            waited_s += POLL_S
            passed_s = POLL_S


def _show(run: RunResult, wanted: Ask) -> None:
    if wanted.as_json:
        print(run_document(run), flush=True)
    else:
        print_report(output_console(), run)
    for line in run.error.splitlines():
        print(f"error: {visible(line)}", file=sys.stderr)


def run_until_done(settings: "Settings", wanted: Ask) -> int:
    """Run `ask` to its end and return the exit code. Ctrl-C ends the waiting, not the run."""
    try:
        return asyncio.run(ask(settings, wanted))
    except KeyboardInterrupt:
        goes_on = "; what was asked for goes on, `pagerport runs` shows it" if wanted.wait else ""
        print(f"interrupted{goes_on}", file=sys.stderr, flush=True)
        return INTERRUPTED
