"""Prints the story of an entity for people."""

import json
from collections.abc import Sequence
from typing import Final

from schemas.headers import RecordHeaders
from schemas.outcome import Reason
from services.cli.explain.comparison import (
    ValueCompared,
    Verdict,
    compared,
    compared_to_written,
    expected,
    last_delete,
    refused,
)
from services.cli.explain.port import Held, Unasked
from services.cli.explain.story import (
    ChangeTold,
    ObjectTold,
    Stage,
    Story,
    near_blueprint,
    place_of,
    time_of,
)
from services.cli.layout import Column, Sheet, output_console, print_sheet
from services.cli.next_steps import Remedy
from services.writer.change import RUN_ORIGINS
from shared.kept_letters import KeptLetter, why_not_refreshed
from shared.visible import visible

VALUE_LIMIT_CHARS: Final = 60
_PASSED: Final = {
    Stage.PASSED: "passed the writer",
    Stage.WAITS: "waits for the writer",
    Stage.FAILED: "is a dead letter",
}
_NOT_GONE: Final = {
    Stage.PASSED: "it is not ours, was updated later, or others depend on it; the writer's log says which",
    Stage.WAITS: "the delete waits for the writer",
    Stage.FAILED: "the delete is a dead letter",
}
_MAPPED: Final = {
    Stage.PASSED: "passed the mapper",
    Stage.WAITS: "waits for the mapper",
    Stage.FAILED: "is a dead letter",
}


def print_log(story: Story) -> None:
    """Print what the log knows."""
    console = output_console()
    for line in _lines(story):
        console.print(visible(line), highlight=False, markup=False)


def print_port(story: Story, held: Held | Unasked) -> None:
    """Print what Port holds, beside what the log says."""
    console = output_console()
    rows = compared(story, held)
    console.print(_port_line(story, held, rows), highlight=False, markup=False)
    if rows:
        columns = (
            Column(title="value"),
            Column(title="is"),
            Column(title="the log says", fold_from=24),
            Column(title="Port holds", fold_from=24),
        )
        cells = [(visible(one.path), _verdict(one), _said(one), _shown(one.held)) for one in rows]
        print_sheet(console, Sheet(columns=columns, rows=cells))


def _lines(story: Story) -> list[str]:
    lines = [f"entity {story.blueprint}/{story.identifier}", ""]
    if not story.objects and not story.changes:
        lines.append("the log knows nothing of it: no change within 7 days, and no object of this id")
        if near := near_blueprint(story):
            lines.append(f"  no entry of the mapping makes {story.blueprint}; did you mean {near}?")
        if story.mapping is None:
            lines.append("  no mapping is in force in this log: is it the log of this installation?")
    for told in story.objects:
        lines += _object_lines(story, told)
    if story.changes:
        shown = len(story.changes)
        newest = f", the newest {shown}" if story.number > shown else ""
        lines.append(
            f"changes: {story.number}{newest}; the writer has handled what is before offset {story.committed}"
        )
        lines += [f"  {line}" for told in story.changes for line in _change_lines(told, story.remedy)]
    elif story.objects:
        lines.append("changes: none; the mapper makes no such entity of it, or did so over 7 days ago")
        lines += [
            f"  `pagerport mapping apply MAPPING --kind {told.kind} --id {told.object_id}` shows what each "
            "entry makes of it"
            for told in story.objects
        ]
    return [*lines, ""]


def _object_lines(story: Story, told: ObjectTold) -> list[str]:
    entries = ", ".join(f"resources[{place}]" for place in told.entries)
    lines = [f"object {told.kind} {told.object_id}"]
    if told.record is None:
        lines.append("  the log holds no raw record of it")
    else:
        lines.append(f"  {place_of(told.record)} {_origin(told.headers)}: {_MAPPED[told.stage]}")
    if story.mapping is not None:
        version = f"mapping version {story.mapping.version}"
        lines.append(f"  entries of {version} that can make it: {entries or 'none'}")
    lines += [f"  {line}" for one in told.letters for line in _letter_lines(one, story.remedy)]
    return [*lines, ""]


def _origin(headers: RecordHeaders | None) -> str:
    if headers is None:
        return "(headers unreadable)"
    run = f" of run {headers.runid}" if headers.runid else ""
    read = f", read {headers.observedat:%Y-%m-%d %H:%M:%S}Z" if headers.observedat else ""
    omitted = f", without {', '.join(headers.omitted)}" if headers.omitted else ""
    return f"{headers.operation} ({headers.origin}{run}{read}{omitted})"


