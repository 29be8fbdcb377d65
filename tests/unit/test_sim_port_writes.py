"""What a write to the simulated Port stores: merge, override, relations, placeholders, owners, versions."""

from typing import Any

from simulators.port.blueprints import DEMO_BLUEPRINTS
from tests.unit.sim_port_client import USER_AGENT, port_client

MERGE = "upsert=true&merge=true"
CREATE_MISSING = "upsert=true&merge=true&create_missing_related_entities=true"
FULL: dict[str, Any] = {
    "identifier": "a",
    "title": "First",
    "icon": "App",
    "team": ["core"],
    "blueprint": "app",
    "properties": {"text": "one", "size": 2},
    "relations": {"parts": []},
}


async def test_stored_entity_has_times_writer_and_only_known_keys() -> None:
    async with port_client() as port:
        answer = await port.upsert("app", {**FULL, "unknownKey": 1})
        stored = {
            "identifier": "a",
            "blueprint": "app",
            "title": "First",
            "icon": "App",
            "team": ["core"],
            "properties": {"text": "one", "size": 2},
            "relations": {"parts": []},
            "createdAt": "2026-03-01T12:00:00.000Z",
            "createdBy": "simulated-client",
            "updatedAt": "2026-03-01T12:00:00.000Z",
            "updatedBy": "simulated-client",
        }
        assert (answer.status_code, answer.json()) == (201, {"ok": True, "entity": stored})
        assert await port.entity("app", "a") == stored


async def test_merge_keeps_what_is_not_sent_and_null_clears() -> None:
    async with port_client() as port:
        await port.upsert("app", FULL)
        port.clock.move(1.5)
        sent = {"identifier": "a", "properties": {"size": None, "live": True}}
        entity = (await port.upsert("app", sent, MERGE)).json()["entity"]
        assert (entity["title"], entity["team"], entity["properties"], entity["relations"]) == (
            "First",
            ["core"],
            {"text": "one", "live": True},
            {"parts": []},
        )
        assert (entity["createdAt"], entity["updatedAt"]) == (
            "2026-03-01T12:00:00.000Z",
            "2026-03-01T12:00:01.500Z",
        )


async def test_override_clears_what_is_not_sent() -> None:
    async with port_client() as port:
        await port.upsert("app", FULL)
        entity = (await port.upsert("app", {"identifier": "a", "properties": {"live": False}})).json()[
            "entity"
        ]
        assert "title" not in entity
        assert "icon" not in entity
        assert (entity["team"], entity["properties"], entity["relations"]) == ([], {"live": False}, {})


async def test_required_property_may_be_left_out_only_of_a_merge_into_what_exists() -> None:
    async with port_client() as port:
        await port.upsert("team", {"identifier": "t"})
        whole = {"identifier": "s", "properties": {"key": "k"}, "relations": {"team": "t"}}
        part = {"identifier": "s", "properties": {"note": "n"}}
        assert (await port.upsert("strict", part, MERGE)).status_code == 422
        assert (await port.upsert("strict", whole, MERGE)).status_code == 201
        assert (await port.upsert("strict", part, MERGE)).status_code == 201
        assert (await port.upsert("strict", part)).status_code == 422
        cleared = await port.upsert("strict", {"identifier": "s", "properties": {"key": None}}, MERGE)
        assert cleared.json()["message"] == '"properties/key" must NOT be null: it is required'


