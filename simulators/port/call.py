"""Holds one request as a handler sees it, and reads its parameters and body strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.port.answers import RefusedError, invalid
from simulators.port.entity_writes import WriteFlags
from simulators.port.script_action import PortAction
from simulators.port.stored import Writer
from simulators.port.strict_json import parse_json


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has passed authentication.

    Attributes:
        segments: The decoded parts of the path that the route leaves open, in order.
        query: Parameters as sent, in order.
        content_type: Without parameters, lower case; None when not sent.
        body: Raw bytes.
        writer: Whose request it is, and the time.
        action: What the script wants of it.
    """

    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    content_type: str | None
    headers: Mapping[str, str]
    body: bytes
    writer: Writer
    action: PortAction

    def json(self) -> object:
        """Parses the body.

        Raises:
            RefusedError: 415 when it is not declared as JSON, 400 when it is not JSON.
        """
        if self.body and self.content_type != "application/json":
            kind = self.content_type or "none"
            raise RefusedError(
                415, "unsupported_media_type", f"Content type must be application/json, is {kind}"
            )
        return parse_json(self.body)

    def json_object(self, allowed: tuple[str, ...] | None = None) -> dict[str, object]:
        """Parses the body as an object.

        Args:
            allowed: The only keys it may have; None for any.

        Raises:
            RefusedError: As `json`, and 422 when it is something else or has another key.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise invalid("body", "must be object")
        for key in value:
            if allowed is not None and key not in allowed:
                raise invalid(key, "must NOT be an additional property")
        return value

    def flag(self, name: str) -> bool:
        """Reads a boolean parameter, false when not sent.

        Raises:
            RefusedError: 422, it is sent twice, or is neither `true` nor `false`.
        """
        values = self.values(name)
        if not values:
            return False
        if len(values) > 1 or values[0] not in ("true", "false"):
            raise invalid(name, "must be boolean")
        return values[0] == "true"

    def values(self, name: str) -> list[str]:
        """Gives all values of a parameter."""
        return [value for key, value in self.query if key == name]

    def write_flags(self) -> WriteFlags:
        """Reads the parameters of a write."""
        return WriteFlags(
            upsert=self.flag("upsert"),
            merge=self.flag("merge"),
            validation_only=self.flag("validation_only"),
            create_missing_related_entities=self.flag("create_missing_related_entities"),
        )


def string_list(body: Mapping[str, object], key: str, least: int = 0, most: int | None = None) -> list[str]:
    """Reads a list of strings of a body.

    Raises:
        RefusedError: 422, it is missing, something else, too short or too long.
    """
    if key not in body:
        raise invalid("body", f"must have required property '{key}'")
    value = body[key]
    if not isinstance(value, list):
        raise invalid(key, "must be array")
    check_count(value, key, least, most)
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise invalid(f"{key}/{index}", "must be string")
    return value


def check_count(items: list[object], path: str, least: int, most: int | None) -> None:
    """Raises RefusedError (422) when a list is too short or too long."""
    if len(items) < least:
        raise invalid(path, f"must NOT have fewer than {least} items")
    if most is not None and len(items) > most:
        raise invalid(path, f"must NOT have more than {most} items")
