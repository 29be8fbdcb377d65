"""Is `pagerport dlq`: lists and shows dead letters, has their objects asked for again, or discards them."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.cli.letters import Wanted
    from shared.kept_letters import KeptLetter

REASON = typer.Option(help="Only letters with this reason.", show_default=False)
KIND = typer.Option(help="Only letters of this kind.", show_default=False)
BLUEPRINT = typer.Option(help="Only letters about entities of this blueprint.", show_default=False)
ADDRESSES = typer.Argument(help="`<topic>/<partition>/<offset>`, as `dlq list` shows it.", show_default=False)
ALL = typer.Option("--all", help="All open letters.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    dlq = typer.Typer(help="Dead letters: what did not arrive, and why.", no_args_is_help=True)
    dlq.command("list")(list_letters)
    dlq.command("show")(show_letter)
    dlq.command("redrive")(redrive)
    dlq.command("discard")(discard)
    app.add_typer(dlq, name="dlq")


def list_letters(
    *,
    log: Annotated[Path | None, LOG] = None,
    reason: Annotated[str, REASON] = "",
    kind: Annotated[str, KIND] = "",
    blueprint: Annotated[str, BLUEPRINT] = "",
    run: Annotated[str, typer.Option(help="Only letters of the run with this id.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the oldest.")] = 50,
    closed_too: Annotated[bool, typer.Option("--all", help="Show closed letters too.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """List dead letters, oldest first; closed ones are hidden."""
    from services.cli.answerable import reads_requests
    from services.cli.letter_report import document, print_letters
    from services.cli.letters import Wanted, knows_run
    from services.cli.next_steps import Remedy
    from services.cli.open_log import open_log
    from shared.kept_letters import read_letters

    wanted = Wanted(reason=reason, kind=kind, blueprint=blueprint, run=run, closed_too=closed_too)
    _check_reason(reason)

    async def read() -> "tuple[list[KeptLetter], bool, Remedy]":
        async with open_log(log) as opened:
            held = await read_letters(opened)
            remedy = Remedy(log=str(log or ""), is_read=await reads_requests(opened))
            return held, not run or await knows_run(opened, held, run), remedy

    letters, is_known_run, remedy = asyncio.run(read())
    _check_kind(kind, letters)
    found = wanted.of(letters)
    if as_json:
        print(json.dumps([document(one) for one in found[:limit]], indent=2))
    else:
        print_letters(found[:limit], total=len(found), remedy=remedy)
        if not is_known_run:
            print(f"this log knows no run {run!r}; without --run the letters of all runs are shown")


def show_letter(
    address: Annotated[str, typer.Argument(help="`<topic>/<partition>/<offset>`, as `dlq list` shows it.")],
    *,
    log: Annotated[Path | None, LOG] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Show one dead letter: why it failed, the next step, its headers, and the original body."""
    from services.cli.answerable import reads_requests
    from services.cli.letter_report import print_letter
    from services.cli.letters import find_letter, whole_record
    from services.cli.next_steps import Remedy
    from services.cli.open_log import open_log
    from shared.kept_letters import read_letters

    async def show() -> None:
        async with open_log(log) as opened:
            one = find_letter(await read_letters(opened), address)
            remedy = Remedy(log=str(log or ""), is_read=await reads_requests(opened))
            print_letter(one, await whole_record(opened, one), remedy, as_json=as_json)

    asyncio.run(show())


def redrive(
    addresses: Annotated[list[str] | None, ADDRESSES] = None,
    *,
    log: Annotated[Path | None, LOG] = None,
    reason: Annotated[str, REASON] = "",
    kind: Annotated[str, KIND] = "",
    blueprint: Annotated[str, BLUEPRINT] = "",
    everything: Annotated[bool, ALL] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Have PagerDuty asked again for the objects behind dead letters; an old body is never sent again."""
    from services.cli.letter_report import print_redriven
    from services.cli.letters import Wanted
    from services.cli.redriving import ask_again

    wanted = Wanted(reason=reason, kind=kind, blueprint=blueprint)
    _check_choice(addresses or (), wanted, everything=everything)
    redriven = asyncio.run(ask_again(log, addresses or (), wanted))
    print_redriven(redriven, as_json=as_json)
    sys.exit(1 if redriven.left else 0)


def discard(
    addresses: Annotated[list[str] | None, ADDRESSES] = None,
    *,
    log: Annotated[Path | None, LOG] = None,
    reason: Annotated[str, REASON] = "",
    kind: Annotated[str, KIND] = "",
    blueprint: Annotated[str, BLUEPRINT] = "",
    everything: Annotated[bool, ALL] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Close dead letters without doing anything about them."""
    from services.cli.letter_report import print_discarded
    from services.cli.letters import Wanted
    from services.cli.redriving import close_letters

    wanted = Wanted(reason=reason, kind=kind, blueprint=blueprint)
    _check_choice(addresses or (), wanted, everything=everything)
    discarded = asyncio.run(close_letters(log, addresses or (), wanted))
    print_discarded(discarded, as_json=as_json)
    sys.exit(1 if discarded.left else 0)


def _check_choice(addresses: "Sequence[str]", wanted: "Wanted", *, everything: bool) -> None:
    """Have the user say which letters are meant, so that all of them never are by accident."""
    _check_reason(wanted.reason)
    is_filtered = bool(wanted.reason or wanted.kind or wanted.blueprint)
    if addresses and (is_filtered or everything):
        raise typer.BadParameter("give addresses, or --reason, --kind, --blueprint, --all; not both")
    if not addresses and not is_filtered and not everything:
        raise typer.BadParameter("which letters? give addresses, --reason, --kind, --blueprint or --all")


def _check_reason(reason: str) -> None:
    from schemas.outcome import Reason

    known = [str(one) for one in Reason]
    if reason and reason not in known:
        raise typer.BadParameter(f"{reason!r} is no reason; one of {', '.join(known)}", param_hint="--reason")


def _check_kind(kind: str, letters: "Sequence[KeptLetter]") -> None:
    from shared.kinds import KINDS

    held = sorted({one.letter.kind for one in letters if one.letter is not None and one.letter.kind})
    if kind and kind not in {*KINDS, *held}:
        has = f"this log has letters of {', '.join(held)}" if held else "this log has no letters"
        raise typer.BadParameter(f"{kind!r} is no kind; {has}", param_hint="--kind")
