"""Shows the dead letters of a kept log file: `pagerport dlq list`, `pagerport dlq show`."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.dead_letter import LetterFailure
    from services.cli.letters import KeptLetter

LOG = typer.Option("--log", help="Log file that a sync kept. Default: OCEAN__LOG__FILE.", show_default=False)
AS_JSON = typer.Option("--json", help="One JSON document on stdout.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    dlq = typer.Typer(help="Dead letters: what did not arrive, and why.", no_args_is_help=True)
    dlq.command("list")(list_letters)
    dlq.command("show")(show_letter)
    app.add_typer(dlq, name="dlq")


def list_letters(
    *,
    log: Annotated[Path | None, LOG] = None,
    reason: Annotated[str, typer.Option(help="Only letters with this reason.", show_default=False)] = "",
    kind: Annotated[str, typer.Option(help="Only letters of this kind.", show_default=False)] = "",
    run: Annotated[str, typer.Option(help="Only letters of the run with this id.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the oldest.")] = 50,
    closed_too: Annotated[bool, typer.Option("--all", help="Show closed letters too.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """List dead letters, oldest first; closed ones are hidden."""
    from services.cli.letters import read_letters

    _check_reason(reason)
    letters = asyncio.run(read_letters(_log_file(log)))
    _check_kind(kind, letters)
    found = [
        one
        for one in letters
        if (closed_too or one.resolution is None)
        and (not kind or (one.letter is not None and one.letter.kind == kind))
        and (not run or (one.letter is not None and one.letter.run_id == run))
        and (not reason or reason in _reasons(one))
    ]
    if as_json:
        print(json.dumps([_document(one) for one in found[:limit]], indent=2))
    else:
        _print_letters(found[:limit], total=len(found))


def show_letter(
    address: Annotated[str, typer.Argument(help="`<topic>/<partition>/<offset>`, as `dlq list` shows it.")],
    *,
    log: Annotated[Path | None, LOG] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Show one dead letter: why it failed, its headers, and the original body."""
    from services.cli.letters import find_letter, header_texts, read_letters

    one = find_letter(asyncio.run(read_letters(_log_file(log))), address)
    headers, body = header_texts(one.record), _body(one.record.value)
    if as_json:
        print(json.dumps({**_document(one), "headers": headers, "body": body}, indent=2))
        return
    lines = [f"{name}: {value}" for name, value in _document(one).items() if name != "failures" and value]
    lines += [f"failure: {failure.reason}{_place(failure)}: {failure.detail}" for failure in _failures(one)]
    lines += ["", "headers:", *(f"  {name}: {value}" for name, value in headers.items())]
    lines += ["", "body:", body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)]
    print("\n".join(_visible(line) for line in "\n".join(lines).split("\n")))


def _log_file(log: Path | None) -> Path:
    from services.cli.start import start
    from shared.errors import ConfigurationError

    file = log or start().log.file
    if file is None:
        raise ConfigurationError("which log file? give --log FILE (a sync with failures names it)")
    return file


def _check_reason(reason: str) -> None:
    from schemas.outcome import Reason

    known = [str(one) for one in Reason]
    if reason and reason not in known:
        raise typer.BadParameter(f"{reason!r} is no reason; one of {', '.join(known)}", param_hint="--reason")


def _check_kind(kind: str, letters: list["KeptLetter"]) -> None:
    from shared.kinds import KINDS

    held = sorted({one.letter.kind for one in letters if one.letter is not None and one.letter.kind})
    if kind and kind not in {*KINDS, *held}:
        has = f"this log has letters of {', '.join(held)}" if held else "this log has no letters"
        raise typer.BadParameter(f"{kind!r} is no kind; {has}", param_hint="--kind")


def _failures(one: "KeptLetter") -> tuple["LetterFailure", ...]:
    return () if one.letter is None else one.letter.failures


def _reasons(one: "KeptLetter") -> list[str]:
    return [str(failure.reason) for failure in _failures(one)]


def _document(one: "KeptLetter") -> dict[str, object]:
    from services.cli.letters import original_address

    letter = one.letter
    return {
        "address": one.address,
        "original": original_address(letter),
        "failed_at": letter.failed_at.isoformat() if letter else "",
        "stage": letter.stage if letter else "",
        "kind": letter.kind if letter else "",
        "object_id": letter.object_id if letter else "",
        "run_id": letter.run_id if letter else "",
        "resolution": one.resolution and str(one.resolution),
        "failure_count": one.failures,
        "failures": [failure.model_dump(mode="json") for failure in _failures(one)],
        "broken": one.broken,
    }


def _print_letters(letters: list["KeptLetter"], *, total: int) -> None:
    from services.cli.layout import Column, Sheet, output_console, print_sheet

    columns = (
        Column(title="address"),
        Column(title="kind"),
        Column(title="object"),
        Column(title="reason"),
        Column(title="run", goes=1),
        Column(title="what happened", fold_from=40),
    )
    rows = []
    for one in letters:
        reasons = "\n".join(_reasons(one)) or "no readable letter"
        details = "\n".join(failure.detail for failure in _failures(one)) or one.broken
        if one.resolution:
            reasons += f"\n({one.resolution})"
        letter = one.letter
        cells = (
            one.address,
            letter.kind if letter else "",
            letter.object_id if letter else "",
            reasons,
            letter.run_id if letter else "",
            details,
        )
        rows.append(["\n".join(_visible(line) for line in cell.split("\n")) for cell in cells])
    console = output_console()
    if rows:
        print_sheet(console, Sheet(columns=columns, rows=rows))
    more = f", {total - len(letters)} more with a higher --limit" if total > len(letters) else ""
    number = f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}"
    console.print(f"{number}{_of_runs(letters)}{more}", highlight=False, markup=False)


def _of_runs(letters: list["KeptLetter"]) -> str:
    """Return of which runs the letters are, as far as they say."""
    runs = sorted({one.letter.run_id for one in letters if one.letter is not None and one.letter.run_id})
    if len(runs) > 1:
        return f" of {len(runs)} runs, the newest {_visible(runs[-1])}"
    return f" of run {_visible(runs[0])}" if runs else ""


def _place(failure: "LetterFailure") -> str:
    parts = [f"resources[{failure.entry}]"] if failure.entry is not None else []
    if failure.blueprint or failure.identifier:
        parts.append(f"{failure.blueprint}/{failure.identifier}")
    return f" ({', '.join(parts)})" if parts else ""


def _body(value: bytes | None) -> object:
    """Return the body as JSON where it is JSON, else as text."""
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value.decode("utf-8", "backslashreplace")


def _visible(text: str) -> str:
    """Return the text without what would steer a terminal."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