async def test_bulk_stores_the_good_items_and_reports_each_by_index() -> None:
    async with port_client() as port:
        await port.upsert("app", {"identifier": "old"})
        items = [
            {"identifier": "new"},
            {"identifier": "bad", "properties": {"size": "x"}},
            {"identifier": "old", "properties": {"size": 3}},
            {"identifier": "no good"},
            {"identifier": "lonely", "relations": {"team": "gone"}},
            {"identifier": "new", "properties": {"size": 4}},
            {"identifier": {"combinator": "and", "rules": []}},
            7,
        ]
        answer = await port.bulk("app", items)
        pattern = r'"^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/=-]+$"'
        missing = '"relations/team" Entity with identifier "gone" of blueprint "team" was not found'

        def error(index: int, identifier: str, message: str, status: int = 422) -> dict[str, Any]:
            code = "not_found" if status == 404 else "invalid_request"
            return {
                "identifier": identifier,
                "index": index,
                "statusCode": status,
                "error": code,
                "message": message,
            }

        assert (answer.status_code, answer.json()) == (
            207,
            {
                "ok": False,
                "entities": [
                    {"created": True, "identifier": "new", "index": 0},
                    {"created": False, "identifier": "old", "index": 2},
                ],
                "errors": [
                    error(1, "bad", '"properties/size" must be number'),
                    error(3, "no good", f'"identifier" must match pattern {pattern}'),
                    error(4, "lonely", missing, 404),
                    error(5, "new", '"identifier" "new" is in this call already'),
                    error(6, "unknown", '"identifier" must match exactly one entity, matched 2'),
                    error(7, "unknown", '"body" must be object'),
                ],
            },
        )
        assert (await port.entity("app", "new"))["properties"] == {}


async def test_bulk_without_a_fault_is_200() -> None:
    async with port_client() as port:
        answer = await port.bulk("app", [{"identifier": "b"}])
        body = {"ok": True, "entities": [{"created": True, "identifier": "b", "index": 0}], "errors": []}
        assert (answer.status_code, answer.json()) == (200, body)


async def test_bulk_can_be_told_to_fail_as_a_whole_as_the_openapi_reads() -> None:
    async with port_client(bulk_schema_fails_call=True) as port:
        answer = await port.bulk("app", [{"identifier": "b"}, {"identifier": "c", "title": 1}])
        assert (answer.status_code, answer.json()["message"]) == (422, '"entities/1/title" must be string')
        assert (await port.writes())["entity_writes"] == 0


async def test_earlier_item_of_a_bulk_can_be_the_target_of_a_later_one() -> None:
    async with port_client() as port:
        items = [{"identifier": "x"}, {"identifier": "y", "relations": {"parts": ["x", "y"]}}]
        assert (await port.bulk("app", items)).status_code == 200


async def test_missing_targets_become_placeholders_of_the_callers_datasource() -> None:
    async with port_client() as port:
        sent = {"identifier": "a", "relations": {"team": "t1", "parts": ["a", "p1", "p1"]}}
        await port.upsert("app", sent, CREATE_MISSING)
        state = (await port.http.get("/_sim/state")).json()
        placeholders = {
            (one["blueprint"], one["identifier"]): one["$datasource"]
            for one in state["entities"]
            if one["$placeholder"]
        }
        assert placeholders == {("team", "t1"): USER_AGENT, ("app", "p1"): USER_AGENT}
        await port.upsert("team", {"identifier": "t1", "title": "Team one"}, MERGE)
        assert await port.writes() == {
            "entity_writes": 2,
            "entities_created": 1,
            "entities_updated": 1,
            "entities_deleted": 0,
            "placeholders_created": 2,
            "blueprint_writes": 0,
        }


async def test_validation_only_judges_and_stores_nothing() -> None:
    async with port_client() as port:
        query = f"{CREATE_MISSING}&validation_only=true"
        good = await port.upsert("app", {"identifier": "a", "relations": {"team": "t1"}}, query)
        bad = await port.upsert("app", {"identifier": "a", "properties": {"size": "x"}}, query)
        assert (good.status_code, bad.status_code) == (201, 422)
        assert (await port.http.get("/_sim/state")).json()["entities"] == []
        assert set((await port.writes()).values()) == {0}


async def test_null_relation_clears_it_and_frees_its_target() -> None:
    async with port_client() as port:
        await port.upsert("team", {"identifier": "t"})
        await port.upsert("app", {"identifier": "a", "relations": {"team": "t"}})
        refused = await port.call("DELETE", "/blueprints/team/entities/t?delete_dependents=false")
        message = 'Entity with identifier "t" of blueprint "team" has dependant entities: app/a'
        assert (refused.status_code, refused.json()) == (
            422,
            {"ok": False, "error": "has_dependents", "message": message},
        )
        entity = (await port.upsert("app", {"identifier": "a", "relations": {"team": None}}, MERGE)).json()
        assert entity["entity"]["relations"] == {}
        freed = await port.call("DELETE", "/blueprints/team/entities/t?delete_dependents=false")
        assert (freed.status_code, freed.json()) == (200, {"ok": True})


