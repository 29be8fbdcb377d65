"""Creates missing blueprints in a simulated Port: order, mutual relations, failures, dry run."""

from typing import Any

import pytest

from schemas.mapping import MappingFile
from services.fetcher.first_start import FirstStart, create_missing_blueprints
from shared.errors import FatalError, PagerportError, RejectedError
from shared.port.persistence import Patience
from shared.port.planning import PlanningPortClient
from tests.service.port_setting import APP, IDENTIFIER, TEAM, Setting, port_setting

CREATE = {"method": "POST", "path": "/v1/blueprints"}
PATCH = {"method": "PATCH", "path": "/v1/blueprints/.*"}


def blueprint(identifier: str, *targets: str) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "title": identifier.upper(),
        "schema": {"properties": {"url": {"type": "string"}}, "required": []},
        "relations": {f"to-{one}": {"target": one, "required": False, "many": True} for one in targets},
    }


A, B, C, D = blueprint("a", "b"), blueprint("b", "a"), blueprint("c", "a"), blueprint("d")
CYCLE = [C, A, B, D]


def config_of(*names: str) -> MappingFile:
    return MappingFile.model_validate(
        {
            "resources": [
                {
                    "kind": "services",
                    "port": {"entity": {"mappings": {"identifier": ".id", "blueprint": f'"{name}"'}}},
                }
                for name in names
            ]
        }
    )


async def held(setting: Setting, *names: str) -> dict[str, Any]:
    found = {name: await setting.port.get_blueprint(name) for name in names}
    return {name: one and {key: one[key] for key in A} for name, one in found.items()}


async def start(setting: Setting, *names: str, definitions: list[dict[str, Any]] = CYCLE) -> FirstStart:
    return await create_missing_blueprints(setting.port, config_of(*names), definitions)


async def test_blueprints_that_refer_to_each_other_are_created_whole() -> None:
    async with port_setting() as setting:
        assert await start(setting, "a", "b", "c", "d") == FirstStart(("d", "c", "a", "b"))
        assert await held(setting, "a", "b", "c", "d") == {"a": A, "b": B, "c": C, "d": D}


async def test_second_start_only_looks() -> None:
    async with port_setting() as setting:
        await start(setting, "a", "b", "c", "d")
        before = (await setting.writes())["blueprint_writes"]
        assert await start(setting, "a", "b", "c", "d") == FirstStart()
        assert (await setting.writes())["blueprint_writes"] == before


async def test_existing_blueprint_is_not_touched_however_it_differs() -> None:
    async with port_setting() as setting:
        other = {**blueprint("app"), "title": "Ours"}
        assert await start(setting, "app", "team", definitions=[other, TEAM]) == FirstStart()
        app = await setting.port.get_blueprint("app")
        assert app is not None
        assert (app["title"], app["relations"]) == ("App", APP["relations"])
        assert (await setting.writes())["blueprint_writes"] == 0


async def test_what_the_mapping_does_not_name_is_not_created_and_its_relations_are_left_out() -> None:
    async with port_setting() as setting:
        done = await start(setting, "c", "nowhere")
        assert done.created == ("c",)
        assert done.warnings == (
            "blueprint c: to-a is left out, for Port has no blueprint a; create that one and add it in Port "
            "if you want it",
        )
        assert await held(setting, "a", "c") == {"a": None, "c": {**C, "relations": {}}}


async def test_blueprint_that_somebody_else_creates_meanwhile_is_theirs() -> None:
    async with port_setting() as setting:
        await setting.port.create_blueprint({**A, "relations": {}})
        # A is there by now, but was not when we looked.
        await setting.script(
            {
                "match": {"method": "GET", "path": "/v1/blueprints/a"},
                "times": 1,
                "action": {"status": 404, "body": {"ok": False}},
            }
        )
        done = await start(setting, "a", "b")
        assert done.created == ("b",)
        assert await held(setting, "a", "b") == {"a": {**A, "relations": {}}, "b": B}


@pytest.mark.parametrize(
    ("match", "status", "kind", "line"),
    [
        (
            {**CREATE, "path": "/v1/blueprints"},
            422,
            RejectedError,
            "cannot create the blueprint 'c': Port, POST /v1/blueprints?create_catalog_page=true: HTTP 422: "
            "invalid: bad; created before it: d; create it yourself, or set "
            "OCEAN__INITIALIZE_PORT_RESOURCES=false to have none created",
        ),
        (
            PATCH,
            422,
            RejectedError,
            "cannot complete the blueprint 'a': Port, PATCH /v1/blueprints/a: HTTP 422: invalid: bad; "
            "created before it: d, c, a, b; without their relations yet, so delete them before the next "
            "start: a, b; create it yourself, or set OCEAN__INITIALIZE_PORT_RESOURCES=false to have none "
            "created",
        ),
    ],
    ids=["create", "complete"],
)
async def test_refusal_names_the_blueprint_ports_words_and_what_was_created(
    match: dict[str, Any], status: int, kind: type[PagerportError], line: str
) -> None:
    answer = {"status": status, "body": {"ok": False, "error": "invalid", "message": "bad"}}
    async with port_setting() as setting:
        await setting.script({"match": match, "after": 1, "action": answer})
        with pytest.raises(kind) as raised:
            await start(setting, "a", "b", "c", "d")
        said = str(raised.value)
        trace_id = said[said.index(" (X-Trace-Id") : said.index(")") + 1]
        assert said.replace(trace_id, "") == line


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_refusal_of_us_and_outage_end_with_3_and_name_the_blueprint(status: int) -> None:
    async with port_setting(patience=Patience(stall_s=60.0)) as setting:
        await setting.script({"match": CREATE, "action": {"status": status, "body": {"ok": False}}})
        with pytest.raises(FatalError) as raised:
            await start(setting, "d")
        assert raised.value.exit_code == 3
        assert str(raised.value).startswith("cannot create the blueprint 'd': Port ")
        assert "; nothing was created before it; create it yourself" in str(raised.value)


async def test_answer_that_is_lost_does_not_stop_the_start() -> None:
    async with port_setting() as setting:
        await setting.script({"match": CREATE, "times": 1, "action": {"drop_after_store": True}})
        await start(setting, "d")
        assert await held(setting, "d") == {"d": D}


async def test_dry_run_keeps_what_it_would_create_and_reads_it_back() -> None:
    async with port_setting() as setting:
        port = PlanningPortClient(setting.transport, identifier=IDENTIFIER)
        config = config_of("a", "b", "c", "app")
        assert await create_missing_blueprints(port, config, [*CYCLE, APP]) == FirstStart(("c", "a", "b"))
        assert [await port.get_blueprint(name) for name in ("a", "b", "c")] == [A, B, C]
        assert await port.search_entities("a", ["x"]) == {}
        assert await port.search_entities("app", ["x"]) == {}
        assert await create_missing_blueprints(port, config, CYCLE) == FirstStart()
        assert set((await setting.writes()).values()) == {0}
        assert await setting.port.get_blueprint("a") is None


async def test_dry_run_client_cannot_write() -> None:
    async with port_setting() as setting:
        port = PlanningPortClient(setting.transport, identifier=IDENTIFIER)
        with pytest.raises(AssertionError, match="dry run"):
            await port.bulk_upsert("app", [b'{"identifier":"a"}'], merge=True, create_missing=True)
        with pytest.raises(AssertionError, match="dry run"):
            await port.bulk_delete("app", ["a"], delete_dependents=False)
        assert await port.create_blueprint(APP) is False
        assert setting.transport.requests["bulk upsert"] == setting.transport.requests["bulk delete"] == 0
