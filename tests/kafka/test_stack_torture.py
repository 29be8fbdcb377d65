"""All services and the broker die in the middle of a run, or go missing; the catalog is right."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.broker.server import KafkaServer
from tests.kafka.installation import MAPPING, SESSION_S, installation
from tests.kafka.stack import Stack
from tests.torture.outages import go_through, port_comes, port_goes
from tests.torture.verdict import mistakes, read_writes
from tests.torture.weather import Account, Weather

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stack(own_kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("torture")
    with installation(folder, own_kafka.bootstrap_servers, "--incidents", "150") as stack:
        yield stack


@pytest.fixture(scope="module")
def account() -> Account:
    """Return what was done to the account by any of these tests."""
    return Account()


def run_in_hand(stack: Stack) -> Any:
    """Return the run that is carried out, once there is one that lists."""
    found: list[Any] = []

    def lists() -> bool:
        found[:] = [run for run in stack.runs() if run["state"] == "listing"]
        return bool(found)

    stack.wait_until(lists, "a run lists")
    return found[0]


def test_a_run_survives_the_death_of_everybody_in_the_middle_of_it(
    stack: Stack, own_kafka: KafkaServer, account: Account
) -> None:
    mapper, writer, fetcher = (stack.processes[f"{name}-1"] for name in ("mapper", "writer", "fetcher"))
    stack.wait_until_idle()
    before = read_writes(stack.stage)
    users = stack.stage.pagerduty.state()["users"]
    for user in users:
        stack.stage.pagerduty.http.patch(f"/_sim/objects/users/{user}", json={"name": f"New name of {user}"})

    # Incidents are long in coming, the other kinds are read at once.
    stack.stage.pagerduty.script({"match": {"path": "/incidents"}, "action": {"delay_ms": 60_000}})
    stack.command("resync")
    run = run_in_hand(stack)
    mapper.kill_alone()
    writer.kill()
    mapper.start()
    writer.start()
    own_kafka.kill()
    own_kafka.start()
    assert [one["state"] for one in stack.runs() if one["run_id"] == run["run_id"]] == ["listing"]
    fetcher.kill()
    fetcher.start()
    stack.stage.pagerduty.script()

    stack.wait_until_idle()
    (ended,) = [one for one in stack.runs() if one["run_id"] == run["run_id"]]
    # Of the broker's death the run may take notice before the fetcher dies too.
    assert (ended["state"], ended["attempt"] in {2, 3}) == ("completed", True), ended
    assert mistakes(stack.stage, MAPPING) == []
    writes = read_writes(stack.stage)
    # What a writer was about to commit when it died is written again, and nothing else.
    assert writes.versions - before.versions - len(users) <= len(users)
    # Pytest may run this test after the others: what these have deleted may be gone.
    assert writes.deletes.keys() <= account.deleted


@pytest.mark.parametrize("away", ["Port", "broker"])
def test_an_outage_longer_than_the_session_moves_no_partition_and_is_made_up_for(
    stack: Stack, own_kafka: KafkaServer, account: Account, away: str
) -> None:
    stack.wait_until_idle()
    seconds = 4 * SESSION_S
    weather = Weather(stack, Random(len(away)), account=account, asks=False)  # noqa: S311 - to be repeated
    if away == "Port":
        outage = go_through(stack, weather, seconds, lambda: port_goes(stack), lambda: port_comes(stack))
    else:
        outage = go_through(stack, weather, seconds, own_kafka.kill, own_kafka.start)
    assert outage.assignments == {}
    assert max(outage.grown_bytes.values()) < 30_000_000
    stack.wait_until(lambda: mistakes(stack.stage, MAPPING, aside=account.unheard) == [], "caught up")
