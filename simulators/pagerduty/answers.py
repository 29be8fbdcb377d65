"""Answers are made here: each kind of endpoint turns a checked request into the body of a 200."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from simulators.pagerduty import analytics
from simulators.pagerduty.access import Caller
from simulators.pagerduty.derived import derive
from simulators.pagerduty.includes import render
from simulators.pagerduty.pages import UNDISTURBED, Disturbance, check_paging, page_body
from simulators.pagerduty.parameters import Value, parameters, read_query
from simulators.pagerduty.refusals import (
    account_token_at_me,
    layered_schedule_at_v3,
    missing_arguments,
    not_found,
)
from simulators.pagerduty.resource import Paging, Resource
from simulators.pagerduty.resources import RESOURCES
from simulators.pagerduty.routes import Routes
from simulators.pagerduty.schedules import render_schedule
from simulators.pagerduty.selection import select
from simulators.pagerduty.store import Store
from simulators.pagerduty.windows import resolve_window

# Paths documented with another status than 200. Source: PagerDuty REST API, OpenAPI document.
STATUSES: Mapping[str, int] = {"/incident_workflows/{id}": 201, "/schedules/{id}/overrides": 201}


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be answered: the caller is known and the headers are right."""

    pairs: list[tuple[str, str]]
    ids: tuple[str, ...]
    caller: Caller
    now: datetime
    body: bytes = b""
    disturbance: Disturbance = UNDISTURBED


