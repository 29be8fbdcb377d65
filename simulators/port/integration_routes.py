"""Answers the calls about integration objects: the mapping stored in Port, and the state of resyncs."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from simulators.port.answers import Answer, conflict, invalid, not_found
from simulators.port.call import Call
from simulators.port.formats import iso_from_ms

_PATCH_KEYS = (
    "title",
    "version",
    "installationAppType",
    "spec",
    "actionsProcessingEnabled",
    "config",
    "changelogDestination",
)
_CREATE_KEYS = (
    "installationId",
    "installationAppType",
    "version",
    "changelogDestination",
    "config",
    "title",
    "actionsProcessingEnabled",
    "incrementalSyncEnabled",
    "createPortResourcesOrigin",
)
_STATE_KEYS = ("status", "lastResyncStart", "lastResyncEnd", "nextResync", "intervalInMinuets")
_STATES = ("running", "completed", "failed", "aborted")


class IntegrationRoutes:
    """Handlers over the integrations of one organisation; each returns an answer or raises RefusedError.

    Attributes:
        stored: The integrations by `installationId`, as the API shows them.
        requests: The last resync request of each, by `installationId`.
    """

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, dict[str, object]] = {}
        self._requested = 0

    def read_all(self, _call: Call) -> Answer:
        """GET /v1/integration."""
        return Answer(200, {"ok": True, "integrations": list(self.stored.values())})

    def create(self, call: Call) -> Answer:
        """POST /v1/integration. Source: Ocean, create integration."""
        body = call.json_object(allowed=_CREATE_KEYS)
        for key in ("installationId", "installationAppType", "version"):
            if not isinstance(body.get(key), str):
                raise invalid(key, "must be string")
        identifier = str(body["installationId"])
        if identifier in self.stored:
            raise conflict(f'Integration with installationId "{identifier}" already exists')
        _check_parts(body)
        at = iso_from_ms(call.writer.at_ms)
        self.stored[identifier] = {
            "identifier": identifier,
            "config": None,
            "changelogDestination": {},
            "resyncState": None,
            **body,
            "createdAt": at,
            "updatedAt": at,
        }
        return Answer(201, {"ok": True, "integration": self.stored[identifier]})

    def read(self, call: Call) -> Answer:
        """GET /v1/integration/{integration}; `byField` can name the only field that is simulated."""
        for field in call.values("byField"):
            if field != "installationId":
                raise invalid("byField", "must be equal to one of the allowed values")
        return Answer(200, {"ok": True, "integration": self._integration(call)})

    def update(self, call: Call) -> Answer:
        """PATCH /v1/integration/{integration}; without a body, or an empty one, it asks for a resync."""
        body = call.json_object() if call.body else {}
        _check_parts(body)
        integration = self._integration(call)
        if not body:
            self._request_resync(call)
        return self._changed(call, integration, {key: body[key] for key in _PATCH_KEYS if key in body})

    def update_config(self, call: Call) -> Answer:
        """PATCH /v1/integration/{integration}/config; it asks for a resync unless `x-skip-resync` is true."""
        body = call.json_object(allowed=("config",))
        if "config" not in body:
            raise invalid("body", "must have required property 'config'")
        _check_parts(body)
        integration = self._integration(call)
        if call.headers.get("x-skip-resync", "").lower() != "true":
            self._request_resync(call)
        return self._changed(call, integration, body)

    def update_resync_state(self, call: Call) -> Answer:
        """PATCH /v1/integration/{integration}/resync-state. Source: Ocean, resync state updater."""
        body = call.json_object(allowed=_STATE_KEYS)
        _check_state(body)
        integration = self._integration(call)
        state = {
            **(integration.get("resyncState") or {}),
            **body,
            "updatedAt": iso_from_ms(call.writer.at_ms),
        }
        return self._changed(call, integration, {"resyncState": state})

    def read_resync_request(self, call: Call) -> Answer:
        """GET /v1/integration/{integration}/resync-request: the last one, null when there was none."""
        self._integration(call)
        return Answer(200, {"ok": True, "request": self.requests.get(call.segments[0])})

    def delete(self, call: Call) -> Answer:
        """DELETE /v1/integration/{integration}."""
        self._integration(call)
        del self.stored[call.segments[0]]
        self.requests.pop(call.segments[0], None)
        return Answer(200, {"ok": True})

    def snapshot(self) -> dict[str, Any]:
        """Gives all integrations, to be kept."""
        return copy.deepcopy({"stored": self.stored, "requests": self.requests})

    def replace(self, value: dict[str, Any]) -> None:
        """Takes what `snapshot` gave."""
        self.stored = copy.deepcopy(dict(value.get("stored", {})))
        self.requests = copy.deepcopy(dict(value.get("requests", {})))

    def _integration(self, call: Call) -> dict[str, Any]:
        integration = self.stored.get(call.segments[0])
        if integration is None:
            raise not_found(f'Integration with installationId "{call.segments[0]}" was not found')
        return integration

    def _changed(self, call: Call, integration: dict[str, Any], changes: dict[str, object]) -> Answer:
        integration.update(changes)
        integration["updatedAt"] = iso_from_ms(call.writer.at_ms)
        return Answer(200, {"ok": True, "integration": integration})

    def _request_resync(self, call: Call) -> None:
        self._requested += 1
        self.requests[call.segments[0]] = {
            "id": f"resync-{self._requested}",
            "updatedAt": iso_from_ms(call.writer.at_ms),
        }


def _check_parts(body: dict[str, object]) -> None:
    for key in ("title", "version"):
        if key in body and not isinstance(body[key], str):
            raise invalid(key, "must be string")
    for key in ("config", "changelogDestination"):
        if key in body and body[key] is not None and not isinstance(body[key], dict):
            raise invalid(key, "must be object")


def _check_state(body: dict[str, object]) -> None:
    if body.get("status") not in _STATES:
        raise invalid("status", "must be equal to one of the allowed values")
    for key in ("lastResyncStart", "lastResyncEnd", "nextResync"):
        if body.get(key) is not None and not _is_time(body[key]):
            raise invalid(key, 'must match format "date-time"')
    minutes = body.get("intervalInMinuets")
    if minutes is not None and (isinstance(minutes, bool) or not isinstance(minutes, int | float)):
        raise invalid("intervalInMinuets", "must be number")


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
