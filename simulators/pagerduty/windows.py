"""Windows are the spans of time that a list takes, with the defaults and the limits of each kind."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from simulators.pagerduty.parameters import Value
from simulators.pagerduty.refusals import invalid_date_range, missing_arguments, window_too_long

Window = tuple[datetime | None, datetime | None]
"""Inclusive bounds, whole seconds; None is open."""

INCIDENT_DEFAULT = timedelta(days=30)  # Source: PagerDuty REST API, List incidents: default is 1 month
INCIDENT_MAX_MONTHS = 6  # Source: PagerDuty REST API, List incidents
NOTIFICATION_MAX_MONTHS = 3  # Source: PagerDuty REST API, List notifications
AUDIT_DEFAULT = timedelta(hours=24)  # Source: PagerDuty REST API, Audit Records API
AUDIT_MAX = timedelta(days=31)  # Source: PagerDuty REST API, Audit Records API
ONCALL_AHEAD_MAX = timedelta(days=90)  # Source: PagerDuty REST API, List all of the on-calls

# The field that a window is about. Incidents: created_at, never updated_at (simstudioai/sim, issue 6699).
TIME_FIELDS: Mapping[str, str] = {
    "audit/records": "execution_time",
    "change_events": "timestamp",
    "incidents": "created_at",
    "incidents/{id}/log_entries": "created_at",
    "log_entries": "created_at",
    "notifications": "started_at",
    "services/{id}/change_events": "timestamp",
    **{
        f"{kind}/{{id}}/audit/records": "execution_time"
        for kind in ("escalation_policies", "ip_allow_lists", "schedules", "services", "teams", "users")
    },
    "v3/schedules/{id}/audit/records": "execution_time",
}


def resolve_window(template: str, values: Mapping[str, Value], now: datetime) -> Window:
    """Return the window of a request.

    Args:
        template: Kind of the list, with `{id}` where it is nested.
        values: The parameters of the request.
        now: Time of the request.

    Raises:
        RefusedError: 400, a bound is missing, the bounds are the wrong way round, or the window is too long.
    """
    since, until = _second(values.get("since")), _second(values.get("until"))
    if since is not None and until is not None and until < since and values.get("date_range") != "all":
        raise invalid_date_range("Until must not be before since.")
    if template == "incidents":
        return _incident_window(since, until, values.get("date_range") == "all", now)
    if template == "oncalls":
        return _oncall_window(since, until, now)
    if template.endswith("audit/records"):
        return _audit_window(since, until, now)
    if template in {"notifications", "schedules/{id}/overrides"}:
        missing = [name for name in ("since", "until") if values.get(name) is None]
        if missing:
            raise missing_arguments(*missing)
        if (
            template == "notifications"
            and since is not None
            and until is not None
            and until >= add_months(since, NOTIFICATION_MAX_MONTHS)
        ):
            raise invalid_date_range("The date range must be less than 3 months.")
    return since, until


def _incident_window(
    since: datetime | None, until: datetime | None, everything: bool, now: datetime
) -> Window:
    if everything:
        return None, None
    now = now.replace(microsecond=0)
    if since is None:
        since = add_months(until, -1) if until is not None else now - INCIDENT_DEFAULT
        until = until or now
    elif until is None:
        until = add_months(since, 1)
    if until > add_months(since, INCIDENT_MAX_MONTHS):
        raise window_too_long()
    return since, until


def _oncall_window(since: datetime | None, until: datetime | None, now: datetime) -> Window:
    now = now.replace(microsecond=0)
    since = now if since is None else since
    until = max(now, since) if until is None else until
    if until < since:
        raise invalid_date_range("Until must not be before since.")
    if until > now + ONCALL_AHEAD_MAX:
        raise invalid_date_range("Until must not be more than 90 days ahead.")
    return since, until


def _audit_window(since: datetime | None, until: datetime | None, now: datetime) -> Window:
    until = until or (since + AUDIT_DEFAULT if since is not None else now.replace(microsecond=0))
    since = since or until - AUDIT_DEFAULT
    if until - since > AUDIT_MAX:
        raise invalid_date_range("The date range must not be more than 31 days.")
    return since, until


def _second(value: Value | None) -> datetime | None:
    return value.replace(microsecond=0) if isinstance(value, datetime) else None


def add_months(moment: datetime, months: int) -> datetime:
    """Move by calendar months; a day that the month lacks becomes its last day."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    for day in (moment.day, 30, 29, 28):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
