"""Compares what the log says of an entity with what Port holds, property by property."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from services.cli.explain.port import Held, Unasked
from services.cli.explain.story import ChangeTold, Stage, Story
from services.writer.change import RUN_ORIGINS, Change
from services.writer.coercion import Note, coerce
from services.writer.comparison import differences
from services.writer.folding import fold
from services.writer.shape import Shape

_META = ("title", "icon", "team")


class Verdict(StrEnum):
    """How a value of the log and one of Port compare."""

    EQUAL = "equal"
    DIFFERS = "differs"
    BY_SEARCH = "by search"
    """A search query: only Port knows what it finds."""
    ONLY_IN_PORT = "only in Port"
    DROPPED = "dropped"
    """It does not fit the blueprint, and was not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCompared:
    """One value.

    Attributes:
        path: `title`, `properties.url`, `relations.service`.
        verdict: How they compare.
        said: What the log says; None: nothing, or that it is cleared.
        held: What Port holds; None: nothing.
        why: Of a dropped one, the reason.
    """

    path: str
    verdict: Verdict
    said: Any = None
    held: Any = None
    why: str = ""


def expected(changes: Sequence[ChangeTold]) -> Change | None:
    """Return what the changes that passed the writer come to: a delete, an upsert, or nothing.

    Dead letters were not carried out, and deletes that a run proposes are only its sweep's to carry out.
    """
    carried_out = [
        one.change
        for one in changes
        if one.stage is Stage.PASSED
        and one.change is not None
        and not (one.change.is_delete and one.change.origin in RUN_ORIGINS)
    ]
    steps = fold(carried_out)
    if not steps or steps[-1].change.is_delete:
        return steps[-1].change if steps else None
    last = len(steps)
    while last > 0 and not steps[last - 1].change.is_delete:
        last -= 1
    # Steps that differ in a flag are writes of their own: later ones are laid over earlier ones here, too.
    together = [replace(part, create_missing=True) for step in steps[last:] for part in step.parts]
    return fold(together)[-1].change


def last_delete(story: Story) -> ChangeTold | None:
    """Return the entity's newest change if it is a delete, carried out or not; a run's proposal is none."""
    for one in reversed(story.changes):
        if one.change is None or (one.change.is_delete and one.change.origin in RUN_ORIGINS):
            continue
        return one if one.change.is_delete else None
    return None


def refused(story: Story) -> list[ChangeTold]:
    """Return the open dead letters of upserts that came after the last change that passed the writer."""
    found: list[ChangeTold] = []
    for one in reversed(story.changes):
        if one.change is None or (one.change.is_delete and one.change.origin in RUN_ORIGINS):
            continue
        if one.stage is Stage.PASSED or one.change.is_delete:
            break
        if one.stage is Stage.FAILED and (one.letter is None or one.letter.is_open):
            found.append(one)
    return found[::-1]


def newest(story: Story) -> Change | None:
    """Return what the changes come to with those that were refused since the last one that passed."""
    late = refused(story)
    return expected([replace(one, stage=Stage.PASSED) if one in late else one for one in story.changes])


def compare(change: Change, held: Mapping[str, Any], shape: Shape) -> list[ValueCompared]:
    """Return every value that the log or Port has.

    Args:
        change: An upsert.
        held: The entity as Port gives it.
        shape: Of its blueprint.
    """
    coerced = coerce(change.body, shape)
    different = set(differences(coerced.body, held, shape, merge=True))
    said, there = _flat(coerced.body), _flat(held)
    notes: dict[str, Note] = {note.path: note for note in coerced.notes if note.dropped}
    rows = [
        ValueCompared(
            path=path,
            verdict=_verdict(path, value, different),
            said=value,
            held=there.get(path),
        )
        for path, value in said.items()
        if path not in notes
    ]
    rows += [
        ValueCompared(
            path=path,
            verdict=Verdict.DROPPED,
            said=_flat(change.body).get(path),
            held=there.get(path),
            why=note.reason,
        )
        for path, note in notes.items()
    ]
    rows += [
        ValueCompared(path=path, verdict=Verdict.ONLY_IN_PORT, held=value)
        for path, value in there.items()
        if path not in said and path not in notes and value not in (None, [], {})
    ]
    return rows


def compared(story: Story, held: Held | Unasked) -> list[ValueCompared]:
    """Return every value of an entity that both the log and Port know; none where one of them does not.

    Port is compared with the newest change, also with one that it has refused.
    """
    return _compared(newest(story), story, held)


def compared_to_written(story: Story, held: Held | Unasked) -> list[ValueCompared]:
    """Return the same, but Port is compared with what has passed the writer."""
    return _compared(expected(story.changes), story, held)


def _compared(said: Change | None, story: Story, held: Held | Unasked) -> list[ValueCompared]:
    if isinstance(held, Unasked) or held.shape is None or held.entity is None or last_delete(story):
        return []
    return [] if said is None or said.is_delete else compare(said, held.entity, held.shape)


def _verdict(path: str, value: object, different: Collection[str]) -> Verdict:
    if path not in different:
        return Verdict.EQUAL
    is_search = isinstance(value, dict) and not path.startswith("properties.")
    return Verdict.BY_SEARCH if is_search else Verdict.DIFFERS


def _flat(entity: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: entity[name] for name in _META if name in entity}
    for part in ("properties", "relations"):
        values = entity.get(part)
        if isinstance(values, dict):
            flat |= {f"{part}.{name}": value for name, value in values.items()}
    return flat
