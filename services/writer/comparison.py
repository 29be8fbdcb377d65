"""Finds out whether Port already holds what a change says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.writer.shape import PropertyShape, Shape

_META = ("title", "icon")


def differences(
    sent: Mapping[str, Any], held: Mapping[str, Any], shape: Shape, *, merge: bool
) -> tuple[str, ...]:
    """Return the paths in which Port's entity would change.

    Compared is what Port means, not how it is written: times as instants, numbers by value, many-relations
    and teams without order, null as absent. A search query cannot be compared and always counts as different.

    Args:
        sent: The body as it would be sent.
        held: The entity as Port gives it.
        shape: Of its blueprint.
        merge: Only what is sent counts; else also what Port would clear because it is not sent.
    """
    found = [name for name in _META if (name in sent or not merge) and sent.get(name) != held.get(name)]
    if ("team" in sent or not merge) and not _same_names(sent.get("team"), held.get("team")):
        found.append("team")
    found += _in_properties(_part(sent, "properties"), _part(held, "properties"), shape, merge=merge)
    found += _in_relations(_part(sent, "relations"), _part(held, "relations"), shape, merge=merge)
    return tuple(found)


def _in_properties(
    sent: Mapping[str, Any], held: Mapping[str, Any], shape: Shape, *, merge: bool
) -> list[str]:
    found = [
        f"properties.{name}"
        for name, value in sent.items()
        if value != held.get(name) or _has_boolean(value) or _has_boolean(held.get(name))
        if not _same_value(value, held.get(name), shape.properties.get(name))
    ]
    if not merge:
        # Held but not settable (calculated, mirrored) is not ours to clear; a default comes back by itself.
        found += [
            f"properties.{name}"
            for name, known in shape.properties.items()
            if name not in sent and held.get(name) is not None and held[name] != known.default
        ]
    return found


def _in_relations(
    sent: Mapping[str, Any], held: Mapping[str, Any], shape: Shape, *, merge: bool
) -> list[str]:
    names = list(sent) if merge else list(dict.fromkeys([*sent, *shape.relations]))
    return [f"relations.{name}" for name in names if not _same_names(sent.get(name), held.get(name))]


def _same_names(sent: object, held: object) -> bool:
    """Compare teams or relation targets: a name, a list without order, or nothing."""
    return sent == held or (not isinstance(sent, dict) and _names(sent) == _names(held))


def _names(value: object) -> frozenset[str]:
    if isinstance(value, list):
        return frozenset(item for item in value if isinstance(item, str))
    return frozenset({value}) if isinstance(value, str) else frozenset()


def _has_boolean(value: object) -> bool:
    """Whether Python's `==` may take true for 1."""
    return isinstance(value, bool | list | dict)


def _same_value(sent: Any, held: Any, known: PropertyShape | None) -> bool:  # noqa: ANN401 # foreign JSON
    if isinstance(sent, bool) or isinstance(held, bool):
        return sent is held
    if isinstance(sent, dict) and isinstance(held, dict):
        return sent.keys() == held.keys() and all(_same_value(sent[key], held[key], None) for key in sent)
    if isinstance(sent, list) and isinstance(held, list):
        items = known.items if known is not None else None
        return len(sent) == len(held) and all(
            _same_value(one, other, items) for one, other in zip(sent, held, strict=True)
        )
    if sent == held:
        return True
    if known is not None and known.format == "date-time" and isinstance(sent, str) and isinstance(held, str):
        one, other = _instant(sent), _instant(held)
        return one is not None and one == other
    return False


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _part(entity: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = entity.get(name)
    return part if isinstance(part, dict) else {}
