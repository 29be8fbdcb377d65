"""Webhook subscriptions and deliveries of the PagerDuty simulator are as PagerDuty says they are."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from simulators.pagerduty.app import PagerDutySimulator
from simulators.pagerduty.event_types import DATA_TYPES
from tests.unit.sim_pagerduty_client import ACCOUNT_TOKEN, NOW, USER_TOKEN, Clock, client, simulator

LIMIT = {"error": {"message": "Subscription Limit Exceeded", "code": 2019}}


def asked(**changes: Any) -> dict[str, Any]:
    """Return the request for an account-wide subscription; keys given as None are left out."""
    whole = {
        "type": "webhook_subscription",
        "delivery_method": {"type": "http_delivery_method", "url": "http://hook.test/in"},
        "description": "for a test",
        "events": ["service.updated", "incident.triggered", "incident.acknowledged"],
        "filter": {"type": "account_reference"},
    }
    return {
        "webhook_subscription": {key: part for key, part in {**whole, **changes}.items() if part is not None}
    }


class MovingClock(Clock):
    """A clock that sleeping moves."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self.advance(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Receiver:
    """What deliveries go to; it answers as the test says."""

    answer: Callable[[httpx.Request], int | Exception] = lambda _: 202
    requests: list[httpx.Request] = field(default_factory=list)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.answer(request)
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status)

    @property
    def events(self) -> list[tuple[str, str]]:
        """The types of the events received, with the status of the incident they tell."""
        events = [orjson.loads(request.content)["event"] for request in self.requests]
        return [(event["event_type"], event["data"].get("status", "")) for event in events]

    @property
    def webhook_ids(self) -> list[str]:
        return [request.headers["x-webhook-id"] for request in self.requests]


@dataclass
class Stand:
    app: PagerDutySimulator
    api: httpx.AsyncClient
    receiver: Receiver
    clock: MovingClock

    async def subscribe(self, **changes: Any) -> dict[str, Any]:
        answer = await self.api.post("/webhook_subscriptions", json=asked(**changes))
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()["webhook_subscription"]
        return made

    async def happen(self, *changes: dict[str, Any], **burst: Any) -> list[dict[str, str]]:
        answer = await self.api.post("/_sim/events", json={"changes": changes, **burst})
        assert answer.status_code == 200, answer.text
        told: list[dict[str, str]] = answer.json()["events"]
        return told

    async def settled(self) -> dict[str, int]:
        await self.app.deliveries.settled()
        counts: dict[str, int] = (await self.api.get("/_sim/deliveries")).json()["counts"]
        return counts


@asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    clock, receiver = MovingClock(), Receiver()
    app = simulator(clock=clock, webhook_transport=httpx.MockTransport(receiver.handle))
    async with client(app) as api:
        yield Stand(app, api, receiver, clock)
    await app.deliveries.aclose()


