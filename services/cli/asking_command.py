"""Is `pagerport resync`, `replay` and `stop`: commands to an installation that is always on."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG
from services.cli.start import start

WAIT = typer.Option("--wait", help="Show the run that answers it, and end with its exit code.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (resync, replay, stop):
        app.command(command.__name__, help=command.__doc__)(command)


def resync(
    *,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", help="Only this kind of the mapping; repeat it for more."),
    ] = None,
    log: Annotated[Path | None, LOG] = None,
    wait: Annotated[bool, WAIT] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Have everything, or some kinds, read from PagerDuty again; during a run it follows that one."""
    _ask("resync", log, kinds=tuple(kind or ()), wait=wait, as_json=as_json)


def replay(
    *,
    log: Annotated[Path | None, LOG] = None,
    wait: Annotated[bool, WAIT] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Have everything mapped again from the log, without asking PagerDuty."""
    _ask("replay", log, wait=wait, as_json=as_json)


def stop(*, log: Annotated[Path | None, LOG] = None, as_json: Annotated[bool, AS_JSON] = False) -> None:
    """End the run in hand; the next one begins."""
    _ask("stop", log, as_json=as_json)


def _ask(
    name: str, log: Path | None, *, kinds: tuple[str, ...] = (), wait: bool = False, as_json: bool = False
) -> None:
    settings = start()
    from schemas.command import CommandType
    from services.cli.asking import Ask, run_until_done
    from shared.kinds import kind_named

    wanted = Ask(
        type=CommandType(name),
        kinds=tuple(kind_named(kind).name for kind in kinds),
        file=log,
        wait=wait,
        as_json=as_json,
    )
    sys.exit(run_until_done(settings, wanted))
