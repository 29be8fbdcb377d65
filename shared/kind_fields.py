"""Knows the fields that PagerDuty documents for its objects, as far as they are declared here.

`kind_fields.json` says of each field what it holds: a type (`string`), with `?` where it may be null, with
`:a|b` where it is one of a few texts; `[…]` is a list; `@name` a shape of the same file; `%kind` an object of
another kind; `&kind(include)` a reference, or the whole object where the entry includes it. Of a kind that is
not in it, and of what is `any`, nothing is said.
Source: PagerDuty REST API, OpenAPI document, and PagerDuty Webhooks V3, Event Data Types.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from schemas.mapping import Selector
from shared.enrichment import switched_on
from shared.jq_shape import ANY, OBJECT, Shape, array_of
from shared.kinds import KINDS

_REFERENCE: Final = re.compile(r"&([a-z0-9_/]+)(?:\(([a-z_|]+)\))?")
_REFERENCE_SHAPE: Final = "reference"
_SWITCHES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("services", "__analytics"): "serviceAnalytics is false",
        ("incidents", "__analytics"): "needs `incidentAnalytics: true` in the selector",
        ("services", "__custom_fields"): "needs `includeCustomFields: true` in the selector",
        ("incidents", "__custom_fields"): "needs `includeCustomFields: true` in the selector",
        ("escalation_policies", "__oncall_users"): "attachOncallUsers is false",
    }
)
_INCIDENT_DATA: Final = ("event_incident", "event_of_incident")
_SERVICE_DATA: Final = ("event_service",)


@cache
def _declared() -> Mapping[str, Any]:
    text = files("shared").joinpath("kind_fields.json").read_text(encoding="utf-8")
    declared: dict[str, Any] = json.loads(text)
    return declared


def shape_of_kind(kind: str, selectors: Iterable[Selector]) -> Shape:
    """Return what is known of a kind's objects; `ANY`: nothing.

    Args:
        kind: PagerDuty kind.
        selectors: Those of all entries of the kind: what one includes, another may see too.
    """
    fields = _declared()["kinds"].get(kind)
    if fields is None:
        return ANY
    included, added = set[str](), set[str]()
    for selector in selectors:
        params = selector.api_query_params
        includes = ({**KINDS[kind].implied, **params} if params else params).get("include") or []
        included |= set(map(str, includes if isinstance(includes, list) else [includes]))
        added |= switched_on(kind, selector)
    off = {
        name: _SWITCHES.get((kind, name), "is not added")
        for name in fields
        if name.startswith("__") and name not in added
    }
    return Shape(
        frozenset({"object"}),
        fields=_members({name: spec for name, spec in fields.items() if name not in off}, included),
        name=kind,
        missing=off,
    )


def shape_of_event(resource: str) -> Shape:
    """Return what a webhook mapping sees.

    Args:
        resource: `incident` or `service`: what the events are about; empty: either.
    """
    wanted = {"incident": _INCIDENT_DATA, "service": _SERVICE_DATA}.get(
        resource, (*_INCIDENT_DATA, *_SERVICE_DATA)
    )
    fields: dict[str, str] = {}
    for name in wanted:
        for key, spec in _declared()["shapes"][name].items():
            # What several types of data have in common may be of any of their forms.
            fields[key] = spec if fields.get(key, spec) == spec else _looser(fields[key], spec)
    data = Shape(frozenset({"object"}), _members(fields, frozenset()), name="event data")
    event = {
        "id": "string",
        "event_type": "string",
        "resource_type": "string",
        "occurred_at": "string",
        "agent": "@reference?",
        "client": "any",
    }
    members = {**_members(event, frozenset()), "data": lambda: data}
    whole = Shape(frozenset({"object"}), members, name="event")
    body = Shape(frozenset({"object"}), {"event": lambda: whole}, name="body")
    around: dict[str, Callable[[], Shape]] = {
        "body": lambda: body,
        "headers": lambda: OBJECT,
        "queryParams": lambda: OBJECT,
    }
    return Shape(frozenset({"object"}), around, name="request")


def _looser(one: str, other: str) -> str:
    plain = {one.removesuffix("?").partition(":")[0], other.removesuffix("?").partition(":")[0]}
    return f"{plain.pop()}?" if len(plain) == 1 else "any"


def _members(fields: Mapping[str, str], included: Collection[str]) -> dict[str, Callable[[], Shape]]:
    return {name: partial(_shape, spec, frozenset(included)) for name, spec in fields.items()}


def _shape(spec: str, included: frozenset[str]) -> Shape:
    if spec.endswith("?"):
        return _shape(spec[:-1], included).or_null()
    if spec == "any":
        return ANY
    if spec.startswith("["):
        return array_of(_shape(spec[1:-1], included))
    if spec.startswith("@"):
        fields = _declared()["shapes"][spec[1:]]
        return Shape(frozenset({"object"}), _members(fields, included), name=_said(spec[1:]))
    if spec.startswith("%"):
        return Shape(
            frozenset({"object"}), _members(_declared()["kinds"][spec[1:]], frozenset()), name=spec[1:]
        )
    if found := _REFERENCE.fullmatch(spec):
        return _reference(found[1], tuple((found[2] or "").split("|")), included)
    name, _, values = spec.partition(":")
    shape = Shape(frozenset({name}))
    return replace(shape, values=frozenset(values.split("|"))) if values else shape


def _reference(kind: str, includes: tuple[str, ...], included: frozenset[str]) -> Shape:
    """Return a reference; where it is included, the whole object, of which nothing is said."""
    if not included.isdisjoint(includes):
        return OBJECT
    fields = _members(_declared()["shapes"][_REFERENCE_SHAPE], frozenset())
    needs = f"needs `include: [{includes[0]}]` in apiQueryParams" if includes[0] else ""
    whole = _declared()["kinds"].get(kind, {}) if needs else {}
    missing = {name: needs for name in whole if name not in fields}
    return Shape(
        frozenset({"object"}), fields, name=f"a reference to {kind}", missing=missing, otherwise=needs
    )


def _said(name: str) -> str:
    return name.replace("_", " ")
