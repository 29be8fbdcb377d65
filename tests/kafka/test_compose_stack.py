"""The stack of docker-compose.yml as processes on a real Kafka: a whole sync comes through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.stack import Stack
from tests.pipeline.harness import Stage, pagerduty, port

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(600)]
MODULES = {
    "fetcher": "services.fetcher.app",
    "gateway": "services.webhook_gateway.app",
    "mapper": "services.mapper.app",
    "writer": "services.writer.app",
}


@pytest.fixture
def stack(tmp_path: Path, kafka_servers: str) -> Iterator[Stack]:
    with pagerduty("--account", "small") as there, port(tmp_path, blueprints=[]) as here:
        stack = Stack(Stage(there, here, tmp_path), kafka_servers, prefix=f"{tmp_path.name}.")
        try:
            yield stack
        finally:
            stack.down()


def plain(catalog: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a catalog without what depends on when and by whom an entity was written."""
    return {
        blueprint: {
            identifier: {
                name: entity.get(name) for name in ("title", "icon", "team", "properties", "relations")
            }
            for identifier, entity in entities.items()
        }
        for blueprint, entities in catalog.items()
    }


def answers(stack: Stack) -> dict[str, dict[str, int]]:
    """Return how each service answers at each of its common paths."""
    paths = ("/health/live", "/health/ready", "/metrics", "/asyncapi", "/nowhere")
    return {
        name: {path: process.get(path).status_code for path in paths}
        for name, process in stack.processes.items()
    }


def test_the_stack_without_a_mapping_fills_an_empty_port_as_a_standalone_sync_does(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Up means that the health check of each container says so.
    stack.up()
    (run,) = stack.wait_for_runs(1)

    folder = tmp_path_factory.mktemp("standalone")
    with port(folder, blueprints=[]) as other:
        alone = Stage(stack.stage.pagerduty, other, folder)
        assert alone.run("sync", "--no-keep").code == 0
        expected = plain(alone.catalog())

    assert run["state"] == "completed", run
    assert {blueprint: len(entities) for blueprint, entities in expected.items()} == {
        "pagerdutyEscalationPolicy": 3,
        "pagerdutyIncident": 12,
        "pagerdutyOncall": 10,
        "pagerdutySchedule": 3,
        "pagerdutyService": 4,
        "pagerdutyUser": 6,
    }
    assert plain(stack.stage.catalog()) == expected

    status = stack.status()
    assert {name: stage["lag"] for name, stage in status["stages"].items()} == {
        "commands": 0,
        "events": 0,
        "mapper": 0,
        "writer": 0,
    }
    assert [one["run_id"] for one in status["last"]] == [run["run_id"]]
    served = {"/health/live": 200, "/health/ready": 200, "/metrics": 200, "/asyncapi": 200, "/nowhere": 404}
    assert answers(stack) == dict.fromkeys(stack.processes, served)
    metrics = stack.processes["mapper-1"].get("/metrics").text
    assert 'pagerport_records_total{service="mapper",topic="pagerduty.raw.incidents"} 12.0' in metrics
    labels = 'group="pagerport.mapper",partition="0",topic="pagerduty.raw.incidents"'
    assert f"pagerport_consumer_lag_records{{{labels}}} 0.0" in metrics

    assert stack.down() == {"writer-1": 0, "mapper-1": 0, "gateway-1": 0, "fetcher-1": 0}


@pytest.mark.parametrize("name", MODULES)
def test_faststream_runs_a_service_too(stack: Stack, name: str) -> None:
    stack.run("topics")
    process = stack.start(name, arguments=["faststream", "run", f"{MODULES[name]}:app"])
    stack.wait_until(process.is_healthy, f"{name} is healthy", process)
    assert process.stop() == 0, process.said
    assert "Traceback" not in process.said
