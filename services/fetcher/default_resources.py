"""Reads the default mapping and the default blueprints that come with the program."""

from importlib.resources import files
from typing import Any

import orjson

from shared.mapping_file import LoadedMapping, parse_mapping

DEFAULT_MAPPING = "default mapping"
"""Name of the default mapping, as the mapping in force and messages have it."""

_PACKAGE = "services.fetcher.defaults"


def default_mapping() -> LoadedMapping:
    """Return the mapping for those who have none yet."""
    text = files(_PACKAGE).joinpath("mapping.yaml").read_text(encoding="utf-8")
    return parse_mapping(text, DEFAULT_MAPPING)


def default_blueprints() -> list[dict[str, Any]]:
    """Return the definitions of the blueprints that the default mapping fills."""
    content = files(_PACKAGE).joinpath("blueprints.json").read_bytes()
    definitions: list[dict[str, Any]] = orjson.loads(content)
    return definitions
