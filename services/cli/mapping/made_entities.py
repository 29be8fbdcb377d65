"""Reads the changes that the mapper made of an object as entities, and tells which entry gave which value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from services.cli.mapping.tried import TrialEntity
from services.mapper.evaluate import Omission
from services.mapper.mapped import Mapped

Json = Any

META: Final = ("title", "icon", "team")


def read_changes(mapped: Mapped) -> list[TrialEntity]:
    """Return the changes of an object."""
    return read_bodies((orjson.loads(change.value) for change in mapped.changes), mapped.omissions)


def read_bodies(bodies: Iterable[Mapping[str, Json]], omissions: Iterable[Omission]) -> list[TrialEntity]:
    """Return EntityChanges as entities; each takes its own of the omissions, which stand in their order."""
    left = list(omissions)
    entities = []
    for body in bodies:
        entity = _read(body, left)
        for one in entity.omits.values():
            if one in left:
                left.remove(one)
        entities.append(entity)
    return entities


def _read(body: Mapping[str, Json], omissions: Sequence[Omission]) -> TrialEntity:
    values = {name: body[name] for name in META if name in body}
    for part in ("properties", "relations"):
        values.update({f"{part}.{name}": value for name, value in body.get(part, {}).items()})
    omits: dict[str, Omission] = {}
    for path in body.get("omits", ()):
        found = next((one for one in omissions if one.path == path), None)
        omits[path] = found or Omission(-1, path, "", "left as it is")
    return TrialEntity(
        blueprint=body["blueprint"],
        identifier=body["identifier"],
        operation=body["operation"],
        values=values,
        omits=omits,
        reason=body.get("reason", ""),
        merge=body.get("merge", True),
        delete_dependents=body.get("delete_dependents", False),
    )


def givers(alone: Mapping[int, Mapped]) -> dict[tuple[str, str], int]:
    """Return which entry gave each path of each entity last, from what each entry made on its own."""
    given: dict[tuple[str, str], int] = {}
    for index, found in alone.items():
        for entity in read_changes(found):
            given.update({(entity.key, path): index for path in entity.values})
    return given


def with_givers(entity: TrialEntity, given: Mapping[tuple[str, str], int]) -> TrialEntity:
    """Return the entity with the entry that gave each of its values."""
    by = {path: given[entity.key, path] for path in entity.values if (entity.key, path) in given}
    return replace(entity, given_by=by)
