"""Proves what pagerport makes of its integration object in Port, and what it reports and hears there."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.run import RunResult, RunState
from services.fetcher.default_resources import default_mapping
from services.fetcher.integration.care import AskedInPort, IntegrationCare
from services.fetcher.integration.resync_state import resync_state
from services.fetcher.integration.wanted import WantedIntegration
from tests.service.port_setting import BASE_URL, IDENTIFIER, Setting, port_setting

BEGAN_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDED_AT = BEGAN_AT + timedelta(minutes=2)
NEXT_AT = BEGAN_AT + timedelta(minutes=60)
DEFAULT = default_mapping().config
WANTED = WantedIntegration(identifier=IDENTIFIER, version="1.2.3", default=DEFAULT)
CONFIG = WANTED.default_config()
INTEGRATION = f"/v1/integration/{IDENTIFIER}"


def a_run(state: RunState, ended_at: datetime | None = None, run_id: str = "1") -> RunResult:
    return RunResult(run_id=run_id, state=state, started_at=BEGAN_AT, ended_at=ended_at)


@pytest.mark.parametrize(
    ("state", "problem", "status"),
    [
        (RunState.LISTING, "", "running"),
        (RunState.SWEEPING, "broken", "running"),
        (RunState.COMPLETED, "", "completed"),
        (RunState.COMPLETED, "broken", "failed"),
        (RunState.COMPLETED_WITH_FAILURES, "", "failed"),
        (RunState.FAILED, "", "failed"),
        (RunState.INTERRUPTED, "", "aborted"),
    ],
)
def test_state_of_the_last_run_that_began_is_the_state_in_port(
    state: RunState, problem: str, status: str
) -> None:
    ended_at = None if status == "running" else ENDED_AT
    runs = [
        a_run(RunState.FAILED, ENDED_AT, "0"),
        a_run(state, ended_at),
        a_run(RunState.WAITING, run_id="2"),
    ]
    found = resync_state(runs, problem=problem, interval=timedelta(hours=1), next_at=NEXT_AT)
    assert found == {
        "status": status,
        "lastResyncStart": "2026-03-01T12:00:00+00:00",
        "lastResyncEnd": None if ended_at is None else "2026-03-01T12:02:00+00:00",
        "nextResync": "2026-03-01T13:00:00+00:00",
        "intervalInMinuets": 60,
    }


def test_before_the_first_run_there_is_nothing_to_tell_but_a_broken_mapping() -> None:
    waiting = [a_run(RunState.WAITING)]
    assert resync_state(waiting, problem="", interval=None, next_at=None) is None
    assert resync_state([], problem="broken", interval=None, next_at=None) == {"status": "failed"}


def test_what_another_release_or_the_peer_left_is_brought_up_to_date_and_the_mapping_is_left_alone() -> None:
    same = {**WANTED.creation(), "config": {"resources": []}}
    assert WANTED.drift(same) == {}
    assert WANTED.drift({**same, "changelogDestination": None}) == {}
    assert WANTED.drift({**same, "version": "1.2.2"}) == {"version": "1.2.3"}
    peers = {**same, "version": "0.5.141", "changelogDestination": {"type": "KAFKA"}}
    assert WANTED.drift(peers) == {"version": "1.2.3", "changelogDestination": {}}


async def ignore(_: AskedInPort) -> None:
    return


def care_in(
    setting: Setting,
    wanted: WantedIntegration = WANTED,
    state: Callable[[], dict[str, Any] | None] = lambda: None,
    on_request: Callable[[AskedInPort], Awaitable[None]] = ignore,
) -> IntegrationCare:
    return IntegrationCare(
        setting.port.integration,
        wanted,
        state=state,
        on_request=on_request,
        interval_s=60,
        clock=setting.clock.seconds,
        sleep=setting.clock.sleep,
    )


def called(setting: Setting) -> list[tuple[str, str]]:
    """Return the calls about the integration object."""
    return [(one.method, one.path) for one in setting.sim.log.requests if "/integration" in one.path]


async def held(setting: Setting) -> dict[str, Any]:
    found = await setting.port.integration.read()
    assert found is not None
    return found


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "body": {"ok": False, "error": "not_found", "message": "no such integration"}},
        {"status": 422, "body": {"ok": False, "error": "invalid_request", "message": "not now"}},
        {"status": 200, "body": {"ok": True}},
        {"status": 200, "body": {"ok": True, "integration": None}},
    ],
    ids=["404", "422", "no-object", "null"],
)
async def test_object_that_port_does_not_show_keeps_the_mapping_that_its_user_put_there(answer: Any) -> None:
    async with port_setting() as setting:
        users = {**WANTED.creation(), "config": {"resources": []}}
        assert await setting.port.integration.create(users)
        await setting.script({"match": {"path": INTEGRATION, "method": "GET"}, "action": answer})
        care = care_in(setting)
        await care.turn()
        await setting.script()
        assert (await held(setting))["config"] == users["config"]
        assert care.trouble.startswith("registration: ")


async def test_missing_object_is_created_with_the_default_mapping_and_stays_as_it_is() -> None:
    async with port_setting() as setting:
        await care_in(setting).turn()
        made = await held(setting)
        wanted = {**WANTED.creation(), "identifier": IDENTIFIER}
        assert {key: made[key] for key in wanted} == wanted
        assert made["config"] == CONFIG
        await care_in(setting).turn()
        assert called(setting) == [
            ("GET", INTEGRATION),
            ("POST", "/v1/integration"),
            ("GET", f"{INTEGRATION}/resync-request"),
            ("GET", INTEGRATION),
            ("GET", INTEGRATION),
            ("GET", f"{INTEGRATION}/resync-request"),
        ]


async def test_default_mapping_is_put_where_there_is_none_and_asks_for_no_resync() -> None:
    heard: list[AskedInPort] = []

    async def hear(asked: AskedInPort) -> None:
        heard.append(asked)

    async with port_setting() as setting:
        without = WantedIntegration(identifier=IDENTIFIER, version="1.2.3", default=None)
        await care_in(setting, without).turn()
        assert (await held(setting))["config"] == {}
        await care_in(setting, on_request=hear).turn()
        assert ((await held(setting))["config"], heard) == (CONFIG, [])


async def test_state_is_reported_once_and_again_when_it_changes() -> None:
    states = [resync_state([a_run(RunState.LISTING)], problem="", interval=None, next_at=None)]
    async with port_setting() as setting:
        care = care_in(setting, state=lambda: states[-1])
        for _ in range(3):
            await care.turn()
        states.append(
            resync_state([a_run(RunState.COMPLETED, ENDED_AT)], problem="", interval=None, next_at=None)
        )
        await care.turn()
        assert (await held(setting))["resyncState"]["status"] == "completed"
        assert called(setting).count(("PATCH", f"{INTEGRATION}/resync-state")) == 2


async def test_resync_asked_for_in_port_is_heard_within_the_interval() -> None:
    heard: list[AskedInPort] = []

    async def hear(asked: AskedInPort) -> None:
        heard.append(asked)

    async with port_setting() as setting:
        care = care_in(setting, on_request=hear)
        await care.turn()
        await setting.port.integration.update({})
        await care.turn()
        assert heard == []
        setting.clock.at += timedelta(seconds=60)
        await care.turn()
        (asked,) = heard
        assert (asked.key, asked.at) == ("port:resync-1@2026-03-01T12:00:00.000Z", BEGAN_AT)


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 404},
        {"status": 404, "body": "<!DOCTYPE html><pre>Cannot PATCH</pre>"},
        {"status": 405, "body": "<!DOCTYPE html><pre>Method Not Allowed</pre>"},
        {"status": 422, "body": {"ok": False, "error": "invalid_request"}},
    ],
)
async def test_what_port_refuses_is_said_once_tried_again_and_stops_nothing(
    caplog: pytest.LogCaptureFixture, refusal: dict[str, Any]
) -> None:
    state = resync_state([a_run(RunState.LISTING)], problem="", interval=None, next_at=None)
    async with port_setting() as setting:
        care = care_in(setting, state=lambda: state)
        await setting.script({"match": {"path": ".*/resync-state"}, "action": refusal})
        for _ in range(3):
            await care.turn()
        assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
        assert "resync-state" in care.trouble
        assert called(setting).count(("PATCH", f"{INTEGRATION}/resync-state")) == 1
        await setting.script()
        setting.clock.at += timedelta(seconds=60)
        await care.turn()
        assert ((await held(setting))["resyncState"]["status"], care.trouble) == ("running", "")


async def test_object_that_was_deleted_in_port_is_made_again() -> None:
    state = resync_state([a_run(RunState.LISTING)], problem="", interval=None, next_at=None)
    async with port_setting() as setting:
        care = care_in(setting, state=lambda: state)
        await care.turn()
        path = f"{BASE_URL}/_sim/state"
        emptied = {**(await setting.http.get(path)).json(), "integrations": {}}
        await setting.http.put(path, json=emptied)
        state = resync_state([a_run(RunState.COMPLETED, ENDED_AT)], problem="", interval=None, next_at=None)
        for _ in range(3):
            await care.turn()
            setting.clock.at += timedelta(seconds=61)
        assert (await held(setting))["resyncState"]["status"] == "completed"
