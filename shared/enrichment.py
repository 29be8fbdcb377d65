"""Says which keys a listing must add to its objects: those that an entry reads and has not switched off.

| key | on | what | switch (default) |
| --- | --- | --- | --- |
| `__oncall_user` | services | on-calls of its escalation policy now | |
| `__oncall_users` | escalation_policies | its on-calls now | `attachOncallUsers` (true) |
| `__email` | schedules, in each of `users[]` | the user's e-mail | |
| `__analytics` | services | metrics of `analyticsMonthsPeriod` (3) months | `serviceAnalytics` (true) |
| `__analytics` | incidents | its raw analytics | `incidentAnalytics` (false) |
| `__custom_fields` | services, incidents | values of its custom fields | `includeCustomFields` (false) |

An entry reads a key when the text of one of its expressions names it, which is also the rule by which the
mapper leaves alone what is made from a key that could not be had; or when one takes all of that in which the
key stands (`tojson`, `.users`). Source of the keys: port-labs/ocean, integrations/pagerduty, so that existing
mappings work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from schemas.mapping import Resource, Selector
from shared.jq_taken import EACH, Place, holds, taken_by

SERVICE_ONCALLS: Final = "__oncall_user"
POLICY_ONCALLS: Final = "__oncall_users"
USER_EMAIL: Final = "__email"
ANALYTICS: Final = "__analytics"
CUSTOM_FIELDS: Final = "__custom_fields"

_Switch = Callable[[Selector], bool]
_SWITCHES: Final[Mapping[str, Mapping[str, _Switch]]] = {
    "services": {
        SERVICE_ONCALLS: lambda _: True,
        ANALYTICS: lambda selector: selector.service_analytics is not False,
        CUSTOM_FIELDS: lambda selector: selector.include_custom_fields,
    },
    "incidents": {
        ANALYTICS: lambda selector: selector.incident_analytics is True,
        CUSTOM_FIELDS: lambda selector: selector.include_custom_fields,
    },
    "schedules": {USER_EMAIL: lambda _: True},
    "escalation_policies": {POLICY_ONCALLS: lambda selector: selector.attach_oncall_users is not False},
}
"""Kind to the keys its objects can be given, each with what says whether an entry wants it."""
_PLACES: Final[Mapping[str, Place]] = {USER_EMAIL: ("users", EACH, USER_EMAIL)}
"""Where a key stands in the object, if not at its top."""
DEFAULT_MONTHS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """What is added to the objects of a listing.

    Attributes:
        keys: Keys, in a fixed order.
        analytics_months: Months of 30 days that the metrics of services cover.
    """

    keys: tuple[str, ...] = ()
    analytics_months: int = DEFAULT_MONTHS

    @property
    def months(self) -> int | None:
        """Return the period of the analytics; None: there are none."""
        return self.analytics_months if ANALYTICS in self.keys else None


NO_ENRICHMENT: Final = Enrichment()


def switched_on(kind: str, selector: Selector) -> frozenset[str]:
    """Return the keys that objects of a kind are given where an expression of the entry names them."""
    return frozenset(key for key, is_on in _SWITCHES.get(kind, {}).items() if is_on(selector))


def read_enrichment(resource: Resource) -> Enrichment:
    """Return what one entry needs."""
    selector, texts = resource.selector, list(_texts((resource.selector.query, resource.port.entity)))
    wanted = switched_on(resource.kind, selector)
    items, name = resource.port.items_to_parse, resource.port.items_to_parse_name
    named = "\n".join(texts if items is None else [*texts, items])
    missing = [key for key in wanted if key not in named]
    taken = [place for text in texts for place in taken_by(text, name, items)] if missing else []
    wanted -= {key for key in missing if not any(holds(place, _PLACES.get(key, (key,))) for place in taken)}
    return Enrichment(
        keys=tuple(key for key in _SWITCHES.get(resource.kind, {}) if key in wanted),
        analytics_months=selector.analytics_months_period,
    )


def unite_enrichments(kind: str, parts: Iterable[Enrichment]) -> Enrichment:
    """Return what all entries of one source need together. Those with analytics have the same period."""
    held = list(parts)
    keys = {key for part in held for key in part.keys}
    months = [part.months for part in held if part.months is not None]
    return Enrichment(
        keys=tuple(key for key in _SWITCHES.get(kind, {}) if key in keys),
        analytics_months=months[0] if months else DEFAULT_MONTHS,
    )


def _texts(part: object) -> Iterator[str]:
    """Return every text in a part of a mapping: its expressions, wherever they stand."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _texts(getattr(part, name))
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, tuple):
        for value in part:
            yield from _texts(value)
