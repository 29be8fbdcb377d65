"""Answers about webhook subscriptions: made, changed, dropped, switched on again, tried out.

Source: PagerDuty REST API, Webhook subscriptions.
"""

from collections.abc import Sequence
from random import Random

import orjson

from simulators.pagerduty import subscriptions
from simulators.pagerduty.answers import Call, Endpoint
from simulators.pagerduty.live import Live
from simulators.pagerduty.parameters import read_query
from simulators.pagerduty.store import Store
from simulators.pagerduty.subscription_view import shown

LIST = "/webhook_subscriptions"
ONE = "/webhook_subscriptions/{id}"


def subscription_endpoints(live: Live, random: Random) -> Sequence[tuple[str, Endpoint]]:
    """Return the endpoints, each with its path.

    Args:
        live: Sends pings.
        random: Makes ids and secrets.
    """

    def create(store: Store, call: Call) -> bytes:
        read_query(call.pairs, {})
        return _wrapped(subscriptions.create(store, call.caller, call.body, random))

    def ping(store: Store, call: Call) -> bytes:
        read_query(call.pairs, {})
        subscriptions.held(store, call.ids[0])
        live.ping(call.ids[0])
        return b""

    return (
        (LIST, Endpoint("POST", create)),
        (ONE, Endpoint("GET", _get)),
        (ONE, Endpoint("PUT", _update)),
        (ONE, Endpoint("DELETE", _delete, status=204)),
        (f"{ONE}/enable", Endpoint("POST", _enable)),
        (f"{ONE}/ping", Endpoint("POST", ping, status=202)),
    )


def _get(store: Store, call: Call) -> bytes:
    read_query(call.pairs, {})
    subscriptions.wake_after_a_day(store, call.now)
    return _wrapped(shown(subscriptions.held(store, call.ids[0]), is_listed=False))


def _update(store: Store, call: Call) -> bytes:
    read_query(call.pairs, {})
    return _wrapped(subscriptions.update(store, call.caller, call.ids[0], call.body))


def _delete(store: Store, call: Call) -> bytes:
    read_query(call.pairs, {})
    subscriptions.delete(store, call.caller, call.ids[0])
    return b""


def _enable(store: Store, call: Call) -> bytes:
    read_query(call.pairs, {})
    subscriptions.set_disabled(store, call.ids[0], None)
    return _wrapped(shown(subscriptions.held(store, call.ids[0]), is_listed=False))


def _wrapped(row: subscriptions.Row) -> bytes:
    return orjson.dumps({subscriptions.WRAPPER: row})
