"""Entities that the simulated Port refuses: one per row, with the status and the whole body of the answer."""

from typing import Any

import pytest

from tests.unit.sim_port_rows import Row, check_refusal, entity

IDENTIFIER_PATTERN = r'"^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/=-]+$"'
NAME_PATTERN = r'"^[A-Za-z0-9@_=\\-]+$"'
UPSERT = "/blueprints/app/entities?upsert=true"
SEARCH = "/blueprints/app/entities/search"


def upsert(
    name: str, body: Any, message: str, source: str, status: int = 422, error: str = "invalid_request"
) -> Row:
    return Row(name, "POST", UPSERT, body, status, error, message, source)


def property_row(name: str, value: Any, text: str) -> Row:
    return upsert(
        f"property {name}",
        entity(properties={name.split()[0]: value}),
        f'"properties/{name.split()[0]}{name.partition(" ")[2]}" {text}',
        "Port API, Entity JSON rules: a value that breaks the blueprint is 422, the message names its path",
    )


OPENAPI = "Port API, OpenAPI, body of this route"
STRICT = "undocumented; the strict reading"
ROWS = [
    # Bodies of entities
    upsert("no object", [], '"body" must be object', OPENAPI),
    upsert(
        "no identifier",
        {},
        "\"body\" must have required property 'identifier'",
        "stricter than Port, which makes one up",
    ),
    upsert("number as identifier", {"identifier": 5}, '"identifier" must be string or search query', OPENAPI),
    upsert(
        "space in identifier",
        {"identifier": "a b"},
        f'"identifier" must match pattern {IDENTIFIER_PATTERN}',
        OPENAPI,
    ),
    upsert(
        "identifier is a dot",
        {"identifier": "."},
        f'"identifier" must match pattern {IDENTIFIER_PATTERN}',
        OPENAPI,
    ),
    upsert(
        "newline after identifier",
        {"identifier": "a\n"},
        f'"identifier" must match pattern {IDENTIFIER_PATTERN}',
        OPENAPI,
    ),
    upsert(
        "empty identifier",
        {"identifier": ""},
        f'"identifier" must match pattern {IDENTIFIER_PATTERN}',
        OPENAPI,
    ),
    upsert(
        "long identifier",
        {"identifier": "a" * 1001},
        '"identifier" must NOT have more than 1000 characters',
        OPENAPI,
    ),
    upsert(
        "null title", entity(title=None), '"title" must be string', "Port API, OpenAPI: null only in PATCH"
    ),
    upsert("number as icon", entity(icon=1), '"icon" must be string', OPENAPI),
    upsert(
        "number as team", entity(team=1), '"team" must be string, array of string or search query', OPENAPI
    ),
    upsert("number in team", entity(team=["x", 1]), '"team/1" must be string', OPENAPI),
    upsert("null properties", entity(properties=None), '"properties" must be object', OPENAPI),
    upsert("list of relations", entity(relations=[]), '"relations" must be object', OPENAPI),
    upsert(
        "number as relation",
        entity(relations={"team": 1}),
        '"relations/team" must be string, array of string, null or search query',
        OPENAPI,
    ),
    upsert(
        "null in relation", entity(relations={"parts": [None]}), '"relations/parts/0" must be string', OPENAPI
    ),
    upsert(
        "bad target",
        entity(relations={"team": "a b"}),
        f'"relations/team" must match pattern {IDENTIFIER_PATTERN}',
        OPENAPI,
    ),
    # Against the blueprint
    upsert(
        "unknown property",
        entity(properties={"extrakey": 1}),
        '"properties/extrakey" is not a property of blueprint "app"',
        "Port API, Entity JSON rules: unknown property, taken as 422",
    ),
    upsert(
        "unknown relation",
        entity(relations={"port_user": "x"}),
        '"relations/port_user" is not a relation of blueprint "app"',
        "Ocean, issue 487: the message names relations/…",
    ),
    property_row("text", 1, "must be string"),
    property_row("size", "1", "must be number"),
    property_row("size", True, "must be number"),
    property_row("size", 0, "must be >= 1"),
    property_row("size", 11, "must be <= 10"),
    property_row("live", "true", "must be boolean"),
    property_row("meta", [], "must be object"),
    property_row("tags", "x", "must be array"),
    property_row("tags /1", ["x", 1], "must be string"),
    property_row("tags", ["x", "y", "z"], "must NOT have more than 2 items"),
    property_row("mails /0", ["nobody"], 'must match format "email"'),
    property_row("tier", "bronze", "must be equal to one of the allowed values"),
    property_row("short", "abcd", "must NOT have more than 3 characters"),
    property_row("short", "a", "must NOT have fewer than 2 characters"),
    property_row("short", "A1", 'must match pattern "^[a-z]+$"'),
    property_row("at", "2026-01-31", 'must match format "date-time"'),
    property_row("at", "2026-01-31T10:00:00", 'must match format "date-time"'),
    property_row("at", "2026-02-30T10:00:00Z", 'must match format "date-time"'),
    property_row("until", "tomorrow", 'must match format "timer"'),
    property_row("url", "example.com/x", 'must match format "url"'),
    property_row("mail", "a@b", 'must match format "email"'),
    property_row("owner", "Adam", 'must match format "user"'),
    property_row("v4", "1.2.3.256", 'must match format "ipv4"'),
    property_row("v6", "1.2.3.4", 'must match format "ipv6"'),
    upsert(
        "scalar for many",
        entity(relations={"parts": "a"}),
        '"relations/parts" must be array: the relation is to many',
        STRICT,
    ),
    upsert(
        "list for one",
        entity(relations={"team": ["x"]}),
        '"relations/team" must be string: the relation is to one',
        STRICT,
    ),
    upsert(
        "missing target",
        entity(relations={"team": "gone"}),
        '"relations/team" Entity with identifier "gone" of blueprint "team" was not found',
        "Ocean: 404 and not_found is an unmet dependency",
        404,
        "not_found",
    ),
    upsert(
        "missing target of many",
        entity(relations={"parts": ["a", "gone"]}),
        '"relations/parts/1" Entity with identifier "gone" of blueprint "app" was not found',
        "Ocean: 404 and not_found is an unmet dependency",
        404,
        "not_found",
    ),
    Row(
        "no user is made",
        "POST",
        f"{UPSERT}&create_missing_related_entities=true",
        entity(relations={"owner_user": "a@b.c"}),
        404,
        "not_found",
        '"relations/owner_user" Entity with identifier "a@b.c" of blueprint "_user" was not found',
        "Port API, Flag meaning: not for _user and _team",
    ),
    Row(
        "required property",
        "POST",
        "/blueprints/strict/entities?upsert=true",
        entity(),
        422,
        "invalid_request",
        "\"properties\" must have required property 'key'",
        "Port, Blueprint schema: required",
    ),
    Row(
        "null for required",
        "POST",
        "/blueprints/strict/entities?upsert=true",
        entity(properties={"key": None}),
        422,
        "invalid_request",
        '"properties/key" must NOT be null: it is required',
        "Port, Blueprint schema: required",
    ),
    Row(
        "required relation",
        "POST",
        "/blueprints/strict/entities?upsert=true&merge=true",
        entity(properties={"key": "k"}),
        422,
        "invalid_request",
        "\"relations\" must have required property 'team'",
        "Port, Relate blueprints: required",
    ),
    # Search objects
    upsert(
        "search without match",
        {"identifier": {"combinator": "and", "rules": [{"property": "text", "operator": "=", "value": "x"}]}},
        '"identifier" must match exactly one entity, matched 0',
        "Port, Search identifiers: zero never creates",
        404,
        "not_found",
    ),
    upsert(
        "search operator",
        {
            "identifier": {
                "combinator": "and",
                "rules": [{"property": "text", "operator": "beginsWith", "value": "x"}],
            }
        },
        '"identifier/rules/0/operator" must be equal to one of the allowed values',
        "Port API, OpenAPI, def-5",
    ),
    upsert(
        "search combinator",
        entity(relations={"team": {"combinator": "not", "rules": []}}),
        '"relations/team/combinator" must be equal to one of the allowed values',
        "Port API, OpenAPI, def-6",
    ),
    upsert(
        "search value",
        entity(
            relations={
                "team": {
                    "combinator": "or",
                    "rules": [{"property": "$title", "operator": "in", "value": "x"}],
                }
            }
        ),
        '"relations/team/rules/0/value" must be array of string',
        "Port API, OpenAPI, def-6",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.name}-{number}" for number, row in enumerate(ROWS)])
async def test_entity_is_refused_with_this_body_and_stores_nothing(row: Row) -> None:
    await check_refusal(row)
