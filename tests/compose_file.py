"""Reads docker-compose.yml as Compose does: variables put in, anchors merged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "docker-compose.yml"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<operator>:[-+])(?P<word>[^{}]*))?\})")


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with its variables put in. Source: Compose Specification, Interpolation.

    Raises:
        KeyError: A variable without a default is not set: Compose would warn and put in nothing.
    """

    def value(match: re.Match[str]) -> str:
        name, operator, word = match["name"], match["operator"], match["word"]
        if name is None:
            return "$"
        if operator == ":-":
            return variables.get(name) or word
        if operator == ":+":
            return word if variables.get(name) else ""
        return variables[name]

    found = _VARIABLE.sub(value, text)
    assert "${" not in found, f"not understood: {text}"
    return found


@dataclass(frozen=True)
class ComposeService:
    """One service of the file, its variables put in."""

    name: str
    definition: dict[str, Any]

    @property
    def arguments(self) -> list[str]:
        """Return what runs in the container: entrypoint and command."""
        return [*self.definition.get("entrypoint", ["pagerport"]), *self.definition.get("command", [])]

    @property
    def environment(self) -> dict[str, str]:
        """Return its environment; Compose gives a container an empty value as an empty text."""
        return {name: str(value) for name, value in self.definition.get("environment", {}).items()}

    @property
    def stop_grace_s(self) -> float:
        """Return how long Docker waits after SIGTERM. Source: Compose Specification, stop_grace_period."""
        period = str(self.definition.get("stop_grace_period", "10s"))
        assert period.endswith("s")
        return float(period.removesuffix("s"))

    @property
    def healthcheck(self) -> list[str]:
        """Return the command of the health check."""
        kind, *command = self.definition.get("healthcheck", {}).get("test", ["CMD"])
        assert kind == "CMD"
        return [str(part) for part in command]


def read_services(variables: Mapping[str, str] | None = None) -> dict[str, ComposeService]:
    """Return all services of the file, as Compose starts them with these variables set."""
    read = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    whole: dict[str, Any] = _put_in(read, variables or {})
    return {name: ComposeService(name, definition) for name, definition in whole["services"].items()}


def _put_in(node: Any, variables: Mapping[str, str]) -> Any:
    match node:
        case dict():
            return {key: _put_in(value, variables) for key, value in node.items()}
        case list():
            return [_put_in(value, variables) for value in node]
        case str():
            return interpolated(node, variables)
        case _:
            return node