async def test_secret_is_shown_at_creation_and_never_again() -> None:
    headers = [{"name": "X-Proof", "value": "of the pudding"}]
    method = {"type": "http_delivery_method", "url": "http://hook.test/in", "custom_headers": headers}
    async with stand() as one:
        made = await one.subscribe(delivery_method=method)
        path = f"/webhook_subscriptions/{made['id']}"
        shown = (await one.api.get(path)).json()["webhook_subscription"]
        (listed,) = (await one.api.get("/webhook_subscriptions")).json()["webhook_subscriptions"]
        updated = (await one.api.put(path, json={"webhook_subscription": {"description": "new"}})).json()

    assert len(made["delivery_method"]["secret"]) == 64
    redacted = {
        "id": made["delivery_method"]["id"],
        "type": "http_delivery_method",
        "url": "http://hook.test/in",
        "secret": None,
        "temporarily_disabled": False,
        "custom_headers": [{"name": "X-Proof", "value": "-- redacted --"}],
    }
    assert shown == {
        "delivery_method": redacted,
        "description": "for a test",
        "events": ["incident.acknowledged", "incident.triggered", "service.updated"],
        "filter": {"type": "account_reference"},
        "id": made["id"],
        "type": "webhook_subscription",
        "active": True,
    }
    plain = {name: part for name, part in redacted.items() if name != "temporarily_disabled"}
    assert listed == {**shown, "delivery_method": plain}
    assert updated["webhook_subscription"] == {**shown, "description": "new"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"events": []}, "events must be a list of at least one, each once."),
        ({"events": ["incident.triggered"] * 2}, "events must be a list of at least one, each once."),
        ({"events": ["pagey.ping"]}, "pagey.ping is not an event that can be subscribed to."),
        ({"events": None}, "events is required."),
        ({"filter": None}, "filter is required."),
        ({"filter": {"type": "account_reference", "id": "P1"}}, "filter has no id for an account."),
        ({"filter": {"type": "service_reference", "id": "P1"}}, "filter names an object that there is not."),
        ({"type": "subscription"}, "type must be webhook_subscription."),
        ({"secret": "mine"}, "secret cannot be set."),
        (
            {"delivery_method": {"type": "http_delivery_method", "url": "ftp://x"}},
            "delivery_method must have an http or https url.",
        ),
        (
            {
                "delivery_method": {
                    "type": "http_delivery_method",
                    "url": "http://x",
                    "custom_headers": [{"name": "A", "value": "1"}, {"name": "a", "value": "2"}],
                }
            },
            "custom_headers must have each name once.",
        ),
    ],
)
async def test_request_with_a_mistake_makes_nothing(changes: dict[str, Any], error: str) -> None:
    async with stand() as one:
        answer = await one.api.post("/webhook_subscriptions", json=asked(**changes))
        listed = (await one.api.get("/webhook_subscriptions")).json()["webhook_subscriptions"]

    assert (answer.status_code, answer.json()["error"]["errors"], listed) == (400, [error], [])


async def test_update_takes_no_delivery_method_and_leaves_the_rest() -> None:
    async with stand() as one:
        made = await one.subscribe()
        path = f"/webhook_subscriptions/{made['id']}"
        refused = await one.api.put(path, json=asked())
        changes = {"active": False, "events": ["service.deleted"]}
        await one.api.put(path, json={"webhook_subscription": changes})
        shown = (await one.api.get(path)).json()["webhook_subscription"]
        missing = await one.api.put("/webhook_subscriptions/PNOTHIN", json={"webhook_subscription": changes})

    assert (refused.status_code, missing.status_code) == (400, 404)
    assert (shown["active"], shown["events"], shown["description"]) == (
        False,
        ["service.deleted"],
        "for a test",
    )


async def test_eleventh_subscription_of_a_scope_is_refused_and_another_scope_has_room() -> None:
    async with stand() as one:
        service_id = next(iter(one.app.store.rows("services")))
        for _ in range(10):
            await one.subscribe()
        refused = await one.api.post("/webhook_subscriptions", json=asked())
        other = await one.subscribe(filter={"type": "service_reference", "id": service_id})
        moved = await one.api.put(
            f"/webhook_subscriptions/{other['id']}",
            json={"webhook_subscription": {"filter": {"type": "account_reference"}}},
        )
        filtered = await one.api.get(f"/webhook_subscriptions?filter_type=service&filter_id={service_id}")

    assert (refused.status_code, refused.json(), moved.json()) == (400, LIMIT, LIMIT)
    assert [row["id"] for row in filtered.json()["webhook_subscriptions"]] == [other["id"]]


async def test_subscription_for_the_account_takes_an_admin() -> None:
    async with stand() as one:
        user_id = next(iter(one.app.store.rows("users")))
        statuses = []
        for role in ("user", "admin"):
            user = {**one.app.store.rows("users")[user_id], "role": role}
            one.app.store.put("users", user_id, user)
            answer = await one.api.post(
                "/webhook_subscriptions",
                json=asked(),
                headers={"Authorization": f"Token token={USER_TOKEN}"},
            )
            statuses.append(answer.status_code)

    assert statuses == [403, 200]


async def test_delete_is_final_and_methods_that_there_are_not_are_refused() -> None:
    async with stand() as one:
        made = await one.subscribe()
        path = f"/webhook_subscriptions/{made['id']}"
        deleted = await one.api.delete(path)
        statuses = [
            (await one.api.delete(path)).status_code,
            (await one.api.get(path)).status_code,
            (await one.api.post(f"{path}/enable")).status_code,
            (await one.api.post(f"{path}/ping")).status_code,
            (await one.api.patch(path, json={})).status_code,
        ]

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert statuses == [404, 404, 404, 404, 405]


