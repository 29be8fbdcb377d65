"""The stack of docker-compose.yml as processes on a real Kafka: a whole sync comes through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.stack import Stack
from tests.pipeline.harness import Stage, pagerduty, port

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(240)]


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


def test_the_stack_without_a_mapping_fills_an_empty_port_as_a_standalone_sync_does(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack.up()
    (run,) = stack.wait_for_runs(1)

    folder = tmp_path_factory.mktemp("standalone")
    with port(folder, blueprints=[]) as other:
        alone = Stage(stack.stage.pagerduty, other, folder)
        assert alone.run("sync", "--no-keep").code == 0
        expected = plain(alone.catalog())

    assert run["state"] == "completed", run
    assert sum(map(len, expected.values())) > 50
    assert plain(stack.stage.catalog()) == expected
    assert stack.down() == {"writer-1": 0, "mapper-1": 0, "gateway-1": 0, "fetcher-1": 0}
