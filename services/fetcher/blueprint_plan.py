"""Plans how missing blueprints are created, so that none refers to another before that one is there."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.mapping import MappingFile
from shared.jq_engine import runnable_text
from shared.jq_text import constant_text

Definition = Mapping[str, Any]

_BARE = ("identifier", "title", "description", "icon", "schema")
_RELATIONS = "relations"
_MIRRORS = "mirrorProperties"
_AGGREGATIONS = "aggregationProperties"


@dataclass(frozen=True, slots=True)
class Step:
    """One request.

    Attributes:
        blueprint: Blueprint it is about.
        is_update: It completes a blueprint that an earlier step has created.
        body: The definition, or the parts of it that are added.
    """

    blueprint: str
    is_update: bool
    body: Definition


@dataclass(frozen=True, slots=True)
class CreationPlan:
    """What is to be done.

    Attributes:
        steps: In their order.
        warnings: What of the definitions is left out, and why; a line each.
    """

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()


def constant_blueprints(config: MappingFile) -> set[str]:
    """Return the blueprints that a mapping names outright; one found by an expression is not known before."""
    texts = (runnable_text(resource.port.entity.mappings.blueprint) for resource in config.resources)
    return {name for text in texts if (name := constant_text(text)) is not None}


def written_targets(config: MappingFile, definitions: Sequence[Definition]) -> set[str]:
    """Return the blueprints that relations lead to which a mapping writes to blueprints it names outright."""
    relations = {one["identifier"]: _part(one, _RELATIONS) for one in definitions}
    targets = set()
    for resource in config.resources:
        mappings = resource.port.entity.mappings
        of_blueprint = relations.get(constant_text(runnable_text(mappings.blueprint)) or "", {})
        targets |= {of_blueprint[name]["target"] for name in mappings.relations if name in of_blueprint}
    return targets


def targets_of(definition: Definition) -> set[str]:
    """Return the other blueprints that a definition refers to."""
    parts = [*_part(definition, _RELATIONS).values(), *_part(definition, _AGGREGATIONS).values()]
    return {part["target"] for part in parts} - {definition["identifier"]}


def plan_creation(missing: Sequence[Definition], present: Collection[str]) -> CreationPlan:
    """Plan the creation of blueprints.

    One whose targets are all there is created whole, by one request, so that it is never seen by halves.
    Those that refer to each other are created bare, then get their relations, then the rest.

    Args:
        missing: Definitions of the blueprints to be created.
        present: Blueprints that Port has, as far as the definitions refer to them.
    """
    names = {definition["identifier"] for definition in missing}
    known, warnings = {*present, *names}, []
    waiting = []
    for definition in missing:
        kept, left_out = _without_unknown_targets(definition, known)
        waiting.append(kept)
        warnings += left_out
    there: set[str] = set(present)
    steps: list[Step] = []
    while waiting:
        whole = [one for one in waiting if targets_of(one) <= there]
        if not whole:
            steps += _by_stages(waiting)
            break
        steps += [Step(one["identifier"], is_update=False, body=one) for one in whole]
        there |= {one["identifier"] for one in whole}
        waiting = [one for one in waiting if one["identifier"] not in there]
    return CreationPlan(tuple(steps), tuple(warnings))


def _by_stages(definitions: Sequence[Definition]) -> Iterable[Step]:
    """Source: Port API, blueprints: a relation's target must exist, a mirror's relation too."""
    for one in definitions:
        yield Step(one["identifier"], is_update=False, body={key: one[key] for key in _BARE if key in one})
    for one in definitions:
        if relations := one.get(_RELATIONS):
            yield Step(one["identifier"], is_update=True, body={_RELATIONS: relations})
    for one in definitions:
        rest = {key: value for key, value in one.items() if key not in {*_BARE, _RELATIONS} and value}
        if rest:
            yield Step(one["identifier"], is_update=True, body=rest)


def _without_unknown_targets(definition: Definition, known: Collection[str]) -> tuple[Definition, list[str]]:
    """Return a definition that refers only to known blueprints, and what that cost."""
    name, parts, warnings = definition["identifier"], dict(definition), []
    for part in (_RELATIONS, _AGGREGATIONS):
        lost = {key: one["target"] for key, one in _part(definition, part).items()}
        lost = {key: target for key, target in lost.items() if target not in {*known, name}}
        if lost:
            parts[part] = {key: one for key, one in definition[part].items() if key not in lost}
        if lost and part == _RELATIONS:
            parts[_MIRRORS] = {
                key: one
                for key, one in _part(definition, _MIRRORS).items()
                if one["path"].partition(".")[0] not in lost
            }
        warnings += [
            f"blueprint {name}: {key} is left out, for Port has no blueprint {target}; create that one and "
            "add it in Port if you want it"
            for key, target in lost.items()
        ]
    return parts, warnings


def _part(definition: Definition, name: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = definition.get(name) or {}
    return part