async def test_delivery_is_signed_over_its_bytes_and_carries_the_headers_of_the_subscription() -> None:
    headers = [{"name": "X-Proof", "value": "of the pudding"}]
    method = {"type": "http_delivery_method", "url": "http://hook.test/in?a=1", "custom_headers": headers}
    async with stand() as one:
        made = await one.subscribe(delivery_method=method)
        await one.happen({"event_type": "incident.acknowledged"})
        counts = await one.settled()
    (request,) = one.receiver.requests

    secret = made["delivery_method"]["secret"]
    digest = hmac.new(secret.encode(), request.content, hashlib.sha256).hexdigest()
    assert counts == {"delivered": 1}
    assert str(request.url) == "http://hook.test/in?a=1"
    assert request.headers["x-pagerduty-signature"] == f"v1={digest}"
    assert request.headers["x-webhook-subscription"] == made["id"]
    assert request.headers["x-proof"] == "of the pudding"
    assert request.headers["user-agent"] == "PagerDuty-Webhook/V3.0"


async def test_event_goes_to_those_who_want_it() -> None:
    async with stand() as one:
        mine, other = list(one.app.store.rows("services").values())[:2]
        team_id = next(iter(one.app.store.rows("teams")))
        team = {"id": team_id, "type": "team_reference"}
        one.app.store.put("services", mine["id"], {**mine, "teams": [team]})
        one.app.store.put("services", other["id"], {**other, "teams": []})
        wanted = {
            "account": (await one.subscribe())["id"],
            "service": (await one.subscribe(filter={"type": "service_reference", "id": mine["id"]}))["id"],
            "team": (await one.subscribe(filter={"type": "team_reference", "id": team_id}))["id"],
            "other events": (await one.subscribe(events=["service.deleted"]))["id"],
        }
        names = {subscription_id: name for name, subscription_id in wanted.items()}
        await one.happen({"event_type": "service.updated", "id": mine["id"]})
        await one.settled()
        of_mine = [names[request.headers["x-webhook-subscription"]] for request in one.receiver.requests]
        one.receiver.requests.clear()
        await one.happen({"event_type": "service.updated", "id": other["id"]})
        await one.settled()
        of_other = [names[request.headers["x-webhook-subscription"]] for request in one.receiver.requests]

    assert (sorted(of_mine), of_other) == (["account", "service", "team"], ["account"])


