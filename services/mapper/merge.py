"""Merges what the entries and items of one object make of the same entity into one, in mapping order."""

from collections.abc import Iterable

import orjson

from services.mapper.evaluate import Identifier, Made

Key = tuple[str, str]


def key_of(blueprint: str, identifier: Identifier) -> Key:
    """Return what tells entities apart; a search query is known by its text."""
    name = identifier if isinstance(identifier, str) else "?" + orjson.dumps(identifier).decode()
    return blueprint, name


def merge_made(made: Iterable[Made]) -> dict[Key, Made]:
    """Return one entity per blueprint and identifier, in the order of their first entry.

    Later values win. What an entry omits neither overwrites nor clears what another gave; it stays omitted
    where none gave a value.
    """
    merged: dict[Key, Made] = {}
    for one in made:
        key = key_of(one.blueprint, one.identifier)
        have = merged.get(key)
        if have is None:
            merged[key] = one
            continue
        values = {**have.values, **one.values}
        both = {**have.omits, **one.omits}
        omits = {pair: cause for pair, cause in both.items() if pair not in values}
        merged[key] = Made(one.blueprint, one.identifier, values, omits)
    return merged
