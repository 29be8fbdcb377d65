"""Decides what an answer of PagerDuty means for whoever asked."""

import re
from collections.abc import Mapping
from enum import StrEnum

from shared.pagerduty.error_body import ErrorBody


class Verdict(StrEnum):
    """What an answer means."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    """Ask again when the limit allows it."""
    QUOTA_SPENT = "quota_spent"
    """The quota of the day is used up: asking again today is in vain."""
    RETRY = "retry"
    """Ask again after a while."""
    UNAUTHORIZED = "unauthorized"
    """The token is not accepted: nothing will work."""
    DENIED = "denied"
    """Role, scope or plan do not give this: skip it, go on with the rest."""
    NOT_FOUND = "not_found"
    PAST_CAP = "past_cap"
    """`offset + limit` is more than PagerDuty pages through."""
    REFUSED = "refused"
    """Anything else that asking again will not mend."""
    GIVEN_UP = "given_up"
    """Failed again and again while other requests went through."""


# Source: PagerDuty REST API, Errors, PagerDuty Error Codes.
_CODES = {
    2006: Verdict.UNAUTHORIZED,
    2012: Verdict.UNAUTHORIZED,  # account expired
    2014: Verdict.DENIED,  # account lacks an ability
    2016: Verdict.RETRY,  # request took too long
    2020: Verdict.RATE_LIMITED,
    2100: Verdict.NOT_FOUND,
    5001: Verdict.NOT_FOUND,
    5002: Verdict.NOT_FOUND,
    6001: Verdict.NOT_FOUND,
}
_MISSING = 404
_STATUSES = {
    401: Verdict.UNAUTHORIZED,
    402: Verdict.DENIED,
    403: Verdict.DENIED,
    _MISSING: Verdict.NOT_FOUND,
    408: Verdict.RETRY,
    429: Verdict.RATE_LIMITED,
}
# The code beside these texts, 2002, also stands for other mistakes (webdevops/pagerduty-exporter, issue 18).
_PAST_CAP = re.compile(r"offset\s*\+\s*limit exceeds|offset must be less than", re.IGNORECASE)


def is_daily_quota_spent(headers: Mapping[str, str]) -> bool:
    """Return whether a rate-limit refusal speaks of the day, not of the minute.

    Undocumented. Seen on analytics, with a limit of 10 a day and what is left below 0, beside a minute's
    limit that is far from used up. Source: port-labs/ocean, issues 1376 and 3175.
    """
    try:
        return int(headers["daily-ratelimit-remaining"]) <= 0
    except (KeyError, ValueError):
        return False


def classify(status: int, error: ErrorBody) -> Verdict:
    """Return what an answer means. The status decides before the code; only a 400 asks the code.

    Only PagerDuty knows that something is gone. A proxy says 404 of what it cannot forward, so that one
    without PagerDuty's form of an error says nothing of the object: like a failed gateway, it may pass.
    """
    if 200 <= status < 300:
        return Verdict.OK
    if status >= 500 or is_foreign(status, error):
        return Verdict.RETRY
    if status in _STATUSES:
        # An expired account is told as 403: for a whole run, not for one kind.
        return Verdict.UNAUTHORIZED if error.code == 2012 else _STATUSES[status]
    if status == 400:
        if _PAST_CAP.search(error.text):
            return Verdict.PAST_CAP
        verdict = _CODES.get(error.code or 0, Verdict.REFUSED)
        is_its = verdict is not Verdict.NOT_FOUND or error.is_pagerdutys
        return verdict if is_its else Verdict.REFUSED
    return Verdict.REFUSED


def is_foreign(status: int, error: ErrorBody) -> bool:
    """Return whether a 404 is somebody else's: PagerDuty's is a JSON object with `error`.

    Source: PagerDuty REST API, Errors.
    """
    return status == _MISSING and not error.is_pagerdutys
