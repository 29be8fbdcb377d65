"""Walks the settings' tree: every variable with its field, and every group that can be given as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from shared.settings.model import DELIMITER, PREFIX, Settings


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment.

    Attributes:
        name: `OCEAN__PORT__BASE_URL`.
        path: Field names from the root: `("port", "base_url")`.
        field: Its type, bounds, default and description.
    """

    name: str
    path: tuple[str, ...]
    field: FieldInfo


def variables(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Variable]:
    """Return every setting in the order of definition."""
    for field_name, field in model.model_fields.items():
        here = (*path, field_name)
        if (group := _group(field)) is not None:
            yield from variables(group, here)
        else:
            yield Variable(variable_name(here), here, field)


def groups(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Return the names of the variables that hold a whole group as a JSON object."""
    for field_name, field in model.model_fields.items():
        if (group := _group(field)) is not None:
            yield variable_name((*path, field_name))
            yield from groups(group, (*path, field_name))


def variable_name(path: tuple[str, ...]) -> str:
    """Return the variable of a path of field names."""
    model: type[BaseModel] = Settings
    parts: list[str] = []
    for step in path:
        field = model.model_fields[step]
        parts.append(_own_name(step, field))
        model = _group(field) or model
    return PREFIX + DELIMITER.join(parts)


def variable_of_location(location: tuple[int | str, ...]) -> Variable | None:
    """Return the variable a validation error's location lies in; None: a group or nothing we know."""
    wanted = [str(part).upper().removeprefix(PREFIX) for part in location]
    for variable in variables():
        parts = variable.name.removeprefix(PREFIX).split(DELIMITER)
        if wanted[: len(parts)] == parts:
            return variable
    return None


def _own_name(field_name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = next(choice for choice in alias.choices if isinstance(choice, str))
    return (alias if isinstance(alias, str) else field_name).upper().removeprefix(PREFIX)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
