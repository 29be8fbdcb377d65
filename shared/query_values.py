"""Reads the values of `apiQueryParams` as PagerDuty takes them."""

from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

MONTH = timedelta(days=30)
"""A month in relative bounds. Source: port-labs/ocean, integrations/pagerduty."""


def as_texts(value: JsonValue) -> tuple[str, ...]:
    """Return the values of a list parameter as they travel; one value alone is a list of one.

    A null inside is the literal `null` (PagerDuty REST API, List on-calls: `schedule_ids[]`).

    Raises:
        ValueError: A value is neither text, number, boolean nor null.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        return (as_text(value),)
    return tuple("null" if one is None else as_text(one) for one in value)


def as_text(value: JsonValue) -> str:
    """Return a scalar as it travels; booleans in lower case. Source: PagerDuty REST API, Types.

    Raises:
        ValueError: It is a list, an object or null.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("must be one text, number or boolean")


def as_boolean(value: JsonValue) -> str:
    """Return a boolean as it travels.

    Raises:
        ValueError: It is none.
    """
    text = as_text(value).lower()
    if text not in {"true", "false", "1", "0"}:
        raise ValueError("must be true or false")
    return text


def as_instant(text: str) -> datetime:
    """Return an ISO 8601 time in UTC; one without a zone is read as UTC.

    Raises:
        ValueError: It is no time.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be an ISO 8601 time such as 2026-01-31T00:00:00Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def instant_text(at: datetime) -> str:
    """Return a time as it travels: whole seconds, UTC, `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def months_from(value: JsonValue) -> float | None:
    """Return a number of months; None: the value is no number.

    Raises:
        ValueError: It is negative.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= 1200:
        raise ValueError("must be a number of months from 0 to 1200, or an ISO 8601 time")
    return float(value)
