"""Prints dead letters, and what became of those that were redriven or discarded."""

import json
from collections.abc import Sequence
from typing import Final

from schemas.dead_letter import LetterFailure
from schemas.outcome import Reason
from services.cli.layout import Column, Sheet, output_console, print_sheet
from services.cli.letters import header_texts
from services.cli.next_steps import NEXT_STEPS, Remedy, next_steps
from services.cli.redriving import Discarded, Redriven
from shared.counted import number_of
from shared.kept_letters import KeptLetter, why_not_refreshed
from shared.log.interface import Record
from shared.visible import visible

DETAIL_LIMIT_CHARS: Final = 160
"""What a row of the list has of a letter's detail."""


def document(one: KeptLetter) -> dict[str, object]:
    """Return what `--json` says of a letter."""
    letter = one.letter
    return {
        "address": one.address,
        "original": one.original_address,
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


def print_letters(letters: Sequence[KeptLetter], *, total: int, remedy: Remedy) -> None:
    """Print letters as a table, with the next step for each reason of those that are open.

    Args:
        letters: What is shown.
        total: How many there are.
        remedy: How they are tried again.
    """
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
        reasons = "\n".join(str(failure.reason) for failure in _failures(one)) or "no readable letter"
        details = "\n".join(_shortened(failure.detail) for failure in _failures(one)) or one.broken
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
        rows.append(["\n".join(visible(line) for line in cell.split("\n")) for cell in cells])
    console = output_console()
    if rows:
        print_sheet(console, Sheet(columns=columns, rows=rows))
    open_reasons = {failure.reason for one in letters if one.is_open for failure in _failures(one)}
    for line in next_steps(sorted(open_reasons), remedy):
        console.print(line, highlight=False, markup=False)
    more = f", {total - len(letters)} more with a higher --limit" if total > len(letters) else ""
    console.print(
        f"{number_of(len(letters), 'dead letter')}{_of_runs(letters)}{more}", highlight=False, markup=False
    )


def print_letter(one: KeptLetter, record: Record, remedy: Remedy, *, as_json: bool) -> None:
    """Print one letter with the next step, its headers and the original body.

    Args:
        one: The letter.
        record: Its record, with the value.
        remedy: How it is tried again.
        as_json: As one JSON document.
    """
    headers, body = header_texts(record), _body(record.value)
    if as_json:
        print(json.dumps({**document(one), "headers": headers, "body": body}, indent=2))
        return
    lines = [f"{name}: {value}" for name, value in document(one).items() if name != "failures" and value]
    lines += [f"failure: {failure.reason}{_place(failure)}: {failure.detail}" for failure in _failures(one)]
    lines += _next(one, remedy)
    lines += ["", "headers:", *(f"  {name}: {value}" for name, value in headers.items())]
    lines += ["", "body:", body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)]
    _print_lines("\n".join(lines).split("\n"))


def _next(one: KeptLetter, remedy: Remedy) -> list[str]:
    """Return what mends an open letter, and how its object is tried again."""
    if not one.is_open:
        return []
    steps = [NEXT_STEPS[reason] for reason in dict.fromkeys(failure.reason for failure in _failures(one))]
    if Reason.DELETE_HELD not in one.reasons:
        steps.append(why_not_refreshed(one) or f"then {remedy.again(one.address)}")
    return [f"next: {'; '.join(steps)}"]


def print_redriven(redriven: Redriven, *, as_json: bool) -> None:
    """Print what was asked for, and what cannot be."""
    if as_json:
        asked = [one.model_dump(mode="json", include=_ASKED) for one in redriven.requests]
        print(json.dumps({"requests": asked, "left": _left_documents(redriven.left)}, indent=2))
        return
    objects = len({(one.kind, one.object_id) for one in redriven.requests})
    letters = sum(len(one.letters) for one in redriven.requests)
    said = (
        f"asked again for {number_of(objects, 'object')} of {number_of(letters, 'letter')}; each may fail "
        "again, a letter is closed once its object is published"
    )
    line = f"{said}; `pagerport status` shows what is left"
    _print_lines(
        [
            line if objects else "there is no open letter whose object can be asked for",
            *_left_lines(redriven.left),
        ]
    )


def print_discarded(discarded: Discarded, *, as_json: bool) -> None:
    """Print what was closed, and what cannot be."""
    if as_json:
        left = _left_documents(discarded.left)
        print(json.dumps({"discarded": discarded.addresses, "left": left}, indent=2))
        return
    number = len(discarded.addresses)
    said = f"discarded {number_of(number, 'letter')}" if number else "there is no open letter to discard"
    _print_lines([said, *_left_lines(discarded.left)])


_ASKED = {"kind", "object_id", "letters"}


def _left_documents(left: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"address": address, "why": why} for address, why in left]


def _left_lines(left: Sequence[tuple[str, str]]) -> list[str]:
    return [f"left: {address}: {why}" for address, why in left]


def _shortened(text: str) -> str:
    """Return the beginning of a text, cut between two words; `dlq show` has all of it."""
    if len(text) <= DETAIL_LIMIT_CHARS:
        return text
    begin = text[:DETAIL_LIMIT_CHARS]
    words, space, _ = begin.rpartition(" ")
    return f"{words if space else begin} …"


def _failures(one: KeptLetter) -> tuple[LetterFailure, ...]:
    return () if one.letter is None else one.letter.failures


def _of_runs(letters: Sequence[KeptLetter]) -> str:
    """Return of which runs the letters are, as far as they say; those of live changes are of none."""
    of_runs = [one.letter.run_id for one in letters if one.letter is not None and one.letter.run_id]
    runs = sorted(set(of_runs))
    if not runs:
        return ""
    which = (
        f"of run {visible(runs[0])}"
        if len(runs) == 1
        else f"of {len(runs)} runs, the newest {visible(runs[-1])}"
    )
    return f" {which}" if len(of_runs) == len(letters) else f", {len(of_runs)} {which}"


def _place(failure: LetterFailure) -> str:
    parts = [f"resources[{failure.entry}]"] if failure.entry is not None else []
    if failure.blueprint or failure.identifier:
        parts.append(f"{failure.blueprint}/{failure.identifier}")
    return f" ({', '.join(parts)})" if parts else ""


def _body(value: bytes | None) -> object:
    """Return the body as JSON where it is JSON, else as text."""
    if value is None:
        return None
    try:
        found = json.loads(value)
        # What can be read cannot always be written: the encoder goes less deep than the decoder.
        json.dumps([[found]], indent=2)
    except (ValueError, RecursionError):
        return value.decode("utf-8", "backslashreplace")
    return found


def _print_lines(lines: Sequence[str]) -> None:
    print("\n".join(visible(line) for line in lines))