Answer = Callable[[Store, Call], bytes]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of a path, and how it is answered."""

    method: str
    answer: Answer
    early_access: str | None = None
    is_analytics: bool = False
    status: int = 200


Methods = Mapping[str, Endpoint]
"""What there is at a path, by method."""


def build_routes(more: Sequence[tuple[str, Endpoint]] = ()) -> Routes[Methods]:
    """Return every path of the API that the simulator knows.

    Args:
        more: Endpoints beside those of this file, which go before them.
    """
    known: dict[str, dict[str, Endpoint]] = {}
    for path, endpoint in (*_endpoints(), *more):
        known.setdefault(path, {})[endpoint.method] = endpoint
    routes: Routes[Methods] = Routes()
    for path, methods in known.items():
        routes.add(path, methods)
    return routes


def _endpoints() -> Iterator[tuple[str, Endpoint]]:
    for resource in RESOURCES:
        early = resource.early_access
        if resource.listed:
            status = STATUSES.get(resource.path, 200)
            yield resource.path, Endpoint("GET", _list_of(resource), early, status=status)
        if resource.single is not None:
            single = SINGLES.get(resource.kind) or _single_of(resource)
            path = f"{resource.path}/{{id}}"
            yield path, Endpoint("GET", single, early, status=STATUSES.get(path, 200))
    yield "/users/me", Endpoint("GET", _me)
    yield "/analytics/raw/incidents", Endpoint("POST", _raw_incidents, is_analytics=True)
    yield "/analytics/raw/incidents/{id}", Endpoint("GET", _raw_incident, is_analytics=True)
    yield (
        "/analytics/metrics/incidents/services",
        Endpoint("POST", _service_metrics, is_analytics=True),
    )


def _list_of(resource: Resource) -> Answer:
    def answer(store: Store, call: Call) -> bytes:
        values = read_query(call.pairs, resource.accepted)
        if resource.paging is Paging.CLASSIC:
            check_paging(resource, values)
        kind = _held_kind(resource, call.ids, store)
        include = _include(values)
        keys = select(resource, kind, values, store, call.now)
        template = resource.kind
        return page_body(
            resource, values, keys, lambda key: store.row(template, kind, key, include), call.disturbance
        )

    return answer


def _single_of(resource: Resource) -> Answer:
    def answer(store: Store, call: Call) -> bytes:
        values = read_query(call.pairs, resource.single_accepted)
        kind = _held_kind(resource, call.ids[:-1], store)
        value = _held(store, kind, call.ids[-1])
        return _wrapped(resource.single, render(resource.kind, value, _include(values), store.find))

    return answer


def _held_kind(resource: Resource, ids: tuple[str, ...], store: Store) -> str:
    """Return the kind that the rows of a list are held under, after having made sure that its parent exists.

    Raises:
        RefusedError: 404, there is no such parent.
    """
    if not ids:
        return resource.kind
    parent_kind = resource.kind.partition("/{id}")[0]
    known = _parents(parent_kind)
    if not any(ids[0] in store.rows(kind) for kind in known) and not _is_named(parent_kind, ids[0], store):
        raise not_found(parent_kind)
    kind = resource.kind.replace("{id}", ids[0])
    if not store.is_known(kind):
        store.derive(kind, derive(resource.kind, ids[0], store))
    return kind


def _parents(kind: str) -> tuple[str, ...]:
    if kind.startswith("service_dependencies/"):
        return ("services", "business_services")
    return (kind,)


def _is_named(kind: str, name: str, store: Store) -> bool:
    """Tell whether an incident type has this name: paths take it for an id."""
    return kind == "incidents/types" and any(row["name"] == name for row in store.rows(kind).values())


def _held(store: Store, kind: str, key: str) -> Any:  # noqa: ANN401  # foreign JSON
    value = store.rows(kind).get(key)
    if value is None:
        raise not_found(kind)
    return value


def _include(values: Mapping[str, Value]) -> tuple[str, ...]:
    names = values.get("include[]", ())
    return tuple(sorted(set(names))) if isinstance(names, tuple) else ()


def _wrapped(key: str | None, value: object) -> bytes:
    return orjson.dumps({key: value} if key else value)


def _incident(store: Store, call: Call) -> bytes:
    resource = BY_KIND["incidents"]
    values = read_query(call.pairs, resource.single_accepted)
    include = _include(values)
    incident = _held(store, "incidents", call.ids[0])
    shown = render("incidents", incident, include, store.find)
    if "body" in include:
        shown.setdefault("body", {"type": "incident_body", "details": incident["title"]})
    if "custom_fields" in include:
        kind = _held_kind(BY_KIND["incidents/{id}/custom_fields/values"], call.ids, store)
        shown["custom_fields"] = list(store.rows(kind).values())
    return _wrapped("incident", shown)


def _schedule(store: Store, call: Call) -> bytes:
    values = read_query(call.pairs, BY_KIND["schedules"].single_accepted)
    window = resolve_window("schedules/{id}", values, call.now)
    return _wrapped("schedule", render_schedule(_held(store, "schedules", call.ids[0]), window))


def _shift_schedule(store: Store, call: Call) -> bytes:
    """Source: PagerDuty REST API, Schedules v2 to v3 upgrade: a layer-based schedule's id gives 400 here."""
    values = read_query(call.pairs, BY_KIND["v3/schedules"].single_accepted)
    since, until = resolve_window("v3/schedules/{id}", values, call.now)
    if call.ids[0] in store.rows("schedules"):
        raise layered_schedule_at_v3()
    schedule = _held(store, "v3/schedules", call.ids[0])
    shown = {name: part for name, part in schedule.items() if name != "final_schedule"}
    if "final_schedule" in _include(values):
        if since is None or until is None:
            raise missing_arguments("since", "until")
        shown["final_schedule"] = schedule.get("final_schedule", {"computed_shift_assignments": []})
    return _wrapped("schedule", shown)


def _me(store: Store, call: Call) -> bytes:
    values = read_query(call.pairs, BY_KIND["users"].single_accepted)
    if call.caller.is_account:
        raise account_token_at_me()
    user_id = call.caller.user_id or next(iter(store.rows("users")), "")
    return _wrapped("user", render("users", _held(store, "users", user_id), _include(values), store.find))


def _raw_incidents(store: Store, call: Call) -> bytes:
    read_query(call.pairs, {})
    asked = analytics.read_body(call.body, analytics.RAW_KEYS)
    return orjson.dumps(analytics.raw_incidents(store.rows("incidents").values(), asked))


def _raw_incident(store: Store, call: Call) -> bytes:
    read_query(call.pairs, parameters("time_zone"))
    return orjson.dumps(analytics.raw_incident(_held(store, "incidents", call.ids[0])))


def _service_metrics(store: Store, call: Call) -> bytes:
    read_query(call.pairs, {})
    asked = analytics.read_body(call.body, analytics.METRIC_KEYS)
    return orjson.dumps(analytics.service_metrics(store.rows("incidents").values(), asked))


BY_KIND: Mapping[str, Resource] = {resource.kind: resource for resource in RESOURCES}
SINGLES: Mapping[str, Answer] = {
    "incidents": _incident,
    "schedules": _schedule,
    "v3/schedules": _shift_schedule,
}
