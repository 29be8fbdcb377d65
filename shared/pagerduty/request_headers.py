"""Builds the headers every request to PagerDuty carries."""

BEARER_PREFIX = "pd"
"""OAuth tokens begin with `pd` and the region (`pdus+…`). Source: PagerDuty developer docs, Private Apps."""
ACCEPT = "application/vnd.pagerduty+json;version=2"
"""Overrides the version bound to the key. Source: PagerDuty REST API, Versioning."""


def authorization(token: str) -> str:
    """Return the Authorization header's value for an API key or an OAuth token.

    Source: PagerDuty REST API, Authentication; port-labs/ocean tells the two apart in the same way.
    """
    return f"Bearer {token}" if token.startswith(BEARER_PREFIX) else f"Token token={token}"


def request_headers(token: str, user_agent: str) -> dict[str, str]:
    """Return the headers of every request."""
    return {
        "authorization": authorization(token),
        "accept": ACCEPT,
        "content-type": "application/json",
        "user-agent": user_agent,
    }
