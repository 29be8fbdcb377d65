"""Gathers what a dry run would have done into its plan, each entity once however many changes it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from hashlib import blake2b
from typing import Any

import orjson

from schemas.run_plan import BlueprintPlan, PlannedUpdate, PlannedValue, RunPlan
from services.writer.change import Change

EXAMPLES = 5
"""Entities named per blueprint, of those created and of those updated."""
VALUE_LIMIT_CHARS = 60
_HASH_BYTES = 8


class _Fate(IntFlag):
    """What would become of an entity; the bits above these are the paths that would change."""

    LEFT = 0
    UNSEEN = 1
    CREATED = 2
    UPDATED = 4
    DELETED = 8


_PATH_BITS = 8


@dataclass(slots=True)
class _Gathered:
    """What is known of one blueprint.

    Attributes:
        fates: Hash of each entity's identifier to its fate and paths: some 100 bytes per entity, so that a
            plan of a large account fits in memory.
        paths: Path to its bit.
    """

    fates: dict[bytes, int] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    created_examples: list[str] = field(default_factory=list)
    updated_examples: list[PlannedUpdate] = field(default_factory=list)

    def note(self, change: Change, fate: _Fate, paths: Sequence[str] = ()) -> bool:
        """Take note of a change; return whether this fate of the entity is new."""
        key = blake2b(_name(change), digest_size=_HASH_BYTES).digest()
        known = self.fates.get(key, 0)
        bits = sum(1 << self.paths.setdefault(path, _PATH_BITS + len(self.paths)) for path in paths)
        self.fates[key] = known | fate | bits
        return not known & fate


class PlanRecorder:
    """Implements `services.writer.recorder.Recorder`."""

    def __init__(self) -> None:
        self._blueprints: dict[str, _Gathered] = {}

    def create(self, change: Change) -> None:
        """An entity that Port does not hold would be written."""
        gathered = self._of(change)
        if gathered.note(change, _Fate.CREATED) and len(gathered.created_examples) < EXAMPLES:
            gathered.created_examples.append(change.shown_identifier)

    def update(self, change: Change, held: Mapping[str, Any], paths: Sequence[str]) -> None:
        """An entity would be written in these paths."""
        gathered = self._of(change)
        if gathered.note(change, _Fate.UPDATED, paths) and len(gathered.updated_examples) < EXAMPLES:
            gathered.updated_examples.append(
                PlannedUpdate(
                    identifier=change.shown_identifier,
                    kind=change.kind,
                    object_id=change.object_id,
                    values=tuple(
                        PlannedValue(path=path, old=_shown(held, path), new=_shown(change.body, path))
                        for path in paths
                    ),
                )
            )

    def send_unseen(self, change: Change) -> None:
        """An entity would be written, and what Port holds of it could not be looked up."""
        self._of(change).note(change, _Fate.UNSEEN)

    def leave(self, change: Change) -> None:
        """Port already holds what the change says."""
        self._of(change).note(change, _Fate.LEFT)

    def delete(self, change: Change) -> None:
        """An entity would be deleted, if it is ours."""
        self._of(change).note(change, _Fate.DELETED)

    def plan(self, created_blueprints: Sequence[str]) -> RunPlan:
        """Return what was gathered so far.

        Args:
            created_blueprints: Blueprints that would be created.
        """
        return RunPlan(
            created_blueprints=list(created_blueprints),
            blueprints={name: _plan_of(gathered) for name, gathered in sorted(self._blueprints.items())},
        )

    def _of(self, change: Change) -> _Gathered:
        return self._blueprints.setdefault(change.blueprint, _Gathered())


def _plan_of(gathered: _Gathered) -> BlueprintPlan:
    plan = BlueprintPlan(
        created_examples=gathered.created_examples, updated_examples=gathered.updated_examples
    )
    changed = dict.fromkeys(gathered.paths, 0)
    for fate in gathered.fates.values():
        if fate & _Fate.DELETED:
            plan.deleted += 1
        elif fate & _Fate.CREATED:
            plan.created += 1
        elif fate & _Fate.UPDATED:
            plan.updated += 1
            for path, bit in gathered.paths.items():
                changed[path] += fate >> bit & 1
        elif fate & _Fate.UNSEEN:
            plan.unknown += 1
        else:
            plan.unchanged += 1
    plan.properties = {path: number for path, number in sorted(changed.items()) if number}
    return plan


def _name(change: Change) -> bytes:
    return orjson.dumps(change.identifier, option=orjson.OPT_SORT_KEYS)


def _shown(entity: Mapping[str, Any], path: str) -> str:
    part, _, name = path.partition(".")
    value = entity.get(part)
    if name:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return ""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        return "… (nested too deeply)"
    return text if len(text) <= VALUE_LIMIT_CHARS else text[: VALUE_LIMIT_CHARS - 1] + "…"
