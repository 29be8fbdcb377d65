"""Delivers PagerDuty's webhooks to `pagerport run`: bursts, kills, outages, lost rights."""

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from tests.pipeline.harness import Json, Stage, pagerduty, port
from tests.pipeline.live import EVERY_TYPE, Always, InPort, always, burst, count_requests, deliveries, wrong
from tests.pipeline.mappings import SPINE

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(600)]
DEFAULT = files("services.fetcher.defaults").joinpath("mapping.yaml").read_text(encoding="utf-8")
LIVE = DEFAULT.replace("serviceAnalytics: true", "serviceAnalytics: false")
"""What events tell of: analytics of a service change with its incidents, and PagerDuty says nothing of it."""
HELD = 'pagerport_deletes_held{blueprint="pagerdutyService",service="writer"}'
CHANGED = int(os.environ.get("PAGERPORT_LIVE_OBJECTS", "250"))
"""Objects that change while a resync runs; each costs a request, of which PagerDuty gives 960 a minute."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small", "--incidents", "60", "--services", "20") as source:
        deliveries(source, first_retry_s=0.3, longest_retry_s=2)
        with port(tmp_path, blueprints=[]) as target:
            yield Stage(source, target, tmp_path)


def test_every_event_type_ends_as_the_right_entity_and_a_resync_finds_nothing(stage: Stage) -> None:
    with always(stage, stage.mapping(LIVE)) as run:
        assert run.first_run()["state"] == "completed"
        # One that has no incidents: Port deletes nothing that something else is related to.
        made = {"service.created": {"id": "PNEWSVC"}, "service.deleted": {"id": "PNEWSVC"}}
        burst(stage.pagerduty, changes=[{"event_type": name, **made.get(name, {})} for name in EVERY_TYPE])
        awry = {"copies": 2, "late_copies": True, "disorder": True}
        burst(stage.pagerduty, made={"count": 150, "objects": 20}, **awry)
        state = run.until_idle()

        assert wrong(stage, LIVE) == []
        assert state["letters"] == []
        counts = deliveries(stage.pagerduty)["counts"]
        # A disk that is slow to sync makes PagerDuty try again; nothing else may happen.
        assert (counts["delivered"], counts.keys() <= {"delivered", "retried"}) == (
            len(EVERY_TYPE) + 4 * 150,
            True,
        )
        metrics = run.metrics()
        received = metrics['pagerport_live_records_total{outcome="received",service="fetcher"}']
        asked = count_requests(stage.pagerduty, "GET", "/incidents/{id}")
        asked += count_requests(stage.pagerduty, "GET", "/services/{id}")
        assert asked < counts["delivered"] <= received
        writer = 'group="pagerport.writer",partition="{}",service="writer",topic="port.entities"'
        lags = [metrics[f"pagerport_consumer_lag_records{{{writer.format(one)}}}"] for one in range(6)]
        assert lags == [0.0] * 6
        run.resync_finds_nothing()


@pytest.mark.parametrize("is_killed", [False, True])
def test_resync_while_objects_change_ends_as_pagerduty_has_them(tmp_path: Path, *, is_killed: bool) -> None:
    size = ("--incidents", str(CHANGED * 2), "--services", "40")
    with pagerduty("--account", "small", *size) as source, port(tmp_path) as target:
        stage = Stage(source, target, tmp_path)
        deliveries(source, first_retry_s=0.3, longest_retry_s=2)
        with always(stage, stage.mapping(SPINE)) as run:
            run.first_run()
            assert run.stage.run("resync", **run.more).code == 0
            for seed in range(5):
                burst(
                    source,
                    made={"count": CHANGED // 5, "seed": seed, "event_types": ["incident.priority_updated"]},
                    changes=[{"event_type": "service.updated"}, {"event_type": "incident.triggered"}],
                    disorder=True,
                )
                if is_killed and seed == 2:
                    run.kill()
                    run.start()
            state = run.until_idle()

            assert wrong(stage, SPINE) == []
            assert state["letters"] == []
            assert [one["state"] for one in state["last"]] == ["completed"] * len(state["last"])
            run.resync_finds_nothing()


def test_token_that_lost_its_rights_deletes_no_more_than_the_breaker_lets_through(stage: Stage) -> None:
    # A service that PagerDuty does not show is gone; an incident is only not visible.
    with always(stage, stage.mapping(LIVE)) as run:
        run.first_run()
        made = burst(stage.pagerduty, changes=[{"event_type": "service.created"}] * 40)
        run.until_idle()
        everything = set(stage.catalog()["pagerdutyService"])
        assert everything > {one["object_id"] for one in made}

        gone = {"status": 404, "body": {"error": {"message": "Not Found", "code": 2100}}}
        stage.pagerduty.script({"match": {"path": "/services/.*"}, "action": gone})
        burst(
            stage.pagerduty,
            changes=[{"event_type": "service.updated", "id": one["object_id"]} for one in made],
        )
        state = run.until_idle()
        deleted = everything - set(stage.catalog()["pagerdutyService"])
        # At most 20, or 5 % of the blueprint, in ten minutes, over all partitions.
        assert 0 < len(deleted) <= 24

        (held,) = state["letters"]
        assert (held["reason"], held["number"]) == ("delete_held", len(made) - len(deleted))
        assert held["command"] == "pagerport release"
        assert "pagerport release" in run.ready()["writer deletes"]["detail"]
        assert run.metrics()[HELD] == 1

        # The rights are back: what was held is asked for, and is still there.
        stage.pagerduty.script()
        released = run.stage.run("release", **run.more)
        assert released.code == 0, released
        run.until(lambda: not run.status()["letters"], "no letter is open")
        assert set(stage.catalog()["pagerdutyService"]) == everything - deleted
        assert run.resync()["state"] == "completed"
        assert wrong(stage, LIVE) == []


def test_events_wait_while_pagerduty_is_away_and_status_says_why(stage: Stage) -> None:
    with always(stage, stage.mapping(LIVE)) as run:
        run.first_run()
        stage.pagerduty.script({"match": {"path": "/incidents/.*"}, "action": {"status": 502}})
        burst(stage.pagerduty, made={"count": 30, "event_types": ["incident.acknowledged"]})

        def that_says_why() -> Json:
            # The first of them may wait alone for a moment.
            state = run.status()
            says = state.get("standing", {}).get("events", "")
            return state if "events wait: PagerDuty (HTTP 502)" in says else None

        state = run.until(that_says_why, "status says why")
        assert state["stages"]["events"]["lag"] > 0
        assert "live changes: " in run.stage.run("status", **run.more).out

        stage.pagerduty.script()
        state = run.until_idle()
        run.until(lambda: not run.status()["standing"]["events"], "nothing waits any more")
        assert (wrong(stage, LIVE), state["letters"]) == ([], [])


def test_mapping_and_button_in_port_are_picked_up(stage: Stage) -> None:
    there = InPort(stage)
    with always(stage, None, signed=False, OCEAN__EVENT_LISTENER__INTERVAL="1") as run:
        run.first_run()
        held = there.get()
        assert (held["installationAppType"], held["changelogDestination"]) == ("pagerduty", {})
        assert [entry["kind"] for entry in held["config"]["resources"]][:2] == [
            "users",
            "escalation_policies",
        ]
        run.until(lambda: there.status() == "completed", "Port shows it completed")

        requests = len(stage.pagerduty.requests())
        config = held["config"]
        config["resources"][0]["port"]["entity"]["mappings"]["title"] = '.name + "!"'
        there.edit(config)
        run.until(lambda: all(one.endswith("!") for one in titles(stage)), "titles are as the edit says")
        assert len(stage.pagerduty.requests()) == requests

        there.press()
        asked = run.until(
            lambda: [one for one in run.runs() if one["asked_by"] == ["Port"] and "ended_at" in one],
            "the button was heard",
        )
        assert (asked[0]["type"], asked[0]["state"]) == ("resync", "completed")

        config["resources"][0]["port"]["entity"]["mappings"]["title"] = ".name +"
        there.edit(config)
        state = run.until(
            lambda: (found := run.status()).get("standing", {}).get("mapping") and found, "it is refused"
        )
        assert "resources[0].port.entity.mappings.title" in state["standing"]["mapping"]
        run.until(lambda: there.status() == "failed", "Port shows it failed")
        assert "the mapping was refused" in run.said
        assert all(one.endswith("!") for one in titles(stage))

        config["resources"][0]["port"]["entity"]["mappings"]["title"] = ".name"
        there.edit(config)
        run.until(lambda: not any(one.endswith("!") for one in titles(stage)), "the mended one is in force")
        run.until(lambda: there.status() == "completed", "Port shows it completed")
        run.until(lambda: not run.status()["standing"]["mapping"], "status says that it is mended")

        # The button's last press is not taken for a new one by the next process.
        run.kill()
        run.start()
        run.until(run.is_up, "it answers again")
        there.press()
        run.until(lambda: pressed(run) == 2, "the second press was heard")
        run.until_idle()
        assert pressed(run) == 2


def test_once_runs_once_and_ends_with_the_code_of_the_run(stage: Stage) -> None:
    ended = stage.run("run", OCEAN__EVENT_LISTENER="ONCE")
    assert ended.code == 0, ended.err
    assert "everything the mapping asks for is in Port" in ended.out
    held = InPort(stage).get()
    assert (held["resyncState"]["status"], held["config"]["resources"][0]["kind"]) == ("completed", "users")
    stage.pagerduty.script({"match": {"path": "/users"}, "action": {"status": 403}})
    assert stage.run("run", OCEAN__EVENT_LISTENER="ONCE").code == 1
    assert InPort(stage).status() == "failed"


def pressed(run: Always) -> int:
    return sum(one["asked_by"] == ["Port"] for one in run.runs())


def titles(stage: Stage) -> list[str]:
    return [str(entity["title"]) for entity in stage.catalog()["pagerdutyUser"].values()]
