"""Tells the expressions of an entry by the path of what they give."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.mapper.plan_shape import EntryPlan

Json = Any


def entry_named(entries: Sequence[EntryPlan], index: int) -> EntryPlan:
    """Return the entry with a place in the mapping."""
    return next(entry for entry in entries if entry["index"] == index)


def expressions_of(entry: EntryPlan) -> dict[str, str]:
    """Return an entry's expressions by path (`properties.url`); of a search query the texts of its leaves."""
    texts = {"identifier": _template_text(entry, entry["identifier"]), "selector": entry["texts"][0]}
    for part, name, template in entry["fields"]:
        texts[f"{part}.{name}" if name else part] = _template_text(entry, template)
    return texts


def _template_text(entry: EntryPlan, template: Json) -> str:
    if isinstance(template, int):
        return entry["texts"][template]
    return ", ".join(_leaf_texts(entry, template))


def _leaf_texts(entry: EntryPlan, template: Json) -> Iterator[str]:
    for rule in template["rules"]:
        if "rules" in rule:
            yield from _leaf_texts(entry, rule)
        else:
            property_, operator, value = (
                entry["texts"][rule[name]] for name in ("property", "operator", "value")
            )
            yield f"{property_} {operator} {value}"
