"""Whatever JSON is sent, the simulated Port answers, and refuses in Port's own shape."""

from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sim_port_client import port_client

KEYS = st.sampled_from(
    [
        "identifier",
        "title",
        "team",
        "properties",
        "relations",
        "entities",
        "query",
        "combinator",
        "rules",
        "property",
        "operator",
        "value",
        "schema",
        "type",
        "format",
        "target",
        "many",
        "required",
        "text",
        "size",
        "limit",
        "from",
        "include",
        "preset",
        "config",
        "at",
        "parts",
        "pattern",
        "enum",
        "items",
        "maxLength",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 1001) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.sampled_from(
    [
        "a",
        "and",
        "or",
        "=",
        "in",
        "between",
        "contains",
        "isEmpty",
        "<",
        "text",
        "at",
        "$identifier",
        "string",
        "number",
        "array",
        "(",
        "app",
        "_user",
        "a b",
        "today",
        "2026-01-01T00:00:00Z",
        "",
    ]
)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ROUTES = st.sampled_from(
    [
        ("POST", "/blueprints/app/entities?upsert=true&create_missing_related_entities=true"),
        ("POST", "/blueprints/app/entities/bulk?upsert=true&merge=true"),
        ("PATCH", "/blueprints/app/entities/here"),
        ("PUT", "/blueprints/app/entities/here"),
        ("POST", "/blueprints/app/bulk/entities/delete?delete_dependents=true"),
        ("POST", "/blueprints/app/entities/search"),
        ("POST", "/entities/search"),
        ("POST", "/blueprints/entities/datasource-entities"),
        ("POST", "/blueprints"),
        ("PUT", "/blueprints/app"),
        ("PATCH", "/blueprints/app"),
        ("POST", "/integration"),
        ("PATCH", "/integration/mine"),
        ("PATCH", "/integration/mine/config"),
        ("PATCH", "/integration/mine/resync-state"),
        ("POST", "/auth/access_token"),
    ]
)


def shaped(route: tuple[str, str], value: Any) -> Any:
    """Puts a value where the route looks for one, so that it is not refused for its frame alone."""
    path = route[1]
    if "entities/bulk" in path:
        return {"entities": [value, {"identifier": "b", "properties": value, "relations": value}]}
    if path.endswith("entities/search") and "blueprints" in path:
        return {
            "query": {
                "combinator": "and",
                "rules": [value, {"property": "at", "operator": "=", "value": value}],
            }
        }
    if path.startswith("/blueprints/app/entities"):
        return {
            "identifier": "c",
            "properties": {"text": value, "meta": value},
            "relations": {"parts": value},
        }
    if path.startswith("/blueprints") and "entities" not in path:
        return {
            "identifier": "new",
            "title": "New",
            "schema": {"properties": {"p": value}},
            "relations": value,
        }
    return value


@settings(deadline=None, max_examples=300)
@given(route=ROUTES, value=VALUES, is_shaped=st.booleans())
async def test_any_json_is_answered_and_refused_in_ports_shape(
    route: tuple[str, str], value: Any, is_shaped: bool
) -> None:
    async with port_client() as port:
        await port.upsert("app", {"identifier": "here"})
        await port.call(
            "POST", "/integration", {"installationId": "mine", "installationAppType": "pagerduty"}
        )
        method, path = route
        answer: httpx.Response = await port.call(method, path, shaped(route, value) if is_shaped else value)
        assert answer.status_code in (200, 201, 207, 400, 401, 404, 409, 422)
        if answer.status_code >= 400:
            body = answer.json()
            assert (set(body), body["ok"]) == ({"ok", "error", "message"}, False)
        state = (await port.http.get("/_sim/state")).json()
        assert (await port.http.put("/_sim/state", json=state)).status_code == 204


@settings(deadline=None, max_examples=100)
@given(
    state=st.fixed_dictionaries(
        {}, optional={"blueprints": VALUES, "entities": VALUES, "integrations": VALUES}
    )
)
async def test_any_state_is_taken_or_refused(state: Any) -> None:
    async with port_client() as port:
        answer = await port.http.put("/_sim/state", json=state)
        assert answer.status_code in (204, 422)
