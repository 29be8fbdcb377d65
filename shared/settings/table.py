"""Lists every setting with its value (secrets masked), default, source and description."""

from dataclasses import dataclass
from enum import Enum

from pydantic import BaseModel, SecretStr

from shared.settings.mistakes import expectation, is_secret
from shared.settings.model import DELIMITER, Settings
from shared.settings.names import Variable, variables

MASK = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting as it is shown.

    Attributes:
        name: The variable.
        value: What is in force; secrets are masked, unset ones are empty.
        default: What holds when it is not set.
        source: `environment`, the file's name, or `default`.
        takes: Type and bounds in words.
        description: What it does.
    """

    name: str
    value: str
    default: str
    source: str
    takes: str
    description: str


def settings_table(settings: Settings | None = None) -> list[SettingRow]:
    """Return a row per setting in the order of definition; without settings, the defaults."""
    return [_row(variable, settings) for variable in variables()]


def _row(variable: Variable, settings: Settings | None) -> SettingRow:
    default = _text(variable.field.get_default(call_default_factory=False))
    value, source = default, "default"
    if settings is not None:
        value = _text(_value_at(settings, variable.path))
        if variable.name in settings.sources or value != default:
            source = _source(variable.name, settings.sources)
    return SettingRow(
        name=variable.name,
        value=value,
        default=default,
        source=source,
        takes="a secret" if is_secret(variable.field) else expectation(variable.field),
        description=variable.field.description or "",
    )


def _source(name: str, sources: dict[str, str]) -> str:
    """Return where a variable was set: itself, or as part of a group in JSON."""
    parts = name.split(DELIMITER)
    for length in range(len(parts), 1, -1):
        if (found := sources.get(DELIMITER.join(parts[:length]))) is not None:
            return found
    return "default"


def _value_at(settings: Settings, path: tuple[str, ...]) -> object:
    value: object = settings
    for step in path:
        value = getattr(value, step)
    return value


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return MASK if value.get_secret_value() else ""
        case bool():
            return "true" if value else "false"
        case Enum():
            return str(value.value)
        case float():
            return f"{value:g}"
        case BaseModel():
            raise TypeError("a group has no single value")
        case _:
            return str(value)
