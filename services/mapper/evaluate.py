"""Decides what an entry makes of what its expressions gave: an entity, nothing, or a failure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from schemas.outcome import Reason
from services.mapper.entry_texts import Row
from services.mapper.native import Result
from services.mapper.native_values import type_name
from services.mapper.plan_shape import BLUEPRINT, QUERY, EntryPlan, Template, leaves_of
from shared.jq_engine import Json
from shared.jq_folding import as_written

_MESSAGE_LIMIT_CHARS: Final = 200
_VALUE_LIMIT_CHARS: Final = 60
_MISSING: Final = object()
_NOT_HAD: Final = "reads what could not be had this time"

Identifier = str | dict[str, Json]
Cause = tuple[EntryPlan, Template, Result | None]
"""Entry, what was to be evaluated, what it gave: nothing of a search query; None: it was not evaluated."""


@dataclass(frozen=True, slots=True)
class Failed:
    """One thing that went wrong with an object; names entry, expression and what it gave."""

    reason: Reason
    detail: str
    entry: int
    blueprint: str = ""
    identifier: str = ""


class Omission(NamedTuple):
    """Why a value is left as it is.

    Attributes:
        entry: Index of the entry in `resources`.
        path: `properties.created_at`, `title`; `selector` where the entry could not be judged.
        text: The expression, shortened; empty for a search query.
        cause: One of a few.
        detail: For people: what it raised or gave.
    """

    entry: int
    path: str
    text: str
    cause: str
    detail: str = ""


@dataclass(slots=True)
class Made:
    """An entity as one entry makes it of one object or item.

    Attributes:
        blueprint: Its blueprint.
        identifier: Its identifier, or the query that finds it.
        values: `(part, name)` to value; the name is empty for title, icon and team. A null clears.
        omits: Pairs that are mapped and have no value this time, and why: entry, template and result.
    """

    blueprint: str
    identifier: Identifier
    values: dict[tuple[str, str], Json] = field(default_factory=dict)
    omits: dict[tuple[str, str], Cause] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unselected:
    """The selector is false. The entity that would be is known, where it is."""

    blueprint: str = ""
    identifier: str = ""


class Unknown:
    """Cannot be judged this time, since it reads a key that could not be had: left as it is."""


def evaluate_row(entry: EntryPlan, row: Row, omitted: frozenset[int]) -> Made | Unselected | Unknown | Failed:
    """Return what an entry makes of one object or item.

    Args:
        entry: The entry.
        row: Result per expression.
        omitted: Indexes of expressions whose text names a key that could not be had this time.
    """
    if QUERY in omitted:
        return Unknown()
    selected = row[QUERY]
    given = selected[0] if selected and type(selected) is list else None
    if given is False:
        return _unselected(entry, row, omitted)
    if given is not True:
        detail = f"selector {_shown(entry['texts'][QUERY])} {_gave(selected)}, want true or false"
        return Failed(Reason.SELECTOR_ERROR, detail, entry["index"])
    if omitted and any(index < entry["keys"] for index in omitted):
        return Unknown()
    keys = read_keys(entry, row)
    if isinstance(keys, Failed):
        return keys
    return _with_fields(Made(*keys), entry, row, omitted)


def _with_fields(made: Made, entry: EntryPlan, row: Row, omitted: frozenset[int]) -> Made:
    values, omits = made.values, made.omits
    for part, name, template in entry["fields"]:
        if omitted and not omitted.isdisjoint(leaves_of(template)):
            omits[part, name] = entry, template, None
            continue
        if type(template) is dict:
            query = _search(template, row)
            if query is None:
                omits[part, name] = entry, template, []
            else:
                values[part, name] = _finding(query)
            continue
        result = row[template]  # type: ignore[index]  # the index of an expression
        if result and type(result) is list:
            value = result[0]
            if part != "properties" and value is not None and type(value) is not str:
                value = _READERS[part](value)
            if value is not _MISSING:
                values[part, name] = value
                continue
        omits[part, name] = entry, template, result
    return made


def omission(path: str, cause: Cause) -> Omission:
    """Say why a value was left as it is."""
    entry, template, result = cause
    index = entry["index"]
    if type(template) is not int:
        failed = "a part of the search query failed or is of the wrong type"
        return Omission(index, path, "", _NOT_HAD if result is None else failed)
    text = _cut(" ".join(as_written(entry["texts"][template]).split()), _VALUE_LIMIT_CHARS)
    if result is None:
        return Omission(index, path, text, _NOT_HAD)
    if type(result) is dict:
        return Omission(index, path, text, "failed", _raised(result))
    if not result:
        return Omission(index, path, text, "gave no output")
    return Omission(index, path, text, "gave what is no text", _gave(result).removeprefix("gave "))


def unjudged(entry: EntryPlan) -> Omission:
    """Say that an entry could not be judged, so that its entity was left as it is."""
    return Omission(entry["index"], "selector", "", "an expression reads what could not be had this time")


def read_keys(entry: EntryPlan, row: Row) -> tuple[str, Identifier] | Failed:
    """Return blueprint and identifier of the entity an entry makes.

    A number or boolean as identifier becomes its text; an empty text is none.
    """
    index, text = entry["index"], entry["texts"][BLUEPRINT]
    result = row[BLUEPRINT]
    if not result or type(result) is not list:
        return Failed(Reason.IDENTIFIER_ERROR, f"blueprint {_shown(text)} {_gave(result)}", index)
    blueprint = result[0]
    if blueprint is None or blueprint == "":
        return Failed(Reason.BLUEPRINT_NULL, f"blueprint {_shown(text)} {_gave(result)}", index)
    if type(blueprint) is not str:
        detail = f"blueprint {_shown(text)} {_gave(result)}, want text"
        return Failed(Reason.IDENTIFIER_ERROR, detail, index)
    template = entry["identifier"]
    if type(template) is not int:
        return _search_identifier(entry, row, blueprint)
    result = row[template]
    if result and type(result) is list:
        identifier = _scalar_text(result[0])
        if type(identifier) is str and identifier:
            return blueprint, identifier
    detail = f"identifier {_shown(entry['texts'][template])} {_gave(result)}"
    null = result in ([None], [""])
    return Failed(Reason.IDENTIFIER_NULL if null else Reason.IDENTIFIER_ERROR, detail, index, blueprint)


def _scalar_text(value: Json) -> Json:
    """Return a text, number or boolean as its text; any other value as `_MISSING`, null as null."""
    if value is None or type(value) is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < 2**63 else repr(value)
    return _MISSING


def _unselected(entry: EntryPlan, row: Row, omitted: frozenset[int]) -> Unselected:
    if any(index < entry["keys"] for index in omitted):
        return Unselected()
    keys = read_keys(entry, row)
    if isinstance(keys, Failed) or not isinstance(keys[1], str):
        return Unselected()
    return Unselected(keys[0], keys[1])


def _search_identifier(entry: EntryPlan, row: Row, blueprint: str) -> tuple[str, Identifier] | Failed:
    query = _search(entry["identifier"], row)
    if query is None:
        detail = "a part of the identifier's search query raised, gave nothing or is of the wrong type"
        return Failed(Reason.IDENTIFIER_ERROR, detail, entry["index"], blueprint)
    if _searches_null(query):
        detail = "the identifier's search query looks for null"
        return Failed(Reason.IDENTIFIER_NULL, detail, entry["index"], blueprint)
    return blueprint, query


def _search(template: Template, row: Row) -> dict[str, Json] | None:
    """Return a search query with its leaves evaluated; None: a leaf has no value or not its type."""
    assert isinstance(template, dict)  # noqa: S101 - for the type checker
    query: dict[str, Json] = {}
    for name, leaf in template.items():
        if type(leaf) is list:
            rules = [_search(rule, row) for rule in leaf]
            if None in rules:
                return None
            query[name] = rules
            continue
        result = row[leaf] if isinstance(leaf, int) else None
        if not result or type(result) is not list:
            return None
        value = result[0]
        if name == "combinator" and value not in ("and", "or"):
            return None
        if name in {"property", "operator"} and (type(value) is not str or not value):
            return None
        query[name] = value
    return query


def _searches_null(query: Json) -> bool:
    if "rules" in query:
        return any(_searches_null(rule) for rule in query["rules"])
    return query["value"] is None


def _finding(query: Json) -> Json:
    """Return what a search of a relation or team can find; None: nothing.

    To Port a null would be found in every entity that lacks the property.
    """
    if "rules" not in query:
        return None if query["value"] is None else query
    rules = [_finding(rule) for rule in query["rules"]]
    found = [rule for rule in rules if rule is not None]
    if not found or (query["combinator"] == "and" and len(found) < len(rules)):
        return None
    return {**query, "rules": found}


def _text_or_list(value: Json) -> Json:
    """Read a team or relation: text, or a list of texts without its nulls."""
    if type(value) is list:
        texts = [_scalar_text(one) for one in value if one is not None]
        return _MISSING if any(one is _MISSING for one in texts) else texts
    return _scalar_text(value)


_READERS: Final[dict[str, Callable[[Json], Json]]] = {
    "title": _scalar_text,
    "icon": _scalar_text,
    "team": _text_or_list,
    "relations": _text_or_list,
}


def _gave(result: Result | None) -> str:
    """Say what an expression gave: the message it raised, nothing, or the value's beginning and type."""
    if type(result) is dict:
        return f"raised: {_raised(result)}"
    if not result:
        return "gave no output"
    value = result[0]  # type: ignore[index]  # a list of one
    if value is None:
        return "gave null"
    return f"gave {_cut(_json(value), _VALUE_LIMIT_CHARS)} ({type_name(value)})"


def _raised(result: dict[str, Json]) -> str:
    raised = result["e"]
    text = raised if isinstance(raised, str) else _json(raised)
    return _cut(" ".join(text.split()), _MESSAGE_LIMIT_CHARS)


def items_failure(entry: EntryPlan, found: Result) -> Failed | None:
    """Return what is wrong with an itemsToParse that is no list; None: it is null, so there are no items."""
    if found == [None]:
        return None
    detail = f"itemsToParse {_shown(entry['items'] or '')} {_gave(found)}, want a list"
    return Failed(Reason.ITEMS_ERROR, detail, entry["index"])


def _shown(text: str) -> str:
    return f"`{_cut(' '.join(text.split()), _MESSAGE_LIMIT_CHARS)}`"


def _cut(text: str, limit_chars: int) -> str:
    return text if len(text) <= limit_chars else text[: limit_chars - 1] + "…"


def _json(value: Json) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return str(value)