def _change_lines(told: ChangeTold, remedy: Remedy) -> list[str]:
    change, source = told.change, told.source
    if change is None:
        return [f"{place_of(told.record)} unreadable: {_PASSED[told.stage]}", *_of_letter(told, remedy)]
    what = "delete" if change.is_delete else "upsert"
    run = f" of run {change.run_id}" if change.run_id else ""
    made = f" of {source.kind} {source.object_id}" if source else ""
    at = f" at {source.topic}/{source.partition}/{source.offset}" if source and source.topic else ""
    version = f", mapping version {source.mapping_version}" if source and source.mapping_version else ""
    passed = _PASSED[told.stage]
    if change.is_delete and change.origin in RUN_ORIGINS and told.stage is Stage.PASSED:
        passed = "proposed; only the run's sweep may carry it out"
    begin = f"{place_of(told.record)} {time_of(told.record)} {what} ({change.origin}{run})"
    return [f"{begin}{made}{at}{version}: {passed}", *_of_letter(told, remedy)]


def _of_letter(told: ChangeTold, remedy: Remedy) -> list[str]:
    return [f"  {line}" for line in _letter_lines(told.letter, remedy)] if told.letter else []


def _letter_lines(one: KeptLetter, remedy: Remedy) -> list[str]:
    state = f"closed, {one.resolution}" if one.resolution else "open"
    failures = one.letter.failures if one.letter else ()
    lines = [f"letter {one.address} ({state}): {failure.reason}: {failure.detail}" for failure in failures]
    if one.is_open:
        is_held = Reason.DELETE_HELD in one.reasons
        again = remedy.command(Reason.DELETE_HELD) if is_held else remedy.again(one.address)
        lines.append(f"  next: {why_not_refreshed(one) or again}")
    return lines


def _port_line(story: Story, held: Held | Unasked, rows: Sequence[ValueCompared]) -> str:
    if isinstance(held, Unasked):
        return f"Port was not asked: {held.why}"
    if held.shape is None:
        return f"Port has no blueprint {visible(story.blueprint)}"
    said = expected(story.changes)
    late = refused(story)
    behind = f"behind: a newer change is a dead letter ({_letters_of(late)})"
    if held.entity is None:
        if late:
            return f"Port holds no such entity; {behind}"
        gone = "as the log says" if said is None or said.is_delete else "though the log says it was written"
        return f"Port holds no such entity, {gone}"
    by = held.entity.get("updatedAt")
    since = f", updated {visible(by)}" if isinstance(by, str) else ""
    doomed = last_delete(story)
    if doomed is not None:
        return f"the log says deleted, Port still has it{since}: {_NOT_GONE[doomed.stage]}"
    if late:
        differ = f"{_number_differing(rows)} from that change"
        written = compared_to_written(story, held)
        return f"Port holds it{since}; {behind}: {differ}" + (
            f", {_number_differing(written)} from what was written before" if written else ""
        )
    if said is None:
        return f"Port holds it{since}; the log has no change of it that passed the writer"
    if said.is_delete:
        return f"Port holds it{since}; the last change of it that passed the writer is a delete"
    return f"Port holds it{since}; {_number_differing(rows)}"


def _number_differing(rows: Sequence[ValueCompared]) -> str:
    different = sum(one.verdict is Verdict.DIFFERS for one in rows)
    return {0: "no value differs", 1: "one value differs"}.get(different, f"{different} values differ")


def _letters_of(late: Sequence[ChangeTold]) -> str:
    return ", ".join(one.letter.address if one.letter else place_of(one.record) for one in late)


def _verdict(one: ValueCompared) -> str:
    return f"{one.verdict}: {one.why}" if one.why else str(one.verdict)


def _said(one: ValueCompared) -> str:
    """Return what the log says; null clears a value, of one that is only in Port it says nothing."""
    clears = one.said is None and one.verdict is not Verdict.ONLY_IN_PORT
    return "null" if clears else _shown(one.said)


def _shown(value: object) -> str:
    if value is None:
        return ""
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= VALUE_LIMIT_CHARS else text[: VALUE_LIMIT_CHARS - 1] + "…"