@pytest.mark.parametrize("trouble", [500, 503, 429, httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
async def test_failure_that_passes_is_tried_again_while_those_behind_wait(trouble: int | Exception) -> None:
    async with stand() as one:
        await one.subscribe(events=list(DATA_TYPES))
        incident_id = next(
            key for key, row in one.app.store.rows("incidents").items() if row["status"] != "resolved"
        )
        answers: list[int | Exception] = [trouble, trouble, 202, 202]
        one.receiver.answer = lambda _: answers.pop(0)
        await one.happen(
            {"event_type": "incident.acknowledged", "id": incident_id},
            {"event_type": "incident.resolved", "id": incident_id},
        )
        counts = await one.settled()

    first, *again = one.receiver.webhook_ids
    assert [event for event, _ in one.receiver.events] == [
        *["incident.acknowledged"] * 3,
        "incident.resolved",
    ]
    assert again[:2] == [first, first]
    assert again[2] != first
    assert counts == {"delivered": 2, "retried": 2}
    assert one.clock.slept_s == [1.0, 2.0]


async def test_event_is_given_up_after_two_days() -> None:
    async with stand() as one:
        await one.subscribe()
        one.receiver.answer = lambda _: 503
        await one.happen({"event_type": "incident.acknowledged"})
        counts = await one.settled()

    assert counts["given_up"] == 1
    assert timedelta(hours=47) < one.clock.now - NOW <= timedelta(hours=48)


async def test_three_drops_in_a_row_switch_the_subscription_off_for_a_day_with_all_that_waits() -> None:
    async with stand() as one:
        made = await one.subscribe()
        path = f"/webhook_subscriptions/{made['id']}"
        one.receiver.answer = lambda _: 401
        change = {"event_type": "incident.acknowledged", "id": next(iter(one.app.store.rows("incidents")))}
        await one.happen(*[change] * 5)
        counts = await one.settled()
        disabled = (await one.api.get(path)).json()["webhook_subscription"]["delivery_method"]
        one.receiver.answer = lambda _: 202
        await one.happen(change)
        still = await one.settled()
        one.clock.advance(hours=24)
        await one.happen(change)
        after = await one.settled()
        enabled = (await one.api.get(path)).json()["webhook_subscription"]["delivery_method"]

    assert counts == {"dropped": 3, "disabled": 2}
    assert (disabled["temporarily_disabled"], "disabled_at" in disabled) == (True, False)
    assert still == {"dropped": 3, "disabled": 3}
    assert after == {"dropped": 3, "disabled": 3, "delivered": 1}
    assert enabled["temporarily_disabled"] is False


async def test_success_between_drops_keeps_the_subscription_on() -> None:
    async with stand() as one:
        made = await one.subscribe()
        answers = [400, 400, 200, 400, 400]
        one.receiver.answer = lambda _: answers.pop(0)
        change = {"event_type": "incident.acknowledged", "id": next(iter(one.app.store.rows("incidents")))}
        await one.happen(*[change] * 5)
        counts = await one.settled()
        shown = (await one.api.get(f"/webhook_subscriptions/{made['id']}")).json()["webhook_subscription"]

    assert counts == {"delivered": 1, "dropped": 4}
    assert shown["delivery_method"]["temporarily_disabled"] is False


async def test_enable_and_ping_work_at_once() -> None:
    async with stand() as one:
        made = await one.subscribe()
        path = f"/webhook_subscriptions/{made['id']}"
        one.receiver.answer = lambda _: 400
        await one.happen(*[{"event_type": "incident.acknowledged"}] * 3, disorder=True)
        await one.settled()
        one.receiver.answer = lambda _: 204
        enabled = await one.api.post(f"{path}/enable")
        pinged = await one.api.post(f"{path}/ping")
        counts = await one.settled()
    ping = orjson.loads(one.receiver.requests[-1].content)["event"]

    assert enabled.json()["webhook_subscription"]["delivery_method"]["temporarily_disabled"] is False
    assert (pinged.status_code, pinged.content, counts) == (202, b"", {"delivered": 1, "dropped": 3})
    assert (ping["event_type"], ping["resource_type"], ping["data"]["type"]) == (
        "pagey.ping",
        "pagey",
        "ping",
    )


async def test_copies_have_the_id_of_their_event_and_late_ones_come_behind_newer_events() -> None:
    async with stand() as one:
        await one.subscribe()
        incident_id = next(iter(one.app.store.rows("incidents")))
        changes = [{"event_type": "incident.acknowledged", "id": incident_id} for _ in range(3)]
        await one.happen(*changes, copies=2, late_copies=True)
        counts = await one.settled()

    ids = one.receiver.webhook_ids
    assert counts == {"delivered": 12}
    assert ids[:6] == [ids[0], ids[0], ids[2], ids[2], ids[4], ids[4]]
    assert sorted(ids[6:]) == sorted(ids[:6])


async def test_body_over_the_limit_is_never_sent() -> None:
    async with stand() as one:
        await one.subscribe()
        await one.happen({"event_type": "incident.acknowledged", "data": {"title": "x" * 270_000}})
        counts = await one.settled()

    assert (counts, one.receiver.requests) == ({"too_large": 1}, [])


async def test_paused_deliveries_wait_and_go_on() -> None:
    async with stand() as one:
        await one.subscribe()
        await one.api.patch("/_sim/deliveries", json={"is_paused": True})
        await one.happen(*[{"event_type": "incident.acknowledged"}] * 2)
        waiting = (await one.api.get("/_sim/deliveries")).json()["pending"]
        await one.api.patch("/_sim/deliveries", json={"is_paused": False})
        counts = await one.settled()
        rest = (await one.api.get("/_sim/deliveries")).json()["pending"]

    assert (waiting, counts, rest) == (2, {"delivered": 2}, 0)


async def test_state_holds_subscriptions_with_their_secrets() -> None:
    async with stand() as one:
        made = await one.subscribe()
        state = (await one.api.get("/_sim/state")).json()

    held = state["webhook_subscriptions"][made["id"]]["delivery_method"]
    assert (held["secret"], ACCOUNT_TOKEN in str(state)) == (made["delivery_method"]["secret"], False)
