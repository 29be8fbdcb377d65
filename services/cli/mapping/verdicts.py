"""Says what one entry of a mapping did with an object, and why."""

from collections.abc import Mapping
from typing import Any

from services.cli.mapping.made_entities import read_changes
from services.cli.mapping.tried import EntryVerdict, TrialObject
from services.mapper.mapped import Mapped
from services.mapper.plan_shape import EntryPlan
from shared.local_filters import local_filter

Json = Any


def verdict_of(
    one: TrialObject, entry: EntryPlan, mapped: Mapped, *, selector: str = "selector.query"
) -> EntryVerdict:
    """Say what an entry did, from what became of the object with no other entry beside it."""
    index = entry["index"]
    if mapped.failures:
        return EntryVerdict(index, "failed", "; ".join(failure.detail for failure in mapped.failures))
    entities = read_changes(mapped)
    made = tuple(entity.key for entity in entities if entity.operation == "upsert" or one.deleted)
    if made:
        return EntryVerdict(index, "made", "", made)
    if one.deleted:
        return EntryVerdict(index, "left", "the body does not say which entity it was, or others make it too")
    if any(omission.path == "selector" for omission in mapped.omissions):
        return EntryVerdict(index, "left", "an expression reads a key that could not be had")
    kept_out = _kept_out(one, entry)
    if kept_out:
        return EntryVerdict(index, "not selected", kept_out)
    if mapped.counts.get("mapped"):
        return EntryVerdict(index, "left", f"itemsToParse gave no items: {_flat(entry['items'] or '')}")
    return EntryVerdict(index, "not selected", f"{selector} is false: {_flat(entry['texts'][0])}")


def _kept_out(one: TrialObject, entry: EntryPlan) -> str:
    """Say which of the entry's parameters keep the object out; empty: none."""
    value = one.value
    held = value if isinstance(value, dict) else {}
    names = [
        name
        for name, value in {**entry["params"], **entry["window"]}.items()
        if not _passes(one.kind, entry, name, value, held)
    ]
    return f"apiQueryParams leave it out: {', '.join(names)}" if names else ""


def _passes(kind: str, entry: EntryPlan, name: str, value: Json, held: Mapping[str, Json]) -> bool:
    whole = {name: value}
    if "date_range" in entry["window"]:
        whole["date_range"] = entry["window"]["date_range"]
    judge = local_filter(kind, whole)
    return judge is None or judge(held)


def _flat(text: str) -> str:
    return " ".join(text.split())
