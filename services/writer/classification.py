"""Reads from Port's answer what became of each entity of a bulk."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared.port.answer import Answer

_MISSING = 404
_LIMITED = 429
_TIMEOUT = 408


class Fate(Enum):
    """What became of one entity."""

    WRITTEN = "written"
    RETRY = "retry"
    """Failed in a way that may pass, or Port does not say."""
    UNMET = "unmet"
    """Something it refers to is not there (yet)."""
    REJECTED = "rejected"
    """Refused for good."""


@dataclass(frozen=True, slots=True)
class ItemFate:
    """The fate of one entity.

    Attributes:
        fate: What became of it.
        detail: What Port says, not yet redacted.
        limited: A rate limit was the cause: says nothing about the entity.
        unsaid: Port's answer does not mention it.
    """

    fate: Fate
    detail: str = ""
    limited: bool = False
    unsaid: bool = False


_WRITTEN = ItemFate(Fate.WRITTEN)
_UNSAID = ItemFate(Fate.RETRY, "Port's answer does not mention it", unsaid=True)


class CallFate(Enum):
    """What became of a call that failed as a whole."""

    NOT_FOUND = "not found"
    """Its blueprint is missing, as a rule."""
    SPLIT = "split"
    """Too large, or spoilt by one entity: smaller calls tell which."""
    FAILED = "failed"
    """Went on failing while Port served others: smaller calls tell which entity is at fault."""


def classify_bulk(answer: Answer, count: int) -> list[ItemFate] | CallFate:
    """Return a fate per entity in the order sent, or the fate of the whole call.

    Entities are matched by `index`: identifiers are not unique, and `unknown` where a search failed. Where no
    row has one, as many rows as entities and no error say that all were written.
    Source: Port API, bulk upsert.

    Args:
        answer: Final answer, or a transient one after all attempts.
        count: Entities sent.
    """
    if answer.transient:
        return CallFate.FAILED
    if answer.status == _MISSING:
        return CallFate.NOT_FOUND
    if not answer.ok:
        return CallFate.SPLIT
    data = answer.data or {}
    if _is_well_as_a_whole(data, count):
        return [_WRITTEN] * count
    fates = [_UNSAID] * count
    for entity in _listed(data, "entities"):
        index = _index(entity, count)
        if index is not None:
            fates[index] = _WRITTEN
    for error in _listed(data, "errors"):
        index = _index(error, count)
        if index is not None:
            fates[index] = _of_error(error)
    return fates


def says_nothing(answer: Answer) -> bool:
    """Return whether a bulk upsert was answered well, and of no entity what became of it: no progress."""
    data = answer.data or {}
    return answer.ok and not _listed(data, "entities") and not _listed(data, "errors")


def _is_well_as_a_whole(data: Mapping[str, Any], count: int) -> bool:
    """Whether an answer that numbers no entity says of as many as were sent that they were written."""
    if data.get("ok") is False or data.get("errors"):
        return False
    rows = _listed(data, "entities")
    return len(rows) == count and not any("index" in row for row in rows)


def _of_error(error: Mapping[str, Any]) -> ItemFate:
    status = error.get("statusCode")
    texts = [text for text in (error.get("error"), error.get("message")) if isinstance(text, str) and text]
    if isinstance(status, bool) or not isinstance(status, int):
        return ItemFate(Fate.RETRY, ": ".join(texts))
    detail = ": ".join([f"HTTP {status}", *texts])
    if status == _MISSING:
        return ItemFate(Fate.UNMET, detail)
    if status in {_LIMITED, _TIMEOUT} or status >= 500 or status < 400:
        return ItemFate(Fate.RETRY, detail, limited=status == _LIMITED)
    return ItemFate(Fate.REJECTED, detail)


def _listed(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    items = data.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _index(item: Mapping[str, Any], count: int) -> int | None:
    index = item.get("index")
    if isinstance(index, bool) or not isinstance(index, int):
        return None
    return index if 0 <= index < count else None
