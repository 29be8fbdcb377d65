"""Judges on the object itself what PagerDuty's list filters would have judged."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from shared.query_values import as_instant, as_text, as_texts

Judge = Callable[[Mapping[str, Any]], bool]
_Maker = Callable[[JsonValue], Judge]


def _one_of(read: Callable[[Mapping[str, Any]], object]) -> _Maker:
    """Make judges that ask whether what `read` gives is one of the values."""

    def make(value: JsonValue) -> Judge:
        wanted = frozenset(as_texts(value))
        return lambda held: read(held) in wanted

    return make


def _any_of(read: Callable[[Mapping[str, Any]], list[object]]) -> _Maker:
    """Make judges that ask whether any of what `read` gives is one of the values."""

    def make(value: JsonValue) -> Judge:
        wanted = frozenset(as_texts(value))
        return lambda held: any(one in wanted for one in read(held))

    return make


def _id_of(name: str, otherwise: str | None = None) -> Callable[[Mapping[str, Any]], object]:
    def read(held: Mapping[str, Any]) -> object:
        reference = held.get(name)
        return reference.get("id") if isinstance(reference, dict) else otherwise

    return read


def _field(name: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda held: held.get(name)


def _ids(references: object) -> list[object]:
    """Return the ids in a list of references. A null list is empty (PagerDuty REST API, Includes)."""
    listed = references if isinstance(references, list) else []
    return [one.get("id") for one in listed if isinstance(one, dict)]


def _team_ids(held: Mapping[str, Any]) -> list[object]:
    return _ids(held.get("teams"))


def _assignee_ids(held: Mapping[str, Any]) -> list[object]:
    assignments = held.get("assignments")
    listed = assignments if isinstance(assignments, list) else []
    return _ids([one.get("assignee") for one in listed if isinstance(one, dict)])


def _incident_key(value: JsonValue) -> Judge:
    wanted = as_text(value)
    return lambda held: held.get("incident_key") == wanted


def _assigned(value: JsonValue) -> Judge:
    """Only open incidents have assignees. Source: PagerDuty REST API, List incidents."""
    judge = _any_of(_assignee_ids)(value)
    return lambda held: held.get("status") != "resolved" and judge(held)


def _since(value: JsonValue) -> Judge:
    bound = _whole_second(as_instant(as_text(value)))
    return lambda held: (at := _created_at(held.get("created_at"))) is None or at >= bound


def _until(value: JsonValue) -> Judge:
    bound = _whole_second(as_instant(as_text(value)))
    return lambda held: (at := _created_at(held.get("created_at"))) is None or at <= bound


def _created_at(value: object) -> datetime | None:
    try:
        return _whole_second(as_instant(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


_TEAMS: Mapping[str, _Maker] = {"team_ids": _any_of(_team_ids)}
_MAKERS: Mapping[str, Mapping[str, _Maker]] = {
    "incidents": {
        "statuses": _one_of(_field("status")),
        "urgencies": _one_of(_field("urgency")),
        "service_ids": _one_of(_id_of("service")),
        "user_ids": _assigned,
        "incident_key": _incident_key,
        "since": _since,
        "until": _until,
        **_TEAMS,
    },
    "services": _TEAMS,
    "users": _TEAMS,
    "escalation_policies": _TEAMS,
    "schedules": _TEAMS,
    "oncalls": {
        "user_ids": _one_of(_id_of("user")),
        # The literal `null` asks for permanent on-calls, which have no schedule.
        "schedule_ids": _one_of(_id_of("schedule", otherwise="null")),
        "escalation_policy_ids": _one_of(_id_of("escalation_policy")),
    },
}

LOCAL_PARAMETERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {kind: frozenset(makers) for kind, makers in _MAKERS.items()}
)
"""Kind to the parameters that can be judged on its objects. Every other one only PagerDuty can judge."""


def local_filter(kind: str, params: Mapping[str, JsonValue]) -> Judge | None:
    """Return what judges objects of a kind by an entry's parameters; None: every object passes.

    A parameter that cannot be judged on the object, is null or an empty list says nothing. `since` and
    `until` are inclusive and bound `created_at`; `date_range: all` takes them out of force.
    Source: PagerDuty REST API, List incidents.

    Raises:
        ValueError: A value is not of its form; `plan_sources` refuses such a mapping.
    """
    makers = _MAKERS.get(kind, {})
    ignored = frozenset({"since", "until"}) if params.get("date_range") == "all" else frozenset()
    judges = [
        makers[name](value)
        for name, value in params.items()
        if name in makers and name not in ignored and value is not None and value != []
    ]
    if not judges:
        return None
    if len(judges) == 1:
        return judges[0]
    return lambda held: all(judge(held) for judge in judges)


def passes(kind: str, params: Mapping[str, JsonValue], obj: Mapping[str, Any]) -> bool:
    """Return whether PagerDuty would have listed the object for these parameters.

    For many objects take `local_filter` once.

    Args:
        kind: PagerDuty kind of the object.
        params: An entry's `apiQueryParams`.
        obj: The PagerDuty object.
    """
    judge = local_filter(kind, params)
    return judge is None or judge(obj)