async def test_search_object_names_one_entity_and_searched_relations_are_resolved() -> None:
    async with port_client() as port:
        await port.upsert("team", {"identifier": "t", "title": "Core"})
        await port.bulk(
            "app", [{"identifier": f"a{n}", "properties": {"text": f"x{n % 2}"}} for n in range(3)]
        )

        def rule(prop: str, operator: str, value: Any) -> dict[str, Any]:
            return {"combinator": "and", "rules": [{"property": prop, "operator": operator, "value": value}]}

        sent = {
            "identifier": rule("text", "=", "x1"),
            "relations": {"team": rule("$title", "=", "Core"), "parts": rule("text", "in", ["x0"])},
        }
        entity = (await port.upsert("app", sent, MERGE)).json()["entity"]
        assert (entity["identifier"], entity["relations"]) == ("a1", {"team": "t", "parts": ["a0", "a2"]})
        several = await port.upsert("app", {"identifier": rule("text", "=", "x0")}, MERGE)
        assert (several.status_code, several.json()["message"]) == (
            422,
            '"identifier" must match exactly one entity, matched 2',
        )


async def test_searched_relation_names_at_most_100_entities() -> None:
    async with port_client() as port:
        for start in range(0, 120, 20):
            await port.bulk("app", [{"identifier": f"p{start + n:03}"} for n in range(20)])
        everything = {
            "combinator": "and",
            "rules": [{"property": "$identifier", "operator": "contains", "value": "p"}],
        }
        entity = (await port.upsert("app", {"identifier": "a", "relations": {"parts": everything}})).json()
        assert entity["entity"]["relations"]["parts"] == [f"p{n:03}" for n in range(100)]


async def test_patch_keeps_and_put_clears() -> None:
    async with port_client() as port:
        await port.upsert("app", FULL)
        path = "/blueprints/app/entities/a"
        patched = (await port.call("PATCH", path, {"title": None, "properties": {"live": True}})).json()[
            "entity"
        ]
        assert "title" not in patched
        assert patched["properties"] == {"text": "one", "size": 2, "live": True}
        put = (await port.call("PUT", path, {"properties": {"size": 5}})).json()["entity"]
        assert (put["team"], put["properties"]) == ([], {"size": 5})


async def test_slash_in_an_identifier_is_part_of_it_when_encoded() -> None:
    async with port_client() as port:
        await port.upsert("app", {"identifier": "org/repo:x"})
        answer = await port.call("GET", "/blueprints/app/entities/org%2Frepo%3Ax")
        assert answer.json()["entity"]["identifier"] == "org/repo:x"


async def test_delete_takes_dependents_of_dependents_when_told() -> None:
    async with port_client() as port:
        await port.upsert("team", {"identifier": "t"})
        await port.upsert("app", {"identifier": "a", "relations": {"team": "t"}})
        await port.upsert("app", {"identifier": "b", "relations": {"parts": ["a"]}})
        answer = await port.call("DELETE", "/blueprints/team/entities/t?delete_dependents=true")
        count = await port.call("GET", "/blueprints/app/entities-count")
        assert (answer.json(), count.json()) == ({"ok": True}, {"ok": True, "count": 0})
        assert (await port.writes())["entities_deleted"] == 3


async def test_bulk_delete_is_all_or_nothing_and_names_what_it_deleted() -> None:
    async with port_client() as port:
        await port.bulk("app", [{"identifier": name} for name in "abc"])
        await port.upsert("app", {"identifier": "d", "relations": {"parts": ["b"]}})
        path = "/blueprints/app/bulk/entities/delete?delete_dependents=false"
        refused = await port.call("POST", path, {"entities": ["a", "b"]})
        assert (refused.status_code, (await port.writes())["entities_deleted"]) == (422, 0)
        answer = await port.call("POST", path, {"entities": ["c", "gone", "a", "a"]})
        assert (answer.status_code, answer.json()) == (200, {"ok": True, "deletedEntities": ["c", "a"]})


