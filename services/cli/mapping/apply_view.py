"""Shows what a mapping makes of objects: per entity each value, its expression, or why it stays as it is."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from services.cli.layout import Cell, Column, Sheet, print_sheet
from services.cli.mapping.tried import EntryVerdict, Trial, TrialEntity
from services.mapper.evaluate import Omission
from shared.jq_folding import as_written

Json = Any
Texts = Callable[[Trial, int], Mapping[str, str]]
"""Gives the expressions of an entry by path."""

_STYLES = {"made": "green", "failed": "red", "not selected": "dim", "left": "yellow"}


def print_trials(console: Console, trials: Sequence[Trial], texts: Texts, root: str) -> None:
    """Print what became of each object.

    Args:
        console: Where to.
        trials: The results.
        texts: Gives the expressions.
        root: What the entries are items of: `resources` or `webhookMappings`.
    """
    for number, trial in enumerate(trials):
        if number:
            console.print()
        _line(console, Text(_title(trial), style="bold"))
        for verdict in trial.entries:
            _line(console, _verdict_line(verdict, root))
        for failure in trial.failures:
            _line(console, Text(f"  {failure.reason}: {failure.detail}", style="red"))
        for entity in trial.entities:
            sheet = _sheet(trial, entity, texts, root)
            if sheet.rows:
                print_sheet(console, sheet)
            else:
                _line(console, Text(sheet.title))
    made = sum(len(trial.entities) for trial in trials)
    failed = sum(bool(trial.failures) for trial in trials)
    says = f"{_number(len(trials), 'object')}, {_number(made, 'change')}"
    _line(console, Text(f"{says}, {failed} failed" if failed else says))


def trial_document(trial: Trial) -> dict[str, Json]:
    """Return the result of one object for machines."""
    return {
        "kind": trial.object.kind,
        "object_id": trial.object_id,
        "source": trial.topic,
        "entries": [
            {"entry": one.index, "state": one.state, "says": one.says, "made": list(one.made)}
            for one in trial.entries
        ],
        "entities": [_entity_document(entity) for entity in trial.entities],
        "failures": [
            {"reason": str(one.reason), "entry": one.entry, "detail": one.detail} for one in trial.failures
        ],
    }


def shown(value: Json) -> str:
    """Return a value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False)


def omission_text(omission: Omission) -> str:
    """Say why a value stays as it is."""
    return f"{omission.cause}: {omission.detail}" if omission.detail else omission.cause


def _entity_document(entity: TrialEntity) -> dict[str, Json]:
    return {
        "operation": entity.operation,
        "blueprint": entity.blueprint,
        "identifier": entity.identifier,
        "values": dict(entity.values),
        "given_by": dict(entity.given_by),
        "omitted": {path: omission_text(one) for path, one in entity.omits.items()},
        "reason": entity.reason,
        "merge": entity.merge,
        "delete_dependents": entity.delete_dependents,
    }


def _title(trial: Trial) -> str:
    gone = ", gone" if trial.object.deleted else ""
    missing = f", without {', '.join(trial.object.omitted)}" if trial.object.omitted else ""
    return f"{trial.object.kind} {trial.object_id or '(without id)'}{gone}{missing}"


def _verdict_line(verdict: EntryVerdict, root: str) -> Text:
    says = ", ".join(verdict.made) if verdict.made else verdict.says
    state = "left alone" if verdict.state == "left" else verdict.state
    return Text.assemble(
        f"  {root}[{verdict.index}] ", (state, _STYLES[verdict.state]), f": {says}" if says else ""
    )


def _sheet(trial: Trial, entity: TrialEntity, texts: Texts, root: str) -> Sheet:
    return Sheet(
        columns=(
            Column(title="path"),
            Column(title="value", fold_from=24),
            Column(title="by", goes=1),
            Column(title="expression", fold_from=24),
        ),
        rows=list(_rows(trial, entity, texts, root)),
        title=f"{entity.key}{_operation(entity)}",
        boxed=True,
    )


def _operation(entity: TrialEntity) -> str:
    if entity.operation == "upsert":
        return "" if entity.merge else " (replaces the whole entity)"
    why = {
        "selector": "proposed: no entry selects the object any more",
        "object_deleted": "the object is gone",
        "webhook": "with what depends on it" if entity.delete_dependents else "",
    }.get(entity.reason, entity.reason)
    return f" delete ({why})" if why else " delete"


def _rows(trial: Trial, entity: TrialEntity, texts: Texts, root: str) -> Iterator[list[Cell]]:
    of_entries = {one.index: texts(trial, one.index) for one in trial.entries}
    makers = [one.index for one in trial.entries if entity.key in one.made]
    if makers:
        yield ["identifier", shown(entity.identifier), "", of_entries[makers[0]].get("identifier", "")]
    for path, value in entity.values.items():
        by = entity.given_by.get(path, -1)
        cell = Text("null (clears it)", style="yellow") if value is None else Text(shown(value))
        yield [path, cell, f"{root}[{by}]" if by >= 0 else "", _flat(of_entries.get(by, {}).get(path, ""))]
    for path, omission in entity.omits.items():
        text = of_entries.get(omission.entry, {}).get(path, omission.text)
        says = Text(f"omitted: {omission_text(omission)}", style="yellow")
        yield [path, says, f"{root}[{omission.entry}]" if omission.entry >= 0 else "", _flat(text)]


def _flat(text: str) -> str:
    return " ".join(as_written(text).split())


def _line(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=console.soft_wrap)


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
