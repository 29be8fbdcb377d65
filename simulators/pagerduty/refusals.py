"""Refusals are the errors the service answers with, each with the body that PagerDuty documents for it.

Source: PagerDuty REST API, Errors: `{"error": {"message", "code", "errors": [...]}}`.
"""

from collections.abc import Mapping
from typing import Any

OFFSET_CAP_TEXT = (
    "Offset+limit exceeds maximum allowed value of 10000. Please try to refine your search to reduce the "
    "returned set of records below this number, like adding a date range."
)
LOG_ENTRY_OFFSET_TEXT = "Offset must be less than 10001."

# Source: PagerDuty REST API, Errors, PagerDuty Error Codes. A kind not here is 2100 "Not Found".
NOT_FOUND: Mapping[str, tuple[int, str]] = {
    "escalation_policies": (5001, "Escalation Policy Not Found"),
    "incidents": (5001, "Incident Not Found"),
    "log_entries": (5001, "Log Entry Not Found"),
    "maintenance_windows": (5001, "Maintenance Window Not Found"),
    "schedules": (3004, "Schedule Not Found"),
    "services": (5002, "Service Not Found"),
    "teams": (6001, "Team Not Found"),
    "users": (5001, "User Not Found"),
    "vendors": (5001, "Vendor Not Found"),
}


class RefusedError(Exception):
    """A request that the service answers with an error status and a body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def refused(status: int, code: int, message: str, *errors: str) -> RefusedError:
    """Return a refusal in the documented shape; without details the key `errors` is left out."""
    error: dict[str, Any] = {"message": message, "code": code}
    if errors:
        error["errors"] = list(errors)
    return RefusedError(status, {"error": error})


def invalid_input(*errors: str) -> RefusedError:
    """A parameter that the operation does not take, or a value that it does not."""
    return refused(400, 2001, "Invalid Input Provided", *errors)


def bad_arguments(*errors: str) -> RefusedError:
    """Arguments that are well formed and cannot be served, such as an offset past the cap."""
    return refused(400, 2002, "Arguments Caused Error", *errors)


def missing_arguments(*names: str) -> RefusedError:
    """Parameters that the operation cannot do without."""
    return refused(400, 2003, "Missing Arguments", *(f"{_title(name)} is required." for name in names))


def invalid_time(name: str) -> RefusedError:
    """A `since` or `until` that is no time."""
    return refused(
        400, 2004, "Invalid time values in 'since' and/or 'until' parameters", f"{_title(name)} is invalid."
    )


def invalid_date_range(text: str) -> RefusedError:
    """Bounds that are times, but no range that the operation takes."""
    return refused(400, 2005, "Invalid Query Date Range", text)


def window_too_long() -> RefusedError:
    """A window of incidents over 6 months.

    Source: PagerDuty REST API, List incidents; body as reported in xginn8/grafana-pagerduty, issue 19.
    """
    return invalid_input(" is invalid.")


def unauthorized() -> RefusedError:
    """No credentials, or wrong ones."""
    return refused(401, 2006, "Authentication failed")


def account_token_at_me() -> RefusedError:
    """`GET /users/me` with a key of the account: `error` is a string here.

    Source: PagerDuty REST API, Get the current user; the shape as its official Python client expects it.
    """
    return RefusedError(400, {"error": "This endpoint cannot be used with an account-level access token."})


def rate_limited() -> RefusedError:
    """More requests than allowed."""
    return refused(429, 2020, "Rate Limit Exceeded")


def not_found(kind: str = "") -> RefusedError:
    """No such object, or no such path."""
    code, message = NOT_FOUND.get(kind, (2100, "Not Found"))
    return refused(404, code, message)


def wrong_method() -> RefusedError:
    """A path that exists, with a method that it does not have."""
    return refused(405, 2015, "Invalid operation")


def layered_schedule_at_v3() -> RefusedError:
    """`GET /v3/schedules/{id}` of a layer-based schedule: `errors` is a map here.

    Source: PagerDuty REST API, Schedules v2 to v3 upgrade.
    """
    errors = {"id": ["is not a shift-based schedule"]}
    return RefusedError(400, {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": errors}})


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
