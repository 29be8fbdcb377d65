"""Picks the parts of an entity that a search or a read asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection

from simulators.port.answers import invalid
from simulators.port.stored import StoredEntity

_PARTS = (
    "identifier",
    "title",
    "icon",
    "team",
    "blueprint",
    "createdAt",
    "updatedAt",
    "createdBy",
    "updatedBy",
)
Projection = Callable[[StoredEntity], dict[str, object]]


def bare_projection(
    include: list[str] | None,
    exclude: list[str] | None,
    properties: Collection[str],
    relations: Collection[str],
) -> Projection:
    """Makes the projection of a blueprint's search, where all but properties and relations begin with `$`.

    `$datasource` is shown only when it is included. Source: Port API, OpenAPI, include and exclude of the
    search.

    Raises:
        RefusedError: 422, a name is neither.
    """

    def path_of(name: str, place: str) -> str:
        if name.startswith("$") and (name[1:] in _PARTS or name == "$datasource"):
            return name if name == "$datasource" else name[1:]
        if name in properties:
            return f"properties.{name}"
        if name in relations:
            return f"relations.{name}"
        raise invalid(place, f'"{name}" is not a property, relation or meta-property')

    return _projection(
        None if include is None else [path_of(name, f"include/{i}") for i, name in enumerate(include)],
        [path_of(name, f"exclude/{i}") for i, name in enumerate(exclude or [])],
    )


def path_projection(include: list[str], exclude: list[str]) -> Projection:
    """Makes the projection of a read: `identifier`, `properties.status`, `relations.service`.

    Source: Port API, OpenAPI, include and exclude of Get an entity.

    Raises:
        RefusedError: 422, a name has none of these forms.
    """
    for place, names in (("include", include), ("exclude", exclude)):
        for name in names:
            group = name.partition(".")[0]
            if name not in (*_PARTS, "$datasource") and group not in ("properties", "relations"):
                raise invalid(place, f'"{name}" is not a value of the entity JSON')
    return _projection(include or None, exclude)


def _projection(include: list[str] | None, exclude: list[str]) -> Projection:
    if include is None and not exclude:
        return StoredEntity.document

    def project(entity: StoredEntity) -> dict[str, object]:
        document = entity.document()
        if include is not None:
            document["$datasource"] = entity.datasource
            document = _picked(document, include)
        for path in exclude:
            group, _, name = path.partition(".")
            part = document.get(group)
            if name and isinstance(part, dict):
                part.pop(name, None)
            elif not name:
                document.pop(group, None)
        return document

    return project


def _picked(document: dict[str, object], include: list[str]) -> dict[str, object]:
    picked: dict[str, object] = {}
    for path in include:
        group, _, name = path.partition(".")
        part = document.get(group)
        if name:
            shown = picked.setdefault(group, {})
            if isinstance(shown, dict) and isinstance(part, dict) and name in part:
                shown[name] = part[name]
        elif group in document:
            picked[group] = part
    return picked
