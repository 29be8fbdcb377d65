"""How the simulated Port searches: operators, ownership, pages, and what of an entity it shows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.port.formats import instant_ms, iso_from_ms
from tests.unit.sim_port_client import USER_AGENT, PortClient, port_client

OTHER_AGENT = "port-ocean/pagerduty/0.5.141/my-integration/exporter"


async def stocked(port: PortClient) -> None:
    await port.upsert("team", {"identifier": "t"})
    await port.bulk(
        "app",
        [
            {
                "identifier": "one",
                "title": "Uno",
                "team": "core",
                "properties": {"text": "alpha", "size": 1, "live": True},
            },
            {
                "identifier": "two",
                "title": "Duo",
                "properties": {"text": "beta", "size": 2, "tags": ["x", "y"]},
                "relations": {"team": "t", "parts": ["one"]},
            },
        ],
    )
    port.clock.move(60)
    third = {"identifier": "three", "properties": {"text": "alphabet", "at": "2026-01-01T02:00:00+02:00"}}
    await port.call(
        "POST", "/blueprints/app/entities?upsert=true", third, headers={"user-agent": OTHER_AGENT}
    )


@pytest.mark.parametrize(
    ("name", "operator", "value", "found"),
    [
        ("$identifier", "=", "one", ["one"]),
        ("$identifier", "!=", "one", ["two", "three"]),
        ("$identifier", "in", ["three", "one", "gone"], ["one", "three"]),
        ("$identifier", "notIn", ["three", "one"], ["two"]),
        ("$title", "contains", "uo", ["two"]),
        ("$team", "containsAny", ["core", "x"], ["one"]),
        ("$blueprint", "=", "app", ["one", "two", "three"]),
        ("$datasource", "=", USER_AGENT, ["one", "two"]),
        ("$datasource", "beginsWith", "pagerport/", ["one", "two"]),
        ("$datasource", "endsWith", "/my-integration/exporter", ["one", "two", "three"]),
        ("$datasource", "doesNotBeginsWith", "pagerport/", ["three"]),
        ("$datasource", "contains", "port-ocean/pagerduty/", ["three"]),
        ("$updatedAt", "<", "2026-03-01T12:01:00.000Z", ["one", "two"]),
        ("$updatedAt", ">=", "2026-03-01T14:01:00+02:00", ["three"]),
        ("$createdAt", "=", "2026-03-01T13:01:00.000+01:00", ["three"]),
        (
            "$updatedAt",
            "between",
            {"from": "2026-03-01T11:59:00Z", "to": "2026-03-01T12:00:30Z"},
            ["one", "two"],
        ),
        ("$updatedAt", "notBetween", {"preset": "yesterday"}, ["one", "two", "three"]),
        ("$updatedAt", "between", {"preset": "today"}, ["one", "two", "three"]),
        ("$updatedAt", "between", {"preset": "lastWeek"}, ["one", "two", "three"]),
        ("text", "=", "alpha", ["one"]),
        ("text", "contains", "alpha", ["one", "three"]),
        ("text", "doesNotContains", "alpha", ["two"]),
        ("text", "endsWith", "a", ["one", "two"]),
        ("text", "doesNotEndsWith", "a", ["three"]),
        ("size", ">", 1, ["two"]),
        ("size", "<=", 2, ["one", "two"]),
        ("size", "=", True, []),
        ("live", "=", True, ["one"]),
        ("live", "!=", True, ["two", "three"]),
        ("tags", "containsAny", ["y", "z"], ["two"]),
        ("tags", "contains", "x", ["two"]),
        ("at", "=", "2026-01-01T00:00:00Z", ["three"]),
        ("team", "=", "t", ["two"]),
        ("parts", "containsAny", ["one"], ["two"]),
        ("text", "=", None, []),
        ("size", "=", None, ["three"]),
    ],
)
async def test_operator_finds(name: str, operator: str, value: Any, found: list[str]) -> None:
    async with port_client() as port:
        await stocked(port)
        assert await port.found({"property": name, "operator": operator, "value": value}) == found


async def test_emptiness_relation_rules_and_nested_queries_find() -> None:
    async with port_client() as port:
        await stocked(port)
        assert await port.found({"property": "size", "operator": "isEmpty"}) == ["three"]
        assert await port.found({"property": "$title", "operator": "isNotEmpty"}) == ["one", "two"]
        assert await port.found({"relation": "team", "operator": "=", "value": "t"}) == ["two"]
        assert await port.found(
            {
                "combinator": "or",
                "rules": [
                    {"property": "size", "operator": "=", "value": 1},
                    {"property": "$identifier", "operator": "=", "value": "three"},
                ],
            }
        ) == ["one", "three"]
        assert await port.found({"combinator": "or", "rules": []}) == ["one", "two", "three"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 1000])
async def test_pages_hold_every_entity_once_while_others_come_and_go(limit: int) -> None:
    async with port_client() as port:
        await port.bulk("app", [{"identifier": f"e{n}"} for n in range(6)])
        seen: list[str] = []
        body: dict[str, Any] = {"limit": limit, "include": ["$identifier"]}
        pages = 0
        while True:
            answer = (await port.call("POST", "/blueprints/app/entities/search", body)).json()
            seen.extend(one["identifier"] for one in answer["entities"])
            pages += 1
            if pages == 1:
                await port.upsert("app", {"identifier": "e5", "title": "touched"}, "upsert=true&merge=true")
            if "next" not in answer:
                break
            body["from"] = answer["next"]
        assert seen == [f"e{n}" for n in range(6)]
        assert pages == -(-6 // limit)


async def test_cursor_of_another_search_is_refused() -> None:
    async with port_client() as port:
        await port.bulk("app", [{"identifier": f"e{n}"} for n in range(2)])
        path = "/blueprints/app/entities/search"
        cursor = (await port.call("POST", path, {"limit": 1})).json()["next"]
        rule = {"property": "$title", "operator": "isEmpty"}
        other = {"query": {"combinator": "and", "rules": [rule]}, "from": cursor}
        answer = await port.call("POST", path, other)
        assert (answer.status_code, answer.json()["message"]) == (
            422,
            '"from" is the cursor of another search',
        )


async def test_search_shows_what_is_included_and_the_datasource_only_then() -> None:
    async with port_client() as port:
        await stocked(port)
        path = "/blueprints/app/entities/search"
        query = {
            "combinator": "and",
            "rules": [{"property": "$identifier", "operator": "=", "value": "two"}],
        }
        include = ["$identifier", "$updatedAt", "$datasource", "size", "live", "team"]
        included = (await port.call("POST", path, {"query": query, "include": include})).json()
        assert included == {
            "ok": True,
            "entities": [
                {
                    "identifier": "two",
                    "updatedAt": "2026-03-01T12:00:00.000Z",
                    "$datasource": USER_AGENT,
                    "properties": {"size": 2},
                    "relations": {"team": "t"},
                }
            ],
        }
        excluded = (
            await port.call("POST", path, {"query": query, "exclude": ["tags", "parts", "$team"]})
        ).json()
        assert excluded["entities"][0] == {
            "identifier": "two",
            "blueprint": "app",
            "title": "Duo",
            "properties": {"text": "beta", "size": 2},
            "relations": {"team": "t"},
            "createdAt": "2026-03-01T12:00:00.000Z",
            "createdBy": "simulated-client",
            "updatedAt": "2026-03-01T12:00:00.000Z",
            "updatedBy": "simulated-client",
        }


async def test_search_of_all_blueprints_answers_in_one_piece() -> None:
    async with port_client() as port:
        await stocked(port)
        rules = [{"property": "$identifier", "operator": "in", "value": ["t", "one"]}]
        params = {"include": ["identifier", "blueprint", "properties.size"]}
        answer = await port.call(
            "POST", "/entities/search", {"combinator": "and", "rules": rules}, params=params
        )
        assert answer.json() == {
            "ok": True,
            "entities": [
                {"identifier": "t", "blueprint": "team", "properties": {}},
                {"identifier": "one", "blueprint": "app", "properties": {"size": 1}},
            ],
            "matchingBlueprints": ["team", "app"],
            "failedBlueprints": [],
        }


async def test_entities_of_a_datasource_are_those_of_prefix_suffix_and_time() -> None:
    async with port_client() as port:
        await stocked(port)

        async def owned(**more: Any) -> tuple[list[str], bool]:
            body = {
                "datasource_suffix": "/my-integration/exporter",
                "datasource_prefix": "pagerport/",
                **more,
            }
            answer = (await port.call("POST", "/blueprints/entities/datasource-entities", body)).json()
            return [one["identifier"] for one in answer["entities"]], "next" in answer

        assert await owned() == (["t", "one", "two"], False)
        assert await owned(limit=2) == (["t", "one"], True)
        assert await owned(before="2026-03-01T12:00:00.000Z") == ([], False)
        assert await owned(datasource_prefix="port-ocean/") == (["three"], False)


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_every_instant_survives_being_written_and_read(at_ms: int) -> None:
    assert instant_ms(iso_from_ms(at_ms)) == at_ms
