"""Gives the story of an entity as one JSON document."""

from typing import Any

from services.cli.explain.comparison import compared, expected, last_delete, refused
from services.cli.explain.port import Held, Unasked
from services.cli.explain.story import ChangeTold, ObjectTold, Story, place_of, time_of


def document(story: Story, held: Held | Unasked) -> dict[str, Any]:
    """Return the same as one JSON document."""
    return {
        "blueprint": story.blueprint,
        "identifier": story.identifier,
        "mapping_version": story.mapping.version if story.mapping else None,
        "objects": [_object_document(one) for one in story.objects],
        "change_count": story.number,
        "committed_offset": story.committed,
        "changes": [_change_document(one) for one in story.changes],
        "port": _port_document(story, held),
    }


def _object_document(told: ObjectTold) -> dict[str, Any]:
    headers = told.headers
    return {
        "kind": told.kind,
        "object_id": told.object_id,
        "entries": list(told.entries),
        "record": None if told.record is None else place_of(told.record),
        "operation": None if headers is None else str(headers.operation),
        "origin": None if headers is None else str(headers.origin),
        "run_id": None if headers is None else headers.runid,
        "observed_at": headers.observedat.isoformat() if headers and headers.observedat else None,
        "stage": str(told.stage),
        "letters": [one.address for one in told.letters],
    }


def _change_document(told: ChangeTold) -> dict[str, Any]:
    change, letter = told.change, told.letter
    failures = letter.letter.failures if letter and letter.letter else ()
    return {
        "record": place_of(told.record),
        "at": time_of(told.record),
        "operation": None if change is None else "delete" if change.is_delete else "upsert",
        "origin": None if change is None else str(change.origin),
        "run_id": None if change is None else change.run_id,
        "source": told.source.model_dump(mode="json") if told.source else None,
        "stage": str(told.stage),
        "letter": None
        if letter is None
        else {
            "address": letter.address,
            "resolution": letter.resolution and str(letter.resolution),
            "failures": [one.model_dump(mode="json") for one in failures],
        },
    }


def _port_document(story: Story, held: Held | Unasked) -> dict[str, Any]:
    if isinstance(held, Unasked):
        return {"asked": False, "why": held.why}
    said = expected(story.changes)
    late = refused(story)
    is_delete = last_delete(story) is not None or (said is not None and said.is_delete and not late)
    values = [
        {"path": one.path, "verdict": str(one.verdict), "said": one.said, "held": one.held, "why": one.why}
        for one in compared(story, held)
    ]
    return {
        "asked": True,
        "blueprint": held.shape is not None,
        "entity": held.entity,
        "expected": "absent" if is_delete else "present" if said is not None or late else None,
        "behind": [place_of(one.record) for one in late],
        "values": values,
    }
