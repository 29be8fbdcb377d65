"""Knows what goes wrong in mappings of the webhook format, those of Port's own page among them.

An event is not the object that the REST API gives: it has other names, references in place of objects, and
nothing that is added to objects. Source: PagerDuty Webhooks V3, Event Data Types.
"""

import re
from collections.abc import Iterator
from typing import Final

from schemas.mapping import WebhookMapping
from shared.mapping_check import Problem
from shared.paths import member_path

_DATA: Final = ".body.event.data"
_NOT_IN_EVENTS: Final = re.compile(r"\b__(?:oncall_users?|analytics|custom_fields|email)\b")
_ASSIGNMENTS: Final = re.compile(r"\.assignments\s*\|\s*map\(\s*\.assignee\.\w+\s*\)")
_RENAMED: Final = {
    "updated_at": (f"{_DATA}.updated_at", ".body.event.occurred_at"),
    "incident_number": (f"{_DATA}.incident_number", f"{_DATA}.number"),
    "name": (f"{_DATA}.name", f"{_DATA}.summary"),
    "description": (f"{_DATA}.description", f"{_DATA}.title"),
}
_OF_ANY_SUBTYPE: Final = re.compile(r'startswith\(\s*"(incident|service)\.?"\s*\)')
_PARTS: Final = {"incident": "a note, a responder …", "service": "its custom fields"}
_PAGE_BLUEPRINT: Final = "microservice"
_PAGE_MEANS: Final = "pagerdutyService"


def in_place_of(text: str) -> str:
    """Return what to write in place of an expression that asks an event for what it has not; else nothing."""
    if found := _NOT_IN_EVENTS.search(text):
        return (
            f"; no event carries {found.group()}, which only objects of `resources` are given: leave it "
            "out here, or map the kind under `resources`"
        )
    mended = _ASSIGNMENTS.sub(".assignees // [] | map(.summary)", text)
    mended = mended.replace(f"{_DATA}.assignments", f"{_DATA}.assignees")
    for before, after in _RENAMED.values():
        mended = re.sub(rf"{re.escape(before)}\b", after, mended)
    return f"; in an event that is `{mended}`" if mended != text else ""


def advise_webhook(webhook: WebhookMapping, path: str) -> Iterator[Problem]:
    """Return warnings about one mapping of the format; its expressions are looked at elsewhere."""
    resource = _OF_ANY_SUBTYPE.search(webhook.filter)
    identifier = webhook.entity.identifier
    if resource and isinstance(identifier, str) and identifier.startswith(f"{_DATA}.id"):
        name = resource[1]
        says = (
            f"also takes events about a part of the {name} ({_PARTS[name]}), whose {_DATA}.id is not that of "
            f'the {name}; write `{_DATA}.type == "{name}"`'
        )
        yield _warning(f"{path}.filter", says)
    if webhook.blueprint == _PAGE_BLUEPRINT:
        says = (
            f"the page that has this mapping makes the blueprint {_PAGE_MEANS}, not {_PAGE_BLUEPRINT}: write "
            f"`{_PAGE_MEANS}`, unless you have one of that name (`--port` asks)"
        )
        yield _warning(f"{path}.blueprint", says)
    if _PAGE_BLUEPRINT in webhook.entity.relations and webhook.blueprint != _PAGE_BLUEPRINT:
        says = (
            f"the page's blueprint has the relation {_PAGE_MEANS}, not {_PAGE_BLUEPRINT}: write "
            f"`{_PAGE_MEANS}`, unless yours has it (`--port` asks)"
        )
        yield _warning(member_path(f"{path}.entity.relations", _PAGE_BLUEPRINT), says)


def _warning(path: str, says: str) -> Problem:
    return Problem("warning", 0, 0, path, says)
