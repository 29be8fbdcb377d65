"""Folds waiting changes of an entity into as few writes as give the same entity."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schemas.headers import Origin
from services.writer.change import Change


@dataclass(slots=True)
class Step:
    """One write.

    Attributes:
        parts: The changes it carries out, in their order. The last one has the fate of the write, the others
            are folded into it.
        change: What is written.
    """

    parts: list[Change]
    change: Change


def fold(changes: Iterable[Change]) -> list[Step]:
    """Return the steps of one entity, to be taken one after another.

    Later keys win with merge, a change without merge replaces what came before it. Nothing is folded across a
    delete, nor where one change lets Port create relation targets and the other does not.

    Args:
        changes: All of one entity, in offset order.
    """
    steps: list[Step] = []
    for change in changes:
        last = steps[-1] if steps else None
        if (
            last is None
            or change.is_delete
            or last.change.is_delete
            or change.create_missing != last.change.create_missing
        ):
            steps.append(Step([change], change))
        else:
            last.parts.append(change)
            last.change = _laid_over(last.change, change)
    return steps


def overtaken(changes: Iterable[Change]) -> list[Change]:
    """Return the deletes of a sweep that a live upsert overrules: the object is there after all.

    Args:
        changes: All of one entity.
    """
    known = list(changes)
    if not any(change.origin is Origin.LIVE and not change.is_delete for change in known):
        return []
    return [change for change in known if change.origin is Origin.SWEEP and change.is_delete]


def unfold(step: Step) -> list[Step]:
    """Return a step of its own for every part: what one of them spoilt must not cost the others."""
    return [Step([part], part) for part in step.parts]


def _laid_over(earlier: Change, later: Change) -> Change:
    if not later.merge:
        return later
    body = {**earlier.body, **later.body}
    for part in ("properties", "relations"):
        if part in earlier.body and part in later.body:
            body[part] = {**earlier.body[part], **later.body[part]}
    return replace(later, body=body, merge=earlier.merge)