async def test_history_tells_every_version_with_its_writer_and_updated_at_always_grows() -> None:
    async with port_client() as port:
        await port.upsert("app", {"identifier": "a", "properties": {"size": 1}})
        other = {"user-agent": "other/1.0"}
        await port.call(
            "POST", f"/blueprints/app/entities?{MERGE}", {"identifier": "a", "title": "x"}, headers=other
        )
        await port.call("DELETE", "/blueprints/app/entities/a?delete_dependents=false")
        await port.upsert("app", {"identifier": "a"})
        versions = (await port.http.get("/_sim/entities/app/a/history")).json()["versions"]
        seen = [(one["version"], one["change"], one["updatedAt"], one["$datasource"]) for one in versions]
        assert seen == [
            (1, "created", "2026-03-01T12:00:00.000Z", USER_AGENT),
            (2, "updated", "2026-03-01T12:00:00.001Z", "other/1.0"),
            (3, "deleted", "2026-03-01T12:00:00.001Z", "other/1.0"),
            (4, "created", "2026-03-01T12:00:00.000Z", USER_AGENT),
        ]
        assert (await port.http.get("/_sim/entities/app/zz/history")).status_code == 404


async def test_changes_count_versions_deletes_repetitions_and_steps_back() -> None:
    async with port_client() as port:
        for size in (1, 2, 2, 1):
            await port.upsert("app", {"identifier": "a", "properties": {"size": size}})
        await port.call("DELETE", "/blueprints/app/entities/a?delete_dependents=false")
        await port.upsert("app", {"identifier": "a", "properties": {"size": 1}})
        entity = {"blueprint": "app", "identifier": "a"}
        counts = {"versions": 6, "deletes": 1, "repeats": 1}
        told = (await port.http.get("/_sim/changes")).json()["changes"]
        assert told == [{**entity, **counts, "falls": 0}]
        told = (await port.http.get("/_sim/changes?ordered_by=size")).json()["changes"]
        assert told == [{**entity, **counts, "falls": 1}]


async def test_state_survives_a_round_trip_and_an_impossible_state_is_refused() -> None:
    async with port_client() as port, port_client(blueprints=[]) as empty:
        await port.upsert("app", {**FULL, "relations": {"team": "t"}}, CREATE_MISSING)
        await port.call(
            "POST", "/integration", {"installationId": "i", "installationAppType": "pagerduty", "config": {}}
        )
        state = (await port.http.get("/_sim/state")).json()
        assert (await empty.http.put("/_sim/state", json=state)).status_code == 204
        assert (await empty.http.get("/_sim/state")).json() == state
        state["entities"] = [one for one in state["entities"] if one["blueprint"] == "app"]
        refused = await empty.http.put("/_sim/state", json=state)
        assert (refused.status_code, refused.json()) == (
            422,
            {"errors": ['"app/a/relations/team" names no entity: t']},
        )


async def test_demo_blueprints_can_be_created_one_by_one_in_their_order() -> None:
    async with port_client(blueprints=[]) as port:
        statuses = [
            (await port.call("POST", "/blueprints", dict(blueprint))).status_code
            for blueprint in DEMO_BLUEPRINTS
        ]
        assert statuses == [201] * 8
        read = await port.call("GET", "/blueprints/pagerdutyIncident")
        assert read.json() == {"ok": True, "blueprint": dict(DEMO_BLUEPRINTS[5])}


async def test_blueprint_is_patched_by_part_and_deleted_only_when_nothing_depends_on_it() -> None:
    async with port_client() as port:
        patched = await port.call("PATCH", "/blueprints/strict", {"relations": {}, "title": "Loose"})
        assert (patched.status_code, patched.json()["blueprint"]["relations"]) == (200, {})
        await port.upsert("strict", {"identifier": "s", "properties": {"key": "k"}})
        refused = await port.call("DELETE", "/blueprints/strict")
        assert refused.json()["message"] == 'Blueprint with identifier "strict" has dependant entities'
        await port.call("DELETE", "/blueprints/strict/entities/s?delete_dependents=false")
        assert (await port.call("DELETE", "/blueprints/strict")).json() == {"ok": True}
        assert (await port.call("GET", "/blueprints/strict")).status_code == 404
