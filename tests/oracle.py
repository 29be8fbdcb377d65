"""Says what the catalog must hold: naive loops over PagerDuty's answers, one jq program per expression.

Written from the mapping format's description alone; imports nothing of the product.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jq

from tests.oracle_enrichment import Enricher

Json = Any
Key = tuple[str, str]


@dataclass
class Expected:
    """What one entity must be. A key that is absent here was never mapped or never had a value."""

    title: Json = None
    icon: Json = None
    team: Json = None
    properties: dict[str, Json] = field(default_factory=dict)
    relations: dict[str, Json] = field(default_factory=dict)


class NothingError(Exception):
    """An expression raised or gave no output."""


def run_jq(expression: str, document: Json) -> Json:
    """Return the first output of one expression over one document."""
    try:
        for value in jq.compile(f"(\n{expression}\n)").input_text(json.dumps(document)):
            return value
    except ValueError as error:
        raise NothingError(str(error)) from error
    raise NothingError("no output")


def list_all(client: httpx.Client, kind: str, params: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """Read a list page by page, one request after the other, until a page is empty."""
    query: list[tuple[str, str]] = []
    for name, value in params.items():
        if isinstance(value, list):
            query += [(f"{name}[]", str(item)) for item in value]
        else:
            query.append((name, str(value)))
    if kind == "incidents" and not {"since", "until", "date_range"} & set(params):
        query.append(("date_range", "all"))
    if kind == "oncalls" and not {"since", "until"} & set(params):
        # Who is on call now and in the next three months, as existing mappings mean it.
        now = datetime.now(UTC)
        bounds = {"since": now, "until": now + timedelta(days=90)}
        query += [(name, f"{at:%Y-%m-%dT%H:%M:%SZ}") for name, at in bounds.items()]
    offset = 0
    while True:
        answer = client.get(f"/{kind}", params=[*query, ("limit", "100"), ("offset", str(offset))])
        answer.raise_for_status()
        rows = answer.json()[kind.rpartition("/")[2]]
        yield from rows
        offset += len(rows)
        if not rows:
            return


def expected_catalog(pagerduty: httpx.Client, mapping: dict[str, Json]) -> dict[Key, Expected]:
    """Return every entity that the mapping makes of the account, entries applied in their order."""
    catalog: dict[Key, Expected] = {}
    enricher = Enricher(pagerduty)
    for entry in mapping["resources"]:
        selector = entry.get("selector", {})
        entity = entry["port"]["entity"]["mappings"]
        for document in list_all(pagerduty, entry["kind"], selector.get("apiQueryParams", {})):
            enricher.add_to(document, entry["kind"], selector)
            for item in _items(entry["port"], document):
                _apply(catalog, selector.get("query", "true"), entity, item)
    return catalog


def _items(port: dict[str, Json], document: dict[str, Json]) -> list[Json]:
    if "itemsToParse" not in port:
        return [document]
    parent = dict(document)
    path = port["itemsToParse"].removeprefix(".")
    if port.get("itemsToParseTopLevelTransform", True) and path.isidentifier():
        parent.pop(path, None)
    found = run_jq(port["itemsToParse"], document) or []
    return [{**parent, port.get("itemsToParseName", "item"): one} for one in found]


def _apply(catalog: dict[Key, Expected], query: str, entity: dict[str, Json], document: Json) -> None:
    try:
        if run_jq(query, document) is not True:
            return
        identifier, blueprint = run_jq(entity["identifier"], document), run_jq(entity["blueprint"], document)
    except NothingError:
        return
    if identifier is None or blueprint is None:
        return
    text = identifier if isinstance(identifier, str) else json.dumps(identifier)
    made = catalog.setdefault((blueprint, text), Expected())
    for name in ("title", "icon", "team"):
        if name in entity:
            try:
                setattr(made, name, run_jq(entity[name], document))
            except NothingError:
                continue
    for group in ("properties", "relations"):
        for name, expression in entity.get(group, {}).items():
            try:
                getattr(made, group)[name] = run_jq(expression, document)
            except NothingError:
                continue


def differences(
    expected: dict[Key, Expected], held: dict[str, dict[str, dict[str, Json]]], blueprints: dict[str, Json]
) -> list[str]:
    """Compare the oracle with what Port holds, property by property; an empty list is equality.

    Args:
        expected: What must be there.
        held: Blueprint to identifier to entity, as the Port simulator gives its state.
        blueprints: Blueprint to its definition: says which relations are many.
    """
    found: list[str] = []
    for (blueprint, identifier), want in sorted(expected.items()):
        have = held.get(blueprint, {}).get(identifier)
        if have is None:
            found.append(f"{blueprint}/{identifier} is missing")
            continue
        many = {name: bool(one["many"]) for name, one in blueprints[blueprint].get("relations", {}).items()}
        wanted = {
            "title": want.title,
            "icon": want.icon,
            "properties": _present(want.properties),
            "relations": _present({n: _as_many(v, many=many[n]) for n, v in want.relations.items()}),
        }
        has = {
            "title": have.get("title"),
            "icon": have.get("icon"),
            "properties": _present(have["properties"]),
            "relations": _present(have["relations"]),
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


def _as_many(value: Json, *, many: bool) -> Json:
    return [value] if many and isinstance(value, str) else value
