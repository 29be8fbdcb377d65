"""Finds the keys of a mapping that nobody reads, also where the mapping does not have its form yet."""

import difflib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from schemas.mapping import MappingFile
from shared.jq_engine import Json
from shared.paths import item_path, member_path


class UnknownKey(NamedTuple):
    """A key that is not read.

    Attributes:
        path: The key's path.
        meant: Path of the key that was probably meant; empty: no such.
        near: That key.
    """

    path: str
    meant: str = ""
    near: str = ""


def unknown_keys(data: Json) -> Iterator[UnknownKey]:
    """Return the keys of a mapping, read from a file but not yet checked, that are not known."""
    return _unknown(MappingFile, data, "")


def _unknown(kind: Any, value: Json, path: str) -> Iterator[UnknownKey]:  # noqa: ANN401 # an annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if isinstance(value, dict):
            yield from _of_model(kind, value, path)
        return
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _unknown(parts[0], value, path)
    elif origin in {Union, UnionType}:
        models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if models and isinstance(value, dict):
            keys = set(value)
            yield from _unknown(max(models, key=lambda model: len(keys & set(_names(model)))), value, path)
    elif origin is dict and isinstance(value, dict):
        for key, one in value.items():
            yield from _unknown(parts[1], one, member_path(path, key))
    elif origin is tuple and isinstance(value, list):
        for index, one in enumerate(value):
            yield from _unknown(parts[0], one, item_path(path, index))


def _of_model(model: type[BaseModel], value: dict[str, Json], path: str) -> Iterator[UnknownKey]:
    names = _names(model)
    written = [_alias(model, name) for name in model.model_fields]
    for key, one in value.items():
        here = member_path(path, key)
        if key in names:
            yield from _unknown(model.model_fields[names[key]].annotation, one, here)
        elif near := difflib.get_close_matches(key, written, n=1):
            yield UnknownKey(here, member_path(path, near[0]), near[0])
        else:
            yield UnknownKey(here)


def _names(model: type[BaseModel]) -> dict[str, str]:
    """Return every key that a part may have, and the field it is read into."""
    return {key: name for name in model.model_fields for key in (name, _alias(model, name))}


def _alias(model: type[BaseModel], name: str) -> str:
    return "webhookMappings" if name == "webhook_mappings" else model.model_fields[name].alias or name
