"""Is an installation on Kafka that has synced once and hears of what changes: stack, simulators, mapping."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.kafka.stack import Stack
from tests.pipeline.harness import Json, Stage, pagerduty, port
from tests.pipeline.mappings import SPINE

MAPPING = SPINE.replace("deleteDependentEntities: true", "deleteDependentEntities: false")
"""So that what Port deletes is what was asked for, and nothing that hangs on it."""
SESSION_S = 2
"""So that a member that was killed is missed soon."""


@contextlib.contextmanager
def installation(
    folder: Path, servers: str, *account: str, blueprints: Sequence[Json] | None = None
) -> Iterator[Stack]:
    """Yield a stack that is up and has synced once.

    Args:
        folder: For its files.
        servers: Its Kafka.
        account: Options of the PagerDuty simulator.
        blueprints: That Port has; None: those of the mapping.
    """
    with (
        pagerduty("--account", "torture", *account) as there,
        port(folder, "--requests-per-5-minutes", "1000000", blueprints=blueprints) as here,
    ):
        stage = Stage(there, here, folder)
        stack = Stack(
            stage,
            servers,
            prefix=f"{folder.name}.",
            more={"OCEAN__KAFKA__SESSION_TIMEOUT_S": str(SESSION_S)},
            variables={"PAGERPORT_MAPPING": str(stage.mapping(MAPPING))},
        )
        webhooks = {
            "OCEAN__BASE_URL": f"http://127.0.0.1:{stack.gateway_port}",
            "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN": "a-token-of-this-test",
        }
        stack.variables = {**stack.variables, **webhooks}
        there.http.patch("/_sim/deliveries", json={"first_retry_s": 0.2, "longest_retry_s": 1})
        try:
            stack.up()
            stack.wait_for_runs(1)
            yield stack
        finally:
            for process in stack.processes.values():
                process.kill()
