"""Says what the catalog must hold: naive loops over PagerDuty's answers, one jq program per expression.

Written from the mapping format's description alone; imports nothing of the product.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import jq

from tests.oracle_enrichment import Enricher

Json = Any
Key = tuple[str, str]
LIST_FILTERS = {
    ("incidents", name) for name in ("statuses", "urgencies", "service_ids", "team_ids", "user_ids")
}
"""Filters that travel as lists, also where the mapping gives one value alone."""


@dataclass
class Expected:
    """What one entity must be. A key that is absent here was never mapped or never had a value."""

    title: Json = None
    icon: Json = None
    team: Json = None
    properties: dict[str, Json] = field(default_factory=dict)
    relations: dict[str, Json] = field(default_factory=dict)
    omitted: set[str] = field(default_factory=set)


class NothingError(Exception):
    """An expression raised or gave no output."""


@cache
def _program(expression: str) -> Any:
    try:
        return jq.compile(f"(\n{expression}\n)")
    except ValueError:
        # The mapping format reads single quotes as double ones.
        return jq.compile("(\n" + expression.replace("'", '"') + "\n)")


def run_jq(expression: str, document: Json) -> Json:
    """Return the first output of one expression over one document."""
    try:
        for value in _program(expression).input_text(json.dumps(document)):
            return value
    except ValueError as error:
        raise NothingError(str(error)) from error
    raise NothingError("no output")


def list_all(client: httpx.Client, kind: str, params: dict[str, Json]) -> Iterator[Json]:
    """Read a list page by page, one request after the other, in the style that its first answer shows."""
    query = _query(kind, params)
    at: list[tuple[str, str]] = []
    seen = 0
    while True:
        response = client.get(f"/{kind}", params=[*query, *at])
        response.raise_for_status()
        answer = response.json()
        rows = next(value for value in answer.values() if isinstance(value, list))
        yield from rows
        seen += len(rows)
        if answer.get("next_cursor"):
            at = [("limit", "100"), ("cursor", answer["next_cursor"])]
        elif answer.get("after"):
            at = [("limit", "100"), ("after", answer["after"])]
        elif "offset" in answer and rows:
            at = [("limit", "100"), ("offset", str(seen))]
        else:
            return


def _query(kind: str, params: dict[str, Json]) -> list[tuple[str, str]]:
    query: list[tuple[str, str]] = []
    now = datetime.now(UTC)
    if kind == "oncalls" and params:
        params = {"include": ["users"], "until": 3, **params}
    for name, value in params.items():
        if name in {"since", "until"} and isinstance(value, int):
            months = timedelta(days=30 * value)
            query.append((name, _text(now - months if name == "since" else now + months)))
        elif isinstance(value, list) or name == "include" or (kind, name) in LIST_FILTERS:
            query += [(f"{name}[]", str(item)) for item in (value if isinstance(value, list) else [value])]
        elif value is not None:
            query.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    if kind == "incidents" and not {"since", "until", "date_range"} & set(params):
        query.append(("date_range", "all"))
    if kind == "oncalls" and not params:
        # Who is on call now and in the next three months, as existing mappings mean it.
        query += [("since", _text(now)), ("until", _text(now + timedelta(days=90)))]
    return query


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def expected_catalog(pagerduty: httpx.Client, mapping: dict[str, Json]) -> dict[Key, Expected]:
    """Return every entity that the mapping makes of the account, entries applied in their order.

    What an identifier's search query finds is looked for when everything else is there.
    """
    catalog: dict[Key, Expected] = {}
    found_later: list[tuple[str, Json, Expected]] = []
    enricher = Enricher(pagerduty)
    for entry in mapping["resources"]:
        selector = entry.get("selector", {})
        entity = entry["port"]["entity"]["mappings"]
        for document in list_all(pagerduty, entry["kind"], selector.get("apiQueryParams", {})):
            enricher.add_to(document, entry["kind"], selector)
            for item in _items(entry["port"], document):
                made = _made(selector.get("query", "true"), entity, item)
                if made is None:
                    continue
                blueprint, identifier, values = made
                if isinstance(identifier, dict):
                    found_later.append((blueprint, identifier, values))
                else:
                    _lay_over(catalog.setdefault((blueprint, identifier), Expected()), values)
    for blueprint, query, values in found_later:
        (identifier,) = search(catalog, blueprint, query)
        _lay_over(catalog[blueprint, identifier], values)
    return catalog


def search(catalog: dict[Key, Expected], blueprint: str, query: Json) -> list[str]:
    """Return the identifiers of the entities of a blueprint that a search query finds."""
    return [
        identifier
        for (name, identifier), entity in catalog.items()
        if name == blueprint
        and matches(query, {"$identifier": identifier, "$title": entity.title, **entity.properties})
    ]


def matches(query: Json, values: dict[str, Json]) -> bool:
    """Tell whether an entity's values satisfy a search query of `=` and `in`."""
    if "rules" in query:
        verdicts = [matches(rule, values) for rule in query["rules"]]
        return all(verdicts) if query["combinator"] == "and" else any(verdicts)
    held = values.get(query["property"])
    if query["operator"] == "=":
        return bool(held == query["value"])
    assert query["operator"] == "in"
    return held in query["value"]


