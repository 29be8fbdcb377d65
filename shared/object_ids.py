"""Finds the id of a PagerDuty row, also where the row has no `id` of its own."""

from collections.abc import Callable
from typing import Any


def of_field(name: str) -> Callable[[Any], str | None]:
    """Return the rule that reads the id from a field of the row."""

    def identify(row: Any) -> str | None:  # noqa: ANN401 - foreign JSON
        return _text(row.get(name)) if isinstance(row, dict) else None

    return identify


def of_text(row: Any) -> str | None:  # noqa: ANN401 - foreign JSON
    """Return the row itself where rows are texts (abilities)."""
    return row if isinstance(row, str) and row else None


def of_license_allocation(row: Any) -> str | None:  # noqa: ANN401 - foreign JSON
    """Return the user's id: a user holds one licence. Source: PagerDuty REST API, Licenses."""
    return _reference(row, "user")


def of_oncall(row: Any) -> str | None:  # noqa: ANN401 - foreign JSON
    """Return `<policy>|<level>|<schedule or direct>|<user>|<start or permanent>`.

    One shift appears once for each policy and level that uses its schedule; a direct target has no schedule,
    a permanent on-call no start. Source: PagerDuty REST API, List on-calls.
    """
    policy, user = _reference(row, "escalation_policy"), _reference(row, "user")
    if policy is None or user is None:
        return None
    schedule = _reference(row, "schedule") or "direct"
    return f"{policy}|{row.get('escalation_level')}|{schedule}|{user}|{row.get('start') or 'permanent'}"


def _reference(row: Any, name: str) -> str | None:  # noqa: ANN401 - foreign JSON
    held = row.get(name) if isinstance(row, dict) else None
    return _text(held.get("id")) if isinstance(held, dict) else None


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
