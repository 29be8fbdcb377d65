"""The care for the subscription under PagerDuty's own rules: made, mended, replaced, caught up after."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from schemas.webhook_event import EVENT_KINDS
from services.fetcher.subscription.calls import list_subscriptions
from services.fetcher.subscription.care import Looked, SubscriptionCare
from services.fetcher.subscription.found import wanted_subscription
from services.fetcher.subscription.plan import Verdict
from services.fetcher.subscription.watch import subscription_watch
from shared.errors import FatalError, RetryableError
from shared.settings import Settings
from shared.webhook_token import installation_tokens
from simulators.pagerduty.account import SMALL, generate_account
from simulators.pagerduty.app import PagerDutySimulator, create_app
from tests.service.gateway_setting import bench, settings
from tests.service.pagerduty_listing import NOW, TOKEN, Bench

BASE = "http://gateway.test"
ADDRESS = f"{BASE}/integration/webhook"
DEFAULT = {"base_url": BASE}


def is_well(looked: Looked) -> bool:
    """Return whether PagerDuty sends us what changes."""
    return not looked.trouble and looked.verdict is Verdict.NOTHING


@dataclass
class Stage:
    """A simulated account, the care for it, and the resyncs that were asked for."""

    app: PagerDutySimulator
    client: Bench
    chosen: Settings
    asked: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def catch_up(self, why: str) -> None:
        if self.failures:
            raise self.failures.pop()
        self.asked.append(why)

    def care(self, chosen: Settings | None = None) -> SubscriptionCare:
        wanted = wanted_subscription(chosen or self.chosen)
        assert wanted is not None
        return SubscriptionCare(self.client.client, wanted, self.catch_up)

    async def look(self, chosen: Settings | None = None, *, activate: bool = False) -> Looked:
        return await self.care(chosen).look(activate=activate)

    @property
    def held(self) -> dict[str, Any]:
        return dict(self.app.store.rows("webhook_subscriptions"))

    def add(self, subscription_id: str, **changes: Any) -> None:
        """Hold a subscription as somebody makes it by hand."""
        row = {
            "delivery_method": {
                "id": f"M{subscription_id}",
                "type": "http_delivery_method",
                "url": ADDRESS,
                "secret": "a secret that nobody wrote down",
                "temporarily_disabled": False,
                "custom_headers": [],
            },
            "description": None,
            "events": sorted(EVENT_KINDS),
            "filter": {"type": "account_reference"},
            "id": subscription_id,
            "type": "webhook_subscription",
            "active": True,
        }
        self.app.store.put("webhook_subscriptions", subscription_id, {**row, **changes})

    def change(self, subscription_id: str, **changes: Any) -> None:
        self.app.store.put(
            "webhook_subscriptions", subscription_id, {**self.held[subscription_id], **changes}
        )

    def change_method(self, subscription_id: str, **changes: Any) -> None:
        method = self.held[subscription_id]["delivery_method"]
        self.change(subscription_id, delivery_method={**method, **changes})


@asynccontextmanager
async def stage(
    chosen: Settings | None = None, webhooks: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Stage]:
    """Set a stage up for the time of the block."""
    app = create_app(generate_account(7, SMALL, NOW), tokens=[TOKEN], webhook_transport=webhooks)
    client = Bench(httpx.ASGITransport(app))
    chosen = chosen or settings(secrets="", **DEFAULT)
    try:
        yield Stage(app, client, chosen)
    finally:
        await app.deliveries.aclose()
        await client.http.aclose()


async def test_subscription_is_made_once_with_all_events_and_our_token() -> None:
    async with stage() as one:
        first = await one.look()
        second = await one.look()
        ((made_id, made),) = one.held.items()

    (token,) = installation_tokens(one.chosen)
    assert (first.verdict, is_well(first), first.done) == (
        Verdict.NOTHING,
        True,
        (f"made {made_id} for account",),
    )
    assert (second.verdict, second.done, second.kept) == (Verdict.NOTHING, (), (made_id,))
    assert made["delivery_method"]["url"] == ADDRESS
    assert made["delivery_method"]["custom_headers"] == [{"name": token.header, "value": token.value}]
    assert (made["events"], made["filter"]) == (sorted(EVENT_KINDS), {"type": "account_reference"})
    assert first.made[made_id].get_secret_value() == made["delivery_method"]["secret"]
    assert len(one.asked) == 1


async def test_what_the_care_makes_the_gateway_takes_without_knowing_the_signing_secret() -> None:
    chosen = settings(secrets="", **DEFAULT)
    async with (
        bench(chosen) as gateway,
        stage(chosen, httpx.ASGITransport(gateway.app)) as one,
    ):
        await one.look()
        ((made_id, _),) = one.held.items()
        await one.client.http.post(f"{one.client.client.address}/_sim/events", json={"made": {"count": 30}})
        await one.app.deliveries.settled()
        published = await gateway.published()
        counts = dict(one.app.deliveries.counts)

    assert (counts, len(published)) == ({"delivered": 30}, 30)
    assert made_id.encode() in {value for record in published for _, value in record.headers}


async def test_subscription_by_hand_that_cannot_be_verified_is_replaced_new_before_old() -> None:
    async with stage() as one:
        one.add("PBYHAND")
        looked = await one.look()
        (made_id,) = one.held
        methods = [
            (request.method, request.path)
            for request in one.app.log.requests
            if request.method in {"POST", "DELETE"}
        ]

    assert looked.done == (
        f"made {made_id} for account",
        "deleted PBYHAND: its deliveries cannot be verified",
    )
    assert methods == [("POST", "/webhook_subscriptions"), ("DELETE", "/webhook_subscriptions/PBYHAND")]


async def test_subscription_by_hand_is_kept_and_mended_where_a_signing_secret_is_known() -> None:
    async with stage(settings(secrets="known", **DEFAULT)) as one:
        one.add("PBYHAND", events=["incident.triggered"])
        looked = await one.look()

    assert looked.done == (f"updated PBYHAND: it gets {len(EVENT_KINDS)} types of events",)
    assert (list(one.held), one.held["PBYHAND"]["events"]) == (["PBYHAND"], sorted(EVENT_KINDS))
    assert len(one.asked) == 1


async def test_subscription_made_with_the_secret_of_before_is_replaced() -> None:
    async with stage() as one:
        before = await one.look()
        looked = await one.look(settings(secrets="", client_secret="another-client-secret", **DEFAULT))

    (old_id,) = before.made
    (new_id,) = looked.made
    assert (list(one.held), looked.done[1]) == (
        [new_id],
        f"deleted {old_id}: its deliveries cannot be verified",
    )


async def test_disabled_subscription_is_switched_on_again_and_a_resync_catches_up() -> None:
    async with stage() as one:
        await one.look()
        (made_id,) = one.held
        one.change_method(made_id, temporarily_disabled=True)
        one.asked.clear()
        looked = await one.look()
        again = await one.look()

    assert looked.done == (f"switched {made_id} on, which PagerDuty had disabled after failures",)
    assert one.held[made_id]["delivery_method"]["temporarily_disabled"] is False
    assert (one.asked, again.done) == (
        ["the webhook subscription did not bring all events: PagerDuty had switched it off"],
        (),
    )


async def test_resync_that_could_not_be_asked_for_is_asked_for_at_the_next_look() -> None:
    async with stage() as one:
        care = one.care()
        one.failures.append(RetryableError("the log is away"))
        with pytest.raises(RetryableError):
            await care.look()
        looked = await care.look()
        await care.look()

    assert looked.done == ()
    assert one.asked == ["the webhook subscription did not bring all events: it was made just now"]


async def test_paused_subscription_is_left_alone_and_said_so_until_the_user_activates_it() -> None:
    async with stage() as one:
        await one.look()
        (made_id,) = one.held
        one.change(made_id, active=False)
        left = await one.look()
        is_active = one.held[made_id]["active"]
        mended = await one.look(activate=True)

    assert (left.verdict, left.done, is_well(left), is_active) == (Verdict.PAUSED, (), False, False)
    assert left.trouble == (
        f"the webhook subscription {made_id} is paused in PagerDuty, so no live changes arrive: activate it "
        "there, or with `pagerport webhook create`",
    )
    assert (is_well(mended), one.held[made_id]["active"]) == (True, True)


async def test_limit_is_named_whether_it_was_seen_or_met() -> None:
    async with stage() as one:
        for number in range(10):
            one.add(f"POTHER{number}", delivery_method={**_method("http://other.test/"), "id": f"M{number}"})
        seen = await one.look()
        one.app.store.delete("webhook_subscriptions", "POTHER0")
        body = {"error": {"message": "Subscription Limit Exceeded", "code": 2019}}
        one.app.script.replace([{"match": {"method": "POST"}, "action": {"status": 400, "body": body}}])
        met = await one.look()

    message = (
        "PagerDuty takes 10 webhook subscriptions for account, and there are as many: delete one "
        "(`pagerport webhook list` shows them), or set OCEAN__WEBHOOK__SCOPE"
    )
    assert (seen.verdict, seen.trouble) == (Verdict.LIMIT_REACHED, (message,))
    assert (met.verdict, met.trouble) == (Verdict.LIMIT_REACHED, (message,))
    assert one.asked == []


def _method(url: str) -> dict[str, Any]:
    return {
        "type": "http_delivery_method",
        "url": url,
        "secret": "s",
        "temporarily_disabled": False,
        "custom_headers": [],
    }


async def test_creation_whose_answer_was_lost_leaves_one_subscription_after_the_next_look() -> None:
    async with stage() as one:
        one.app.script.replace([{"match": {"method": "POST"}, "times": 1, "action": {"drop": "mid_body"}}])
        await one.look()
        after_the_first = len(one.held)
        looked = await one.look()

    assert (after_the_first, len(one.held), looked.verdict) == (2, 1, Verdict.NOTHING)


async def test_delete_whose_answer_was_lost_is_done() -> None:
    async with stage() as one:
        one.add("PBYHAND")
        one.app.script.replace([{"match": {"method": "DELETE"}, "times": 1, "action": {"drop": "mid_body"}}])
        looked = await one.look()
        statuses = [request.status for request in one.app.log.requests if request.method == "DELETE"]

    assert (is_well(looked), "PBYHAND" in one.held, statuses) == (True, False, [None, 404])


async def test_token_without_the_right_is_said_with_what_to_do() -> None:
    async with stage() as one:
        body = {"error": {"message": "Access Denied", "code": 2010}}
        one.app.script.replace([{"match": {"method": "POST"}, "action": {"status": 403, "body": body}}])
        looked = await one.look()

    assert is_well(looked) is False
    (line,) = looked.trouble[:1]
    assert line.startswith(
        "PagerDuty does not change the webhook subscription: POST /webhook_subscriptions: HTTP 403"
    )
    assert line.endswith(
        "; the token needs the scope webhook_subscriptions.write, and for the whole account an admin's key; "
        "else set OCEAN__WEBHOOK__SCOPE=team/<id>"
    )


async def test_all_pages_are_looked_through() -> None:
    async with stage(settings(secrets="known", **DEFAULT)) as one:
        services = list(one.app.store.rows("services"))
        for number in range(130):
            scope = {"type": "service_reference", "id": services[number % len(services)]}
            one.add(f"POTHER{number}", filter=scope, delivery_method=_method("http://other.test/"))
        one.add("PZZLAST")
        looked = await one.look()

    assert (looked.kept, len(looked.found), is_well(looked)) == (("PZZLAST",), 131, True)


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({}, None),
        ({"base_url": "https://h.example"}, "https://h.example/integration/webhook"),
        (
            {"base_url": "https://h.example/pd", "path_prefix": "/pd"},
            "https://h.example/pd/integration/webhook",
        ),
        ({"base_url": "https://h.example", "path_prefix": "/pd"}, "https://h.example/pd/integration/webhook"),
    ],
)
def test_address_is_the_public_one_with_the_path_of_the_gateway(
    more: dict[str, Any], url: str | None
) -> None:
    wanted = wanted_subscription(settings(**more))

    assert (None if wanted is None else wanted.url) == url


def test_base_url_wins_over_the_app_host_of_before() -> None:
    def address(**more: str) -> str:
        config = {"app_host": "https://old.example/"}
        wanted = wanted_subscription(Settings.model_validate({"integration": {"config": config}, **more}))
        assert wanted is not None
        return wanted.url

    assert address() == "https://old.example/integration/webhook"
    assert address(base_url="https://new.example") == "https://new.example/integration/webhook"


async def test_watch_looks_again_and_says_each_trouble_once(caplog: pytest.LogCaptureFixture) -> None:
    waited: list[float] = []

    async with stage() as one:

        async def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 3:
                one.app.service.credentials.account_tokens = {TOKEN}
            if len(waited) == 4:
                raise EOFError

        one.app.service.credentials.account_tokens = set()
        watch = subscription_watch(one.chosen, one.client.client, one.catch_up, sleep)
        assert watch is not None
        with pytest.raises(EOFError):
            await watch.run()

    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert waited == [300.0] * 4
    assert len(errors) == 1
    assert errors[0].startswith("the webhook subscription could not be looked after: PagerDuty at ")
    assert TOKEN not in caplog.text
    assert (watch.trouble, watch.last is not None and is_well(watch.last)) == ((), True)


async def test_list_that_is_refused_is_fatal_for_the_look() -> None:
    async with stage() as one:
        one.app.script.replace([{"action": {"status": 403}}])
        with pytest.raises(
            FatalError, match=r"does not list webhook subscriptions: .*webhook_subscriptions\.read"
        ):
            await one.look()


async def test_without_a_public_address_there_is_nothing_to_watch() -> None:
    async with stage(settings()) as one:
        assert subscription_watch(one.chosen, one.client.client, one.catch_up, one.client.time.sleep) is None


@pytest.mark.parametrize("body", [{}, {"webhook_subscriptions": None}, {"webhook_subscriptions": {}}])
async def test_answer_that_is_no_list_of_subscriptions_makes_none(body: Any) -> None:
    async with stage() as one:
        listing = {"path": "/webhook_subscriptions", "method": "GET"}
        one.app.script.replace([{"match": listing, "action": {"status": 200, "body": body}}])
        with pytest.raises(FatalError, match="does not list webhook subscriptions"):
            await one.look()
        assert one.held == {}


async def test_list_of_subscriptions_that_never_ends_is_left() -> None:
    page = [{"id": "PW1", "delivery_method": {"url": "http://elsewhere.test"}}]
    answer = {"webhook_subscriptions": page, "more": True}
    bench = Bench(httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    found = await list_subscriptions(bench.client)
    assert [one.subscription_id for one in found] == ["PW1"]