def _items(port: dict[str, Json], document: Json) -> list[Json]:
    if "itemsToParse" not in port:
        return [document]
    parent = document
    found = run_jq(port["itemsToParse"], document) or []
    if port.get("itemsToParseTopLevelTransform", True):
        # The list is taken out where the expression is a path that jq can name, else left.
        try:
            parent = run_jq(f"del({port['itemsToParse']})", document)
        except NothingError:
            parent = document
    return [{**parent, port.get("itemsToParseName", "item"): one} for one in found]


def _made(query: str, entity: dict[str, Json], document: Json) -> tuple[str, Json, Expected] | None:
    """Return blueprint, identifier (or the query that finds it) and values; None: nothing is made."""
    try:
        if run_jq(query, document) is not True:
            return None
        identifier, blueprint = _value(entity["identifier"], document), run_jq(entity["blueprint"], document)
    except NothingError:
        return None
    if identifier is None or blueprint is None:
        return None
    values = Expected()
    for name in ("title", "icon", "team"):
        if name in entity:
            try:
                setattr(values, name, _as_text(_value(entity[name], document)))
            except NothingError:
                values.omitted.add(name)
        else:
            values.omitted.add(name)
    for group in ("properties", "relations"):
        for name, expression in entity.get(group, {}).items():
            try:
                value = _value(expression, document)
            except NothingError:
                continue
            getattr(values, group)[name] = _as_text(value) if group == "relations" else value
    return blueprint, _as_text(identifier), values


def _value(leaf: Json, document: Json) -> Json:
    """Evaluate an expression, or each leaf of a search query."""
    if isinstance(leaf, str):
        return run_jq(leaf, document)
    if isinstance(leaf, list):
        return [_value(one, document) for one in leaf]
    if isinstance(leaf, dict):
        return {name: _value(one, document) for name, one in leaf.items()}
    return leaf


def _as_text(value: Json) -> Json:
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _lay_over(made: Expected, values: Expected) -> None:
    for name in ("title", "icon", "team"):
        if name not in values.omitted:
            setattr(made, name, getattr(values, name))
    made.properties.update(values.properties)
    made.relations.update(values.relations)


def differences(
    expected: dict[Key, Expected],
    held: dict[str, dict[str, dict[str, Json]]],
    blueprints: dict[str, Json],
    teams: Sequence[str] = (),
) -> list[str]:
    """Compare the oracle with what Port holds, property by property; an empty list is equality.

    Args:
        expected: What must be there.
        held: Blueprint to identifier to entity, as the Port simulator gives its state.
        blueprints: Blueprint to its definition: says which relations are many, and their targets.
        teams: Port's own teams, which the search query of a `team` finds by their names.
    """
    found: list[str] = []
    for (blueprint, identifier), want in sorted(expected.items()):
        have = held.get(blueprint, {}).get(identifier)
        if have is None:
            found.append(f"{blueprint}/{identifier} is missing")
            continue
        definitions = blueprints[blueprint].get("relations", {})
        wanted = {
            "title": want.title,
            "icon": want.icon,
            "team": _teams(want.team, teams),
            "properties": _present(want.properties),
            "relations": _present(
                {name: _targets(expected, value, definitions[name]) for name, value in want.relations.items()}
            ),
        }
        has = {
            "title": have.get("title"),
            "icon": have.get("icon"),
            "team": sorted(have.get("team") or []),
            "properties": _present(have["properties"]),
            "relations": _present({name: _unordered(value) for name, value in have["relations"].items()}),
        }
        found += [
            f"{blueprint}/{identifier}.{part}: want {wanted[part]!r}, have {has[part]!r}"
            for part in wanted
            if wanted[part] != has[part]
        ]
    for blueprint, entities in held.items():
        for identifier in entities:
            if (blueprint, identifier) not in expected:
                found.append(f"{blueprint}/{identifier} should not be there")
    return found


def _present(values: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None and value != []}


def _targets(expected: dict[Key, Expected], value: Json, definition: dict[str, Json]) -> Json:
    """Return a relation as Port holds it: what a query finds, a list where many are due."""
    if isinstance(value, dict):
        found = search(expected, definition["target"], value)
        assert definition["many"] or len(found) <= 1
        value = found if definition["many"] else next(iter(found), None)
    return _unordered([value] if definition["many"] and isinstance(value, str) else value)


def _unordered(value: Json) -> Json:
    return sorted(value) if isinstance(value, list) else value


def _teams(value: Json, teams: Sequence[str]) -> list[str]:
    if isinstance(value, dict):
        return sorted(name for name in teams if matches(value, {"$title": name, "$identifier": name}))
    return [value] if isinstance(value, str) else sorted(value or [])
