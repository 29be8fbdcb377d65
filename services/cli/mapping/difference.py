"""Adds up what two mappings make differently of the same objects."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.cli.mapping.apply_view import shown
from services.cli.mapping.tried import Trial, TrialEntity

Json = Any
NOT_MAPPED: Final = "(not mapped)"
OMITTED: Final = "(omitted)"


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value that the two mappings give differently, as people read it."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class EntityDifference:
    """What becomes of one entity: it `changes`, `appears` or `vanishes`, and the values of the first two."""

    key: str
    what: str
    of: str
    values: tuple[ValueChange, ...] = ()


@dataclass(slots=True)
class BlueprintDifference:
    """What becomes of the entities of one blueprint."""

    same: int = 0
    changes: int = 0
    appears: int = 0
    vanishes: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    examples: list[EntityDifference] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether any entity does."""
        return bool(self.changes or self.appears or self.vanishes)


class Differences:
    """Gathers them object by object.

    Args:
        examples: Most entities that are shown, per blueprint and per thing that becomes of them.
    """

    def __init__(self, examples: int) -> None:
        self._limit = examples
        self._blueprints: dict[str, BlueprintDifference] = {}
        self._shown: Counter[tuple[str, str]] = Counter()
        self._kept: tuple[set[int], set[int]] = (set(), set())
        """Hashes of the keys that each mapping makes: an entity may be made of several objects."""
        self._alone: tuple[dict[str, str], dict[str, str]] = ({}, {})
        """Keys that only one of them makes of an object, and the object."""
        self._new_entities: dict[str, dict[str, TrialEntity]] = {}
        """By blueprint and key, as many as may be shown."""
        self.objects = 0
        self.failures: list[str] = []
        self.mended: list[str] = []

    def add(self, object_name: str, old: Sequence[Trial], new: Sequence[Trial]) -> None:
        """Compare what the two make of one object.

        Args:
            object_name: Kind and id, for people.
            old: Of the old mapping, one result per source of the object.
            new: Of the new one.
        """
        self.objects += 1
        before, after = _made(old), _made(new)
        self._note_failures(object_name, old, new)
        broken = any(trial.failures for trial in new)
        for key in before:
            self._kept[0].add(hash(key))
        for key, entity in after.items():
            self._kept[1].add(hash(key))
            if key in before:
                self._compare(object_name, before[key], entity)
            else:
                self._alone[1].setdefault(key, object_name)
                of_blueprint = self._new_entities.setdefault(entity.blueprint, {})
                if len(of_blueprint) < self._limit:
                    of_blueprint.setdefault(key, entity)
        for key, entity in before.items():
            if key in after:
                continue
            if broken:
                # What an object made before it failed stays in Port as it is.
                self._of(entity.blueprint).same += 1
            else:
                self._alone[0].setdefault(key, object_name)

    def result(self) -> dict[str, BlueprintDifference]:
        """Return what becomes of the entities, by blueprint; call it once, at the end."""
        for key, of in self._alone[0].items():
            if hash(key) not in self._kept[1]:
                self._note(key, "vanishes", of)
        for key, of in self._alone[1].items():
            if hash(key) not in self._kept[0]:
                of_blueprint = self._new_entities.get(key.partition("/")[0], {})
                values = _values_of(of_blueprint[key]) if key in of_blueprint else ()
                self._note(key, "appears", of, values)
        return dict(sorted(self._blueprints.items()))

    def _compare(self, object_name: str, old: TrialEntity, new: TrialEntity) -> None:
        paths = dict.fromkeys([*old.values, *old.omits, *new.values, *new.omits])
        changed = tuple(
            ValueChange(path, _shown(old, path), _shown(new, path))
            for path in paths
            if _shown(old, path) != _shown(new, path)
        )
        if not changed:
            self._of(new.blueprint).same += 1
            return
        self._note(new.key, "changes", object_name, changed)

    def _note(self, key: str, what: str, of: str, values: tuple[ValueChange, ...] = ()) -> None:
        blueprint = key.partition("/")[0]
        found = self._of(blueprint)
        setattr(found, what, getattr(found, what) + 1)
        if what == "changes":
            found.paths.update(value.path for value in values)
        if self._shown[blueprint, what] < self._limit:
            self._shown[blueprint, what] += 1
            found.examples.append(EntityDifference(key, what, of, values))

    def _note_failures(self, object_name: str, old: Sequence[Trial], new: Sequence[Trial]) -> None:
        was, now = (_failures(trials) for trials in (old, new))
        if now and not was:
            self.failures.append(f"{object_name}: {now}")
        if was and not now:
            self.mended.append(object_name)

    def _of(self, blueprint: str) -> BlueprintDifference:
        return self._blueprints.setdefault(blueprint, BlueprintDifference())


def _made(trials: Sequence[Trial]) -> dict[str, TrialEntity]:
    return {
        entity.key: entity for trial in trials for entity in trial.entities if entity.operation == "upsert"
    }


def _failures(trials: Sequence[Trial]) -> str:
    return "; ".join(failure.detail for trial in trials for failure in trial.failures)


def _shown(entity: TrialEntity, path: str) -> str:
    if path in entity.values:
        return shown(entity.values[path])
    return OMITTED if path in entity.omits else NOT_MAPPED


def _values_of(entity: TrialEntity) -> tuple[ValueChange, ...]:
    return tuple(ValueChange(path, "", shown(value)) for path, value in entity.values.items())
