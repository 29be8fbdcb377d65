"""Requests that the simulated Port refuses for their frame: flags, sizes, tokens, blueprints, searches."""

from typing import Any

import pytest

from tests.unit.sim_port_client import CREDENTIALS, PortClient, port_client
from tests.unit.sim_port_rows import Row, check_refusal, entity

IDENTIFIER_PATTERN = r'"^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/=-]+$"'
NAME_PATTERN = r'"^[A-Za-z0-9@_=\\-]+$"'
UPSERT = "/blueprints/app/entities?upsert=true"
SEARCH = "/blueprints/app/entities/search"


def blueprint(**parts: Any) -> dict[str, Any]:
    return {"identifier": "new", "title": "New", "schema": {"properties": {}}, **parts}


def create(name: str, body: Any, message: str, source: str) -> Row:
    return Row(name, "POST", "/blueprints", body, 422, "invalid_request", message, source)


def search(name: str, body: Any, message: str, source: str) -> Row:
    return Row(name, "POST", SEARCH, body, 422, "invalid_request", message, source)


def rules(*several: Any, combinator: str = "and") -> dict[str, Any]:
    return {"query": {"combinator": combinator, "rules": list(several)}}


OPENAPI = "Port API, OpenAPI, body of this route"
STRICT = "undocumented; the strict reading"
ROWS = [
    # Frames, flags, paths
    Row(
        "upsert is no boolean",
        "POST",
        "/blueprints/app/entities?upsert=1",
        entity(),
        422,
        "invalid_request",
        '"upsert" must be boolean',
        "Port API, OpenAPI, query of this route",
    ),
    Row(
        "merge sent twice",
        "POST",
        f"{UPSERT}&merge=true&merge=true",
        entity(),
        422,
        "invalid_request",
        '"merge" must be boolean',
        "Port API, OpenAPI, query of this route",
    ),
    Row(
        "flag that is misspelt",
        "POST",
        f"{UPSERT}&create_missing_related_entitys=true",
        entity(),
        422,
        "invalid_request",
        '"create_missing_related_entitys" must NOT be an additional property',
        STRICT,
    ),
    Row(
        "flag of another route",
        "POST",
        "/blueprints/app/bulk/entities/delete?delete_dependents=true&merge=true",
        {"entities": ["x"]},
        422,
        "invalid_request",
        '"merge" must NOT be an additional property',
        STRICT,
    ),
    Row(
        "unknown blueprint",
        "POST",
        "/blueprints/nope/entities?upsert=true",
        entity(),
        404,
        "not_found",
        'Blueprint with identifier "nope" was not found',
        "Port API, Entity JSON rules: 404 for the whole request",
    ),
    Row(
        "bulk to unknown blueprint",
        "POST",
        "/blueprints/nope/entities/bulk",
        {"entities": [entity()]},
        404,
        "not_found",
        'Blueprint with identifier "nope" was not found',
        "Port API, Entity JSON rules: 404 for the whole request",
    ),
    Row(
        "bulk of 21",
        "POST",
        "/blueprints/app/entities/bulk",
        {"entities": [entity()] * 21},
        422,
        "invalid_request",
        '"entities" must NOT have more than 20 items',
        "Port API, Size limits",
    ),
    Row(
        "bulk of none",
        "POST",
        "/blueprints/app/entities/bulk",
        {"entities": []},
        422,
        "invalid_request",
        '"entities" must NOT have fewer than 1 items',
        "Port API, Size limits",
    ),
    Row(
        "bulk without entities",
        "POST",
        "/blueprints/app/entities/bulk",
        {},
        422,
        "invalid_request",
        "\"body\" must have required property 'entities'",
        OPENAPI,
    ),
    Row(
        "bulk with another key",
        "POST",
        "/blueprints/app/entities/bulk",
        {"entities": [entity()], "upsert": True},
        422,
        "invalid_request",
        '"upsert" must NOT be an additional property',
        OPENAPI,
    ),
    Row(
        "bulk delete of 101",
        "POST",
        "/blueprints/app/bulk/entities/delete",
        {"entities": ["a"] * 101},
        422,
        "invalid_request",
        '"entities" must NOT have more than 100 items',
        "Port API, Size limits",
    ),
    Row(
        "bulk delete of numbers",
        "POST",
        "/blueprints/app/bulk/entities/delete",
        {"entities": [1]},
        422,
        "invalid_request",
        '"entities/0" must be string',
        OPENAPI,
    ),
    Row(
        "patch of what is not there",
        "PATCH",
        "/blueprints/app/entities/zz",
        {"title": "x"},
        404,
        "not_found",
        'Entity with identifier "zz" of blueprint "app" was not found',
        OPENAPI,
    ),
    Row(
        "patch with another key",
        "PATCH",
        "/blueprints/app/entities/zz",
        {"blueprint": "app"},
        422,
        "invalid_request",
        '"blueprint" must NOT be an additional property',
        "Port API, OpenAPI, PATCH: no additional properties",
    ),
    Row(
        "patch with a bad name",
        "PATCH",
        "/blueprints/app/entities/zz",
        {"properties": {"a b": 1}},
        422,
        "invalid_request",
        f'"properties/a b" must match pattern {NAME_PATTERN}',
        "Port API, OpenAPI, PATCH: propertyNames",
    ),
    Row(
        "read of what is not there",
        "GET",
        "/blueprints/app/entities/zz",
        None,
        404,
        "not_found",
        'Entity with identifier "zz" of blueprint "app" was not found',
        OPENAPI,
    ),
    Row(
        "delete of what is not there",
        "DELETE",
        "/blueprints/app/entities/zz?delete_dependents=false",
        None,
        404,
        "not_found",
        'Entity with identifier "zz" of blueprint "app" was not found',
        OPENAPI,
    ),
    Row(
        "unknown route",
        "GET",
        "/pages",
        None,
        404,
        "not_found",
        "Route GET /v1/pages was not found",
        "the simulator has no other routes",
    ),
    Row(
        "wrong method",
        "PUT",
        "/blueprints/app/entities",
        entity(),
        405,
        "method_not_allowed",
        "Method PUT is not allowed here, only GET, POST",
        "the simulator has no other routes",
    ),
    # Blueprints
    create(
        "no title",
        {"identifier": "new", "schema": {"properties": {}}},
        "\"body\" must have required property 'title'",
        OPENAPI,
    ),
    create(
        "bad blueprint identifier",
        blueprint(identifier="a=b"),
        r'"identifier" must match pattern "^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/-]+$"',
        OPENAPI,
    ),
    create(
        "long title", blueprint(title="x" * 101), '"title" must NOT have more than 100 characters', OPENAPI
    ),
    create(
        "bad property name",
        blueprint(schema={"properties": {"a b": {"type": "string"}}}),
        f'"schema/properties/a b" must match pattern {NAME_PATTERN}',
        OPENAPI,
    ),
    create(
        "bad property type",
        blueprint(schema={"properties": {"a": {"type": "integer"}}}),
        '"schema/properties/a/type" must be equal to one of the allowed values',
        OPENAPI,
    ),
    create(
        "bad property format",
        blueprint(schema={"properties": {"a": {"type": "string", "format": "date"}}}),
        '"schema/properties/a/format" must be equal to one of the allowed values',
        OPENAPI,
    ),
    create(
        "relation without many",
        blueprint(relations={"r": {"target": "app", "required": False}}),
        "\"relations/r\" must have required property 'many'",
        OPENAPI,
    ),
    create(
        "many and required",
        blueprint(relations={"r": {"target": "app", "required": True, "many": True}}),
        '"relations/r" cannot be both many and required',
        "Port, Relate blueprints",
    ),
    Row(
        "relation to nothing",
        "POST",
        "/blueprints",
        blueprint(relations={"r": {"target": "nope", "required": False, "many": False}}),
        404,
        "not_found",
        '"relations/r/target" Blueprint with identifier "nope" was not found',
        "Port API, Blueprints: the target must exist",
    ),
    Row(
        "blueprint that exists",
        "POST",
        "/blueprints",
        blueprint(identifier="app"),
        409,
        "conflict",
        'Blueprint with identifier "app" already exists',
        "Port API, Error body and codes: create of existing",
    ),
    Row(
        "blueprint that is a target",
        "DELETE",
        "/blueprints/team",
        None,
        422,
        "has_dependents",
        'Blueprint with identifier "team" has dependant blueprints: app, strict',
        "Port's Terraform provider: has_dependents",
    ),
    # Searches
    search(
        "unknown operator",
        rules({"property": "text", "operator": "~", "value": "x"}),
        '"query/rules/0/operator" must be one of the operators isEmpty, isNotEmpty, >, >=, <, '
        "<=, between, notBetween, =, !=, containsAny, contains, doesNotContains, beginsWith, "
        "doesNotBeginsWith, endsWith, doesNotEndsWith, in, notIn",
        "Port API, OpenAPI, def-7",
    ),
    search(
        "unknown search property",
        rules({"property": "zz", "operator": "=", "value": "x"}),
        '"query/rules/0/property" "zz" is not a property or relation',
        "Port, Search: rules name properties",
    ),
    search(
        "query without combinator",
        {"query": {"rules": []}},
        "\"query\" must have required property 'combinator'",
        "Port MCP server, issue 57: this very text",
    ),
    search(
        "bad combinator",
        rules(combinator="nor"),
        '"query/combinator" must be equal to one of the allowed values',
        "Port API, OpenAPI, def-7",
    ),
    search(
        "in without list",
        rules({"property": "$identifier", "operator": "in", "value": "x"}),
        '"query/rules/0/value" must be array',
        "Port API, OpenAPI, def-7",
    ),
    search(
        "value of isEmpty",
        rules({"property": "text", "operator": "isEmpty", "value": 1}),
        '"query/rules/0/value" must NOT be an additional property',
        "Port API, OpenAPI, def-7",
    ),
    search(
        "rule without value",
        rules({"property": "text", "operator": "="}),
        "\"query/rules/0\" must have required property 'value'",
        "Port API, OpenAPI, def-7",
    ),
    search("limit over 1000", {"limit": 1001}, '"limit" must be <= 1000', "Port API, Size limits"),
    search(
        "limit of 0", {"limit": 0}, '"limit" must be >= 1', "Port API, OpenAPI, Search a blueprint's entities"
    ),
    search(
        "cursor made up",
        {"from": "zz"},
        '"from" must be a cursor from an earlier answer',
        "Port API, OpenAPI: from is a next",
    ),
    search(
        "include of nothing",
        {"include": ["zz"]},
        '"include/0" "zz" is not a property, relation or meta-property',
        "Port API, OpenAPI: include names properties and relations",
    ),
    search(
        "search with another key",
        {"rules": []},
        '"rules" must NOT be an additional property',
        "Port API, OpenAPI: additionalProperties false",
    ),
    Row(
        "token with another key",
        "POST",
        "/auth/access_token",
        {**CREDENTIALS, "grant": "x"},
        422,
        "invalid_request",
        '"grant" must NOT be an additional property',
        OPENAPI,
    ),
    Row(
        "token without secret",
        "POST",
        "/auth/access_token",
        {"clientId": "x"},
        422,
        "invalid_request",
        "\"body\" must have required property 'clientSecret'",
        OPENAPI,
    ),
    Row(
        "wrong credentials",
        "POST",
        "/auth/access_token",
        {"clientId": "x", "clientSecret": "y"},
        401,
        "unauthorized",
        "Wrong client id or client secret",
        "Port API, Authentication: 401",
    ),
    Row(
        "unknown integration",
        "GET",
        "/integration/zz",
        None,
        404,
        "not_found",
        'Integration with installationId "zz" was not found',
        OPENAPI,
    ),
    Row(
        "config with another key",
        "PATCH",
        "/integration/zz/config",
        {"config": {}, "x": 1},
        422,
        "invalid_request",
        '"x" must NOT be an additional property',
        OPENAPI,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.name}-{number}" for number, row in enumerate(ROWS)])
async def test_request_is_refused_with_this_body_and_stores_nothing(row: Row) -> None:
    await check_refusal(row)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"identifier": "a", "identifier": "b"}', 'Body is not valid JSON: key "identifier" is repeated'),
        (
            b'{"identifier": "a", "properties": {"size": NaN}}',
            "Body is not valid JSON: NaN is not a JSON number",
        ),
        (
            b'{"identifier": "a", "properties": {"size": -Infinity}}',
            "Body is not valid JSON: -Infinity is not a JSON number",
        ),
        (b"[1 2]", "Body is not valid JSON: Expecting ',' delimiter: line 1 column 4 (char 3)"),
        (b"", "Body is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
async def test_body_that_is_no_json_is_400(content: bytes, message: str) -> None:
    async with port_client() as port:
        answer = await port.call(
            "POST", UPSERT, content=content, headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()) == (
            400,
            {"ok": False, "error": "invalid_request", "message": message},
        )


async def test_body_of_another_content_type_is_415() -> None:
    async with port_client() as port:
        answer = await port.call("POST", UPSERT, content=b"{}", headers={"content-type": "text/plain"})
        message = "Content type must be application/json, is text/plain"
        assert (answer.status_code, answer.json()) == (
            415,
            {"ok": False, "error": "unsupported_media_type", "message": message},
        )


async def test_body_of_one_mebibyte_passes_and_one_byte_more_is_413() -> None:
    async with port_client() as port:
        await accepted_at_size(port, 1024 * 1024, 201)
        refused = await accepted_at_size(port, 1024 * 1024 + 1, 413)
        message = "Request body is too large (limit is 1MiB)"
        assert refused == {"ok": False, "error": "payload_too_large", "message": message}


async def accepted_at_size(port: PortClient, size_bytes: int, status: int) -> Any:
    frame = b'{"identifier":"a","properties":{"text":""}}'
    content = frame[:-3] + b"x" * (size_bytes - len(frame)) + frame[-3:]
    answer = await port.call("POST", UPSERT, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    return answer.json()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "Missing authorization header"),
        ("token", "Authorization header must be a bearer token"),
        ("Basic abc", "Authorization header must be a bearer token"),
        ("Bearer other", "Access token is not valid"),
    ],
)
async def test_request_without_the_token_is_401(header: str | None, message: str) -> None:
    async with port_client(logged_in=False) as port:
        headers = {} if header is None else {"authorization": header}
        answer = await port.call("GET", "/blueprints", headers=headers)
        assert (answer.status_code, answer.json()) == (
            401,
            {"ok": False, "error": "unauthorized", "message": message},
        )


async def test_creating_what_exists_without_upsert_is_409() -> None:
    async with port_client() as port:
        assert (await port.upsert("app", entity(), query="upsert=false")).status_code == 201
        answer = await port.upsert("app", entity(), query="upsert=false&merge=true")
        message = 'Entity with identifier "a" of blueprint "app" already exists'
        assert (answer.status_code, answer.json()) == (
            409,
            {"ok": False, "error": "conflict", "message": message},
        )
