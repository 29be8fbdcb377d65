"""Starts `pagerport sync` where Port has no mapping, or lacks blueprints."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml

from tests.oracle import differences, expected_catalog
from tests.pipeline.harness import TOKEN, Stage, pagerduty, port
from tests.pipeline.mappings import PAGE, PAGE_INCIDENTS, PAGE_SCHEDULES, PAGE_SERVICES

pytestmark = pytest.mark.pipeline
DEFAULTS = files("services.fetcher.defaults")
BLUEPRINTS: list[Any] = orjson.loads(DEFAULTS.joinpath("blueprints.json").read_bytes())
MAPPING: Any = yaml.safe_load(DEFAULTS.joinpath("mapping.yaml").read_text())
NAMES = sorted(one["identifier"] for one in BLUEPRINTS)
OWN_SERVICE = {
    "identifier": "pagerdutyService",
    "title": "Our services",
    "icon": "Microservice",
    "schema": {"properties": {"url": {"type": "string"}, "tier": {"type": "string"}}, "required": []},
    "relations": {},
}


@contextmanager
def stage_of(tmp_path: Path, blueprints: Sequence[Any] = ()) -> Iterator[Stage]:
    with (
        pagerduty("--account", "small", "--incidents", "60") as source,
        port(tmp_path, blueprints=blueprints) as target,
    ):
        yield Stage(source, target, tmp_path)


def keep_in_port(stage: Stage, config: Any) -> None:
    """Let Port hold a mapping for the integration."""
    state = stage.port.state()
    at = "2026-01-01T00:00:00.000Z"
    integration = {"identifier": "pipeline", "installationId": "pipeline", "config": config}
    state["integrations"] = {
        "stored": {"pipeline": {**integration, "createdAt": at, "updatedAt": at}},
        "requests": {},
    }
    stage.port.http.put("/_sim/state", json=state).raise_for_status()


def expected(stage: Stage) -> Any:
    headers = {
        "Authorization": f"Token token={TOKEN}",
        "Accept": "application/vnd.pagerduty+json;version=2",
    }
    with httpx.Client(base_url=stage.pagerduty.url, headers=headers, timeout=30) as client:
        return expected_catalog(client, MAPPING)


def definition(blueprint: Any) -> Any:
    return {key: value for key, value in blueprint.items() if value and not key.endswith(("At", "By"))}


def warnings_of(result: Any) -> str:
    return "\n".join(result["warnings"])


def test_empty_port_gets_blueprints_and_everything_of_the_default_mapping(tmp_path: Path) -> None:
    with stage_of(tmp_path) as stage:
        ended = stage.run("sync", "--json")

        assert ended.code == 0, ended.err
        assert sorted(ended.result["created_blueprints"]) == NAMES
        assert {name: definition(one) for name, one in stage.blueprints().items()} == {
            one["identifier"]: definition(one) for one in BLUEPRINTS
        }
        want, have = expected(stage), stage.catalog()
        assert set(have) == set(NAMES)
        assert differences(want, have, stage.blueprints()) == []


def test_second_start_creates_and_writes_nothing(tmp_path: Path) -> None:
    with stage_of(tmp_path) as stage:
        assert stage.run("sync").code == 0
        before = stage.port.counters()["writes"]
        again = stage.run("sync", "--json")

        assert (again.code, again.result["created_blueprints"]) == (0, [])
        assert stage.port.counters()["writes"] == before


def test_report_says_which_blueprints_were_created(tmp_path: Path) -> None:
    with stage_of(tmp_path) as stage:
        ended = stage.run("sync")

        assert ended.code == 0
        assert "blueprints created: pagerdutyUser, pagerdutyEscalationPolicy" in ended.out
        assert "in force: default mapping" in ended.err


def test_mapping_file_leaves_what_port_holds_as_it_is(tmp_path: Path) -> None:
    with stage_of(tmp_path) as stage:
        file = stage.mapping(yaml.safe_dump({**MAPPING, "resources": MAPPING["resources"][:1]}))

        assert stage.run("sync", "--mapping", file).code == 0
        assert stage.port.state()["integrations"]["stored"]["pipeline"]["config"] == {}
        keep_in_port(stage, MAPPING)
        assert stage.run("sync", "--mapping", file).code == 0
        assert stage.port.state()["integrations"]["stored"]["pipeline"]["config"] == MAPPING


def test_blueprint_of_the_user_stays_as_it_is_and_what_it_lacks_is_said(tmp_path: Path) -> None:
    with stage_of(tmp_path, [OWN_SERVICE]) as stage:
        before = stage.port.http.get("/_sim/state").json()["blueprints"]
        ended = stage.run("sync", "--json")

        assert ended.code == 0, ended.err
        after = {one["identifier"]: one for one in stage.port.state()["blueprints"]}
        assert orjson.dumps(after["pagerdutyService"]) == orjson.dumps(before[0])
        assert sorted(after) == NAMES
        assert sorted(ended.result["created_blueprints"]) == [
            one for one in NAMES if one != "pagerdutyService"
        ]
        services = stage.catalog()["pagerdutyService"]
        assert len(services) == 4
        assert {name for one in services.values() for name in one["properties"]} == {"url"}
        lost = "blueprint pagerdutyService: properties.status dropped: not in the blueprint (4x, first in "
        assert lost in warnings_of(ended.result)
        assert ended.result["kinds"]["services"]["writer"]["dropped"] >= 4
        for one in stage.catalog()["pagerdutyIncident"].values():
            assert one["relations"]["pagerdutyService"] in services


def test_mapping_of_a_file_gets_only_the_blueprints_that_it_names(tmp_path: Path) -> None:
    text = PAGE.replace('"pagerdutyIncident"', '"ticket"')
    with stage_of(tmp_path) as stage:
        ended = stage.run("sync", "--mapping", stage.mapping(text), "--json")

        assert ended.code == 1
        assert ended.result["created_blueprints"] == ["pagerdutyService"]
        assert sorted(stage.blueprints()) == ["pagerdutyService"]
        assert set(ended.result["failures_by_reason"]) == {"blueprint_missing"}
        assert "pagerdutyEscalationPolicy is left out" in warnings_of(ended.result)
        assert len(stage.catalog()["pagerdutyService"]) == 4


@pytest.mark.parametrize("given", ["file", "none"])
def test_nothing_is_created_when_it_is_switched_off(tmp_path: Path, given: str) -> None:
    with stage_of(tmp_path) as stage:
        mapping = ("--mapping", stage.mapping(PAGE)) if given == "file" else ()
        ended = stage.run("sync", *mapping, OCEAN__INITIALIZE_PORT_RESOURCES="false")

        assert ended.code == (1 if given == "file" else 2)
        assert stage.blueprints() == {}
        assert stage.port.counters()["writes"]["blueprint_writes"] == 0
        if given == "none":
            lines = ended.err.splitlines()
            assert len(lines) == 1, ended.err
            assert lines[0].startswith("error: there is no mapping")
            assert "--mapping FILE" in lines[0]


def test_mapping_that_port_holds_goes_before_the_default_one(tmp_path: Path) -> None:
    with stage_of(tmp_path) as stage:
        keep_in_port(stage, yaml.safe_load(PAGE))
        ended = stage.run("sync", "--json")

        assert ended.code == 0, ended.err
        assert sorted(ended.result["kinds"]) == ["incidents", "services"]
        assert sorted(stage.blueprints()) == ["pagerdutyIncident", "pagerdutyService"]
        assert "in force: mapping of 'pipeline' in Port" in ended.err
        assert "dropped" not in warnings_of(ended.result)


@pytest.mark.parametrize(
    ("text", "blueprint"),
    [
        (PAGE_SCHEDULES, "pagerdutySchedule"),
        (PAGE_SERVICES, "pagerdutyService"),
        (PAGE_INCIDENTS, "pagerdutyIncident"),
    ],
    ids=["schedules", "services", "incidents"],
)
def test_each_example_of_the_integration_page_fits_the_default_blueprints(
    tmp_path: Path, text: str, blueprint: str
) -> None:
    with stage_of(tmp_path) as stage:
        ended = stage.run("sync", "--mapping", stage.mapping(text), "--json")

        assert ended.code == 0, ended.err
        assert blueprint in ended.result["created_blueprints"]
        (kind,) = ended.result["kinds"].values()
        assert [kind["writer"].get(count, 0) for count in ("dropped", "rejected", "failed", "unmet")] == [
            0
        ] * 4
        assert "dropped" not in warnings_of(ended.result)
        held = stage.catalog()[blueprint].values()
        given = yaml.safe_load(text)["resources"][0]["port"]["entity"]["mappings"]["properties"]
        assert {name for one in held for name in one["properties"]} == set(given)


def test_broken_mapping_in_port_is_a_line_per_mistake_and_nothing_is_created(tmp_path: Path) -> None:
    config = yaml.safe_load(PAGE)
    config["resources"][0]["port"]["entity"]["mappings"]["title"] = ".name |"
    config["resources"][1]["port"]["entity"]["mappings"]["properties"]["urgency"] = "tpyo(.)"
    with stage_of(tmp_path) as stage:
        keep_in_port(stage, config)
        ended = stage.run("sync")

        assert ended.code == 2
        lines = ended.err.splitlines()
        assert [line.partition(": resources")[0] for line in lines] == [
            "error: mapping of 'pipeline' in Port"
        ] * 2
        assert [part in line for part, line in zip(("title", "urgency"), lines, strict=True)] == [True, True]
        assert stage.port.counters()["writes"]["blueprint_writes"] == 0
        assert not any(one["path"] == "/services" for one in stage.pagerduty.requests())


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ({"status": 403, "body": {"ok": False, "error": "forbidden", "message": "no right"}}, 3, "no right"),
        (
            {"status": 422, "body": {"ok": False, "error": "invalid_request", "message": "bad icon"}},
            1,
            "bad icon",
        ),
    ],
    ids=["forbidden", "refused"],
)
def test_refused_blueprint_is_one_line_that_names_it_and_what_was_created(
    tmp_path: Path, answer: Any, code: int, says: str
) -> None:
    with stage_of(tmp_path) as stage:
        stage.port.script(
            {"match": {"method": "POST", "path": "/v1/blueprints"}, "after": 2, "action": answer}
        )
        ended = stage.run("sync")

        errors = [line for line in ended.err.splitlines() if line.startswith("error:")]
        assert (ended.code, len(errors)) == (code, 1), ended.err
        assert says in errors[0]
        assert "cannot create the blueprint 'pagerdutySchedule'" in errors[0]
        assert "created before it: pagerdutyUser, pagerdutyEscalationPolicy" in errors[0]
        assert not any(one["path"] == "/incidents" for one in stage.pagerduty.requests())

        stage.port.script()
        again = stage.run("sync", "--json")
        assert again.code == 0, again.err
        assert (
            sorted([*again.result["created_blueprints"], "pagerdutyUser", "pagerdutyEscalationPolicy"])
            == NAMES
        )


def test_blueprints_are_created_though_port_stumbles(tmp_path: Path) -> None:
    with stage_of(tmp_path) as stage:
        stage.port.script(
            {
                "match": {"method": "POST", "path": "/v1/blueprints"},
                "times": 1,
                "action": {"status": 429, "headers": {"retry-after": "1"}},
            },
            {"match": {"method": "GET", "path": "/v1/blueprints/.*"}, "times": 1, "action": {"status": 502}},
        )
        ended = stage.run("sync", "--kind", "users", "--json")

        assert ended.code == 0, ended.err
        assert sorted(ended.result["created_blueprints"]) == NAMES
        assert list(stage.catalog()) == ["pagerdutyUser"]
