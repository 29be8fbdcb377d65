"""Adds to an object what the mapping format promises beside it, naively: one request for each thing.

Written from the format's description alone; imports nothing of the product.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

Json = Any
DAYS_OF_A_MONTH = 30
JSON = {"Content-Type": "application/json"}


class Enricher:
    """Asks for users and escalation policies once each, since many objects name the same ones."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._oncalls: dict[str, list[Json]] = {}
        self._emails: dict[str, Json] = {}

    def add_to(self, document: Json, kind: str, selector: dict[str, Json]) -> None:
        """Add the keys that the kind has and the selector does not switch off."""
        if kind == "services":
            document["__oncall_user"] = self._oncalls_of((document["escalation_policy"] or {}).get("id"))
            if selector.get("serviceAnalytics", True):
                document["__analytics"] = self._metrics(document, selector.get("analyticsMonthsPeriod", 3))
        if kind == "escalation_policies" and selector.get("attachOncallUsers", True):
            document["__oncall_users"] = self._oncalls_of(document["id"])
        if kind == "incidents" and selector.get("incidentAnalytics", False):
            document["__analytics"] = self._get(f"/analytics/raw/incidents/{document['id']}")
        if kind in {"services", "incidents"} and selector.get("includeCustomFields", False):
            values = self._get(f"/{kind}/{document['id']}/custom_fields/values")
            document["__custom_fields"] = values["custom_fields"]
        if kind == "schedules":
            for user in document["users"]:
                email = self._email_of(user["id"])
                if email is not None:
                    user["__email"] = email

    def _oncalls_of(self, policy: str | None) -> list[Json]:
        if policy is None:
            return []
        if policy not in self._oncalls:
            params = {"escalation_policy_ids[]": policy, "include[]": "users", "limit": "100"}
            answer = self._client.get("/oncalls", params=params).raise_for_status().json()
            assert answer["more"] is False
            self._oncalls[policy] = answer["oncalls"]
        return self._oncalls[policy]

    def _email_of(self, user: str) -> Json:
        if user not in self._emails:
            answer = self._get(f"/users/{user}")
            self._emails[user] = None if answer is None else answer["user"]["email"]
        return self._emails[user]

    def _metrics(self, service: Json, months: int) -> Json:
        now = datetime.now(UTC)
        filters = {
            "service_ids": [service["id"]],
            "created_at_start": f"{now - timedelta(days=DAYS_OF_A_MONTH * months):%Y-%m-%dT%H:%M:%SZ}",
            "created_at_end": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }
        answer = self._client.post(
            "/analytics/metrics/incidents/services", json={"filters": filters}, headers=JSON
        )
        data = answer.raise_for_status().json()["data"]
        return data[0] if data else None

    def _get(self, path: str) -> Json:
        """Return the answer; None: there is no such thing."""
        answer = self._client.get(path)
        return None if answer.status_code == 404 else answer.raise_for_status().json()
