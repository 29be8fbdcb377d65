"""Answers the searches for entities, page by page where Port has pages."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import orjson

from simulators.port.answers import Answer, invalid
from simulators.port.call import Call, string_list
from simulators.port.catalog import Catalog
from simulators.port.formats import instant_ms
from simulators.port.projection import bare_projection, path_projection
from simulators.port.query_rules import QueryScope, compile_query, only_identifiers
from simulators.port.shelf import Shelf
from simulators.port.stored import StoredEntity

SEARCH_MAX_LIMIT = 1000  # Source: Port API, OpenAPI, Search a blueprint's entities
SEARCH_DEFAULT_LIMIT = 200
DATASOURCE_MAX_LIMIT = 5000  # Source: Ocean, which asks for so many


class SearchRoutes:
    """Handlers over one catalog; each takes a call and returns an answer or raises RefusedError."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def search_blueprint(self, call: Call) -> Answer:
        """POST /v1/blueprints/{blueprint}/entities/search."""
        body = call.json_object(allowed=("query", "include", "exclude", "limit", "from"))
        include = string_list(body, "include") if "include" in body else None
        exclude = string_list(body, "exclude") if "exclude" in body else None
        limit = _limit(body, SEARCH_DEFAULT_LIMIT, SEARCH_MAX_LIMIT)
        digest = _digest(call.segments[0], body.get("query"))
        start = _start(body, digest)
        shelf = self._catalog.shelf(call.segments[0])
        properties, relations = shelf.blueprint["schema"]["properties"], shelf.rules.relations
        project = bare_projection(include, exclude, properties, relations)
        candidates = shelf.after(start)
        if "query" in body:
            scope = QueryScope(properties, relations, call.writer.at_ms)
            matches = compile_query(body["query"], scope, "query")
            candidates = filter(matches, _candidates(shelf, start, only_identifiers(body["query"])))
        page, following = _page(candidates, limit, digest)
        return Answer(200, {"ok": True, "entities": [project(entity) for entity in page], **following})

    def search_all(self, call: Call) -> Answer:
        """POST /v1/entities/search: every blueprint, no pages."""
        body = call.json_object(allowed=("combinator", "rules"))
        project = path_projection(call.values("include"), call.values("exclude"))
        properties: dict[str, Any] = {}
        relations: set[str] = set()
        for shelf in self._catalog.shelves():
            properties |= shelf.blueprint["schema"]["properties"]
            relations |= set(shelf.rules.relations)
        matches = compile_query(body, QueryScope(properties, relations, call.writer.at_ms), "body")
        found = list(filter(matches, self._all_candidates(only_identifiers(body))))
        blueprints = list(dict.fromkeys(entity.blueprint for entity in found))
        return Answer(
            200,
            {
                "ok": True,
                "entities": [project(entity) for entity in found],
                "matchingBlueprints": blueprints,
                "failedBlueprints": [],
            },
        )

    def of_datasource(self, call: Call) -> Answer:
        """POST /v1/blueprints/entities/datasource-entities.

        Source: Ocean: the datasource begins and ends so, and the entity was last updated before.
        """
        keys = ("datasource_prefix", "datasource_suffix", "limit", "from", "before")
        body = call.json_object(allowed=keys)
        prefix, suffix = _required_text(body, "datasource_prefix"), _required_text(body, "datasource_suffix")
        limit = _limit(body, DATASOURCE_MAX_LIMIT, DATASOURCE_MAX_LIMIT)
        before_ms = _instant(body, "before")
        digest = _digest("", [prefix, suffix, before_ms])
        start = _start(body, digest)

        def is_owned(entity: StoredEntity) -> bool:
            source = entity.datasource
            is_in_time = before_ms is None or entity.updated_at_ms < before_ms
            return is_in_time and source.startswith(prefix) and source.endswith(suffix)

        everything = (entity for shelf in self._catalog.shelves() for entity in shelf.after(start))
        ordered = sorted(filter(is_owned, everything), key=lambda entity: entity.sequence)
        page, following = _page(ordered, limit, digest)
        return Answer(200, {"ok": True, "entities": [entity.document() for entity in page], **following})

    def _all_candidates(self, identifiers: list[str] | None) -> Iterator[StoredEntity]:
        for shelf in self._catalog.shelves():
            yield from _candidates(shelf, 0, identifiers)


def _candidates(shelf: Shelf, start: int, identifiers: list[str] | None) -> Iterator[StoredEntity]:
    if identifiers is None:
        return shelf.after(start)
    named = (shelf.entities[identifier] for identifier in identifiers if identifier in shelf.entities)
    return iter(sorted((one for one in named if one.sequence > start), key=lambda entity: entity.sequence))


def _page(
    candidates: Iterable[StoredEntity], limit: int, digest: int
) -> tuple[list[StoredEntity], dict[str, str]]:
    """Takes one page, and a cursor when there is more."""
    page = list(islice(candidates, limit + 1))
    if len(page) <= limit:
        return page, {}
    cursor = f"{digest:08x}{page[limit - 1].sequence:x}".encode()
    return page[:limit], {"next": base64.urlsafe_b64encode(cursor).decode()}


def _start(body: dict[str, object], digest: int) -> int:
    """Reads the cursor: it belongs to one query, and is refused with another."""
    if "from" not in body:
        return 0
    try:
        text = base64.urlsafe_b64decode(_required_text(body, "from").encode()).decode()
        if int(text[:8], 16) != digest:
            raise invalid("from", "is the cursor of another search")
        return int(text[8:], 16)
    except (ValueError, binascii.Error) as error:
        raise invalid("from", "must be a cursor from an earlier answer") from error


def _digest(blueprint: str, query: object) -> int:
    return zlib.crc32(orjson.dumps([blueprint, query], option=orjson.OPT_SORT_KEYS))


def _limit(body: dict[str, object], default: int, most: int) -> int:
    limit = body.get("limit", default)
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or limit != int(limit):
        raise invalid("limit", "must be integer")
    if limit < 1:
        raise invalid("limit", "must be >= 1")
    if limit > most:
        raise invalid("limit", f"must be <= {most}")
    return int(limit)


def _required_text(body: dict[str, object], key: str) -> str:
    if key not in body:
        raise invalid("body", f"must have required property '{key}'")
    value = body[key]
    if not isinstance(value, str):
        raise invalid(key, "must be string")
    return value


def _instant(body: dict[str, object], key: str) -> int | None:
    if key not in body:
        return None
    at_ms = instant_ms(_required_text(body, key))
    if at_ms is None:
        raise invalid(key, 'must match format "date-time"')
    return at_ms
