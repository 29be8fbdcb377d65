"""Puts something sound in the place of what has not its form, so that the rest of a mapping can be judged."""

import copy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from schemas.mapping import MappingFile
from shared.jq_engine import Json
from shared.mapping_form import Mistake, mistakes_of_form

_ROUNDS: Final = 8
"""What stands in at one place may leave another of its mistakes to see; a mapping has about eight levels."""
_ENTITY: Final = {"identifier": ".", "blueprint": '"-"'}
_WRAPPER: Final = {**_ENTITY, "mappings": _ENTITY}
"""An `entity` of either format: keys that one of them does not know are ignored."""
_RULE: Final = {"property": '"-"', "operator": '"="', "value": "null"}
_MEMBERS: Final[dict[str, Json]] = {
    "kind": "-",
    "port": {"entity": _WRAPPER},
    "entity": _WRAPPER,
    "mappings": _ENTITY,
    **_ENTITY,
    **_RULE,
    "combinator": '"and"',
    "rules": [_RULE],
    "operation": "delete",
    "type": "delete",
}
"""What must be there, or leads to least; all else can be left out."""
_ITEMS: Final[dict[str | int, Json]] = {
    "resources": {"kind": "-", "port": {"entity": _WRAPPER}},
    "webhookMappings": {"blueprint": "-", "entity": _WRAPPER},
    "rules": _RULE,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A mapping in which something stands in for what has not its form.

    Attributes:
        config: It has its form.
        paths: Where something stands in, or was left out.
    """

    config: MappingFile
    paths: frozenset[str]

    def is_about(self, path: str) -> bool:
        """Whether what is said of a path is said of what stands in, wholly or in part."""
        return any(_is_within(path, one) or _is_within(one, path) for one in self.paths)


def stand_in(data: Json) -> Standing | None:
    """Return the mapping with what has not its form replaced; None: too little of it has."""
    data = copy.deepcopy(data)
    paths: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            config = MappingFile.model_validate(data)
        except ValidationError as error:
            mistakes = list(mistakes_of_form(error, data))
            replaced = [_replace(data, one, paths) for one in mistakes]
            if not mistakes or not all(replaced):
                return None
        else:
            return Standing(config, frozenset(paths))
    return None


def _replace(data: Json, mistake: Mistake, paths: set[str]) -> bool:
    """Replace a value, or leave it out where nothing better stands in; return whether that went."""
    holder, (*before, key) = data, mistake.keys
    for step in before:
        holder = holder[step]
    again = mistake.path in paths
    paths.add(mistake.path)
    if isinstance(holder, list):
        name = before[-1] if before else ""
        if again or name not in _ITEMS:
            return False
        holder[int(key)] = copy.deepcopy(_ITEMS[name])
    elif key in _MEMBERS and not again:
        holder[key] = copy.deepcopy(_MEMBERS[str(key)])
    else:
        # A property may be called like a part of an entry.
        return _left_out(holder, key)
    return True


def _left_out(holder: dict[str, Any], key: str | int) -> bool:
    return holder.pop(str(key), holder) is not holder


def _is_within(path: str, other: str) -> bool:
    return not other or (path.startswith(other) and path[len(other) : len(other) + 1] in {"", ".", "["})
