"""Schedules are rendered: who is on call when, from the layers' turns, within a window."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from simulators.pagerduty.store import moment
from simulators.pagerduty.windows import Window

# Source: PagerDuty REST API, Get a schedule: two weeks when only one bound is given.
DEFAULT_SPAN = timedelta(weeks=2)
MAX_ENTRIES = 1000


def render_schedule(schedule: Mapping[str, Any], window: Window) -> dict[str, Any]:
    """Return a layer-based schedule as the single GET has it: layers, overrides and result rendered.

    Without any bound nothing is rendered. Source: PagerDuty REST API, Get a schedule.
    """
    bounds = _bounds(window)
    layers = [_render_layer(layer, bounds) for layer in schedule.get("schedule_layers", [])]
    final = layers[-1]["rendered_schedule_entries"] if layers else []
    coverage = layers[-1]["rendered_coverage_percentage"] if layers else None
    return {
        **schedule,
        "schedule_layers": layers,
        "overrides_subschedule": _subschedule("Overrides", [], None if bounds is None else 0),
        "final_schedule": _subschedule("Final Schedule", final, coverage),
    }


def _bounds(window: Window) -> tuple[datetime, datetime] | None:
    since, until = window
    if since is None and until is None:
        return None
    if since is None:
        assert until is not None  # noqa: S101  # the other half of the test above
        return until - DEFAULT_SPAN, until
    return since, until if until is not None else since + DEFAULT_SPAN


def _subschedule(name: str, entries: list[dict[str, Any]], coverage: float | None) -> dict[str, Any]:
    return {"name": name, "rendered_schedule_entries": entries, "rendered_coverage_percentage": coverage}


def _render_layer(layer: Mapping[str, Any], bounds: tuple[datetime, datetime] | None) -> dict[str, Any]:
    entries = [] if bounds is None else _turns(layer, *bounds)
    coverage = None if bounds is None else 100.0 if entries else 0.0
    return {**layer, "rendered_schedule_entries": entries, "rendered_coverage_percentage": coverage}


def _turns(layer: Mapping[str, Any], since: datetime, until: datetime) -> list[dict[str, Any]]:
    users = [member["user"] for member in layer["users"]]
    origin = moment(layer["rotation_virtual_start"])
    turn = timedelta(seconds=layer["rotation_turn_length_seconds"])
    if not users or origin is None:
        return []
    number = (since - origin) // turn
    entries: list[dict[str, Any]] = []
    while origin + number * turn < until and len(entries) < MAX_ENTRIES:
        start, end = max(since, origin + number * turn), min(until, origin + (number + 1) * turn)
        if start < end:
            entries.append({"start": zulu(start), "end": zulu(end), "user": users[number % len(users)]})
        number += 1
    return entries


def zulu(at: datetime) -> str:
    """Write a UTC time as the API does."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
