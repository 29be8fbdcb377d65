"""Defines and loads a file of test cases for a mapping: an object in, the entities that it must make."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from schemas.outcome import Reason
from shared.errors import ConfigurationError
from shared.kinds import KINDS
from shared.mapping_text import Place, PlacedText, TextError, read_placed
from shared.paths import item_path, member_path

Json = Any
Match = Literal["exact", "partial"]

_MATCH = (
    "exact: just these entities with just these values; partial: at least these entities with at least these "
    "values."
)


def _text(value: object) -> object:
    """Read a number or boolean that YAML saw in an identifier as its text, as the mapper does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExpectedEntity(_Part):
    """An entity that the object must make."""

    blueprint: Annotated[str, Field(min_length=1)]
    identifier: Annotated[
        str | dict[str, JsonValue],
        BeforeValidator(_text),
        Field(description="Its identifier, or the search query that finds it."),
        WithJsonSchema(
            {
                "type": ["string", "number", "boolean", "object"],
                "description": "Its identifier, or the search query that finds it.",
            }
        ),
    ]
    deleted: Annotated[
        bool, Field(description="The entity is deleted, or proposed for deletion, instead of written.")
    ] = False
    title: JsonValue = None
    icon: JsonValue = None
    team: JsonValue = None
    properties: dict[str, JsonValue] = Field(default_factory=dict)
    relations: dict[str, JsonValue] = Field(default_factory=dict)
    omitted: Annotated[
        tuple[str, ...] | None,
        Field(
            description="Paths that stay as they are: `properties.url`. Not given: they are not looked at."
        ),
    ] = None

    def values(self) -> dict[str, Json]:
        """Return the values that are stated, by path; a null that is written out is one."""
        meta = ("title", "icon", "team")
        found: dict[str, Json] = {name: getattr(self, name) for name in meta if name in self.model_fields_set}
        for part in ("properties", "relations"):
            found.update({f"{part}.{name}": value for name, value in getattr(self, part).items()})
        return found


class Case(_Part):
    """An object, or a webhook event, and what must come of it."""

    name: Annotated[str, Field(min_length=1)]
    kind: Annotated[
        str,
        Field(description="Kind of the object, as in the mapping.", json_schema_extra={"examples": [*KINDS]}),
    ] = ""
    input: Annotated[JsonValue, Field(description="The object.")] = None
    event: Annotated[
        JsonValue,
        Field(description="Instead of kind and input: a webhook's body, or `{body, headers, queryParams}`."),
    ] = None
    file: Annotated[
        str, Field(description="Instead of `input` or `event`: a JSON file, named as seen from this one.")
    ] = ""
    deleted: Annotated[bool, Field(description="The object is gone; `input` is the best body known.")] = False
    without: Annotated[
        tuple[str, ...], Field(description="Enrichment keys that could not be had: `__oncall_user`.")
    ] = ()
    match: Annotated[Match | None, Field(description=_MATCH)] = None
    entities: Annotated[
        tuple[ExpectedEntity, ...] | None, Field(description="What it must make; []: nothing.")
    ] = None
    failures: Annotated[tuple[Reason, ...], Field(description="Reasons for which it must fail.")] = ()

    @model_validator(mode="after")
    def _has_one_object(self) -> Self:
        given = [name for name in ("input", "event", "file") if name in self.model_fields_set]
        if len(given) != 1:
            raise ValueError("takes one of input, event and file")
        if ("event" in given) == bool(self.kind):
            raise ValueError("takes a kind with an input, and none with an event")
        if self.entities is None and not self.failures:
            raise ValueError("expects nothing; add entities, or `entities: []`")
        return self


class CaseFile(_Part):
    """Test cases of a mapping, run by `pagerport mapping test`."""

    mapping: Annotated[
        str, Field(description="Mapping file, named as seen from this one; --mapping goes before it.")
    ] = ""
    match: Annotated[Match, Field(description=_MATCH)] = "exact"
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class LoadedCases:
    """The cases of a file.

    Attributes:
        path: The file.
        content: What it holds.
        lines: Line of each case, 0 where it is not known.
    """

    path: Path
    content: CaseFile
    lines: tuple[int, ...]

    def mapping(self, instead: Path | None) -> Path:
        """Return the mapping file that the cases are about.

        Raises:
            ConfigurationError: None is named.
        """
        if instead is not None:
            return instead
        if not self.content.mapping:
            raise ConfigurationError(
                f"{self.path}: names no mapping; add `mapping: FILE` or give --mapping FILE"
            )
        return self.path.parent / self.content.mapping


def load_cases(path: Path) -> LoadedCases:
    """Load a file of cases, YAML or JSON.

    Raises:
        ConfigurationError: It cannot be read, or has not the form; one line per mistake.
    """
    try:
        placed = read_placed(path.read_text(encoding="utf-8"))
    except OSError as error:
        says = os.strerror(error.errno) if error.errno else type(error).__name__
        raise ConfigurationError(f"{path}: cannot be read: {says}; name a file of cases") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: byte {error.start + 1} is not UTF-8; save it as UTF-8") from None
    except TextError as error:
        raise ConfigurationError(f"{_at(path, error.line, error.column)}: {error.message}") from None
    mistakes = [f"{_at(path, line, column)}: {says}" for line, column, says in placed.repeated]
    try:
        content = CaseFile.model_validate(placed.data)
    except ValidationError as error:
        mistakes += _lines(path, placed, error)
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    places = (placed.places.get(item_path("cases", index)) for index in range(len(content.cases)))
    return LoadedCases(path, content, tuple(place.line if place else 0 for place in places))


def _lines(path: Path, placed: PlacedText, error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False):
        where, value = "", placed.data
        for part in one["loc"]:
            if isinstance(part, int) and isinstance(value, list) and part < len(value):
                where, value = item_path(where, part), value[part]
            elif isinstance(part, str) and isinstance(value, dict) and part in value:
                where, value = member_path(where, part), value[part]
        if one["type"] == "too_short" and value:
            # It speaks of what is left of the list, and each of its mistakes has a line already.
            continue
        says = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            says = "is not known here; see `pagerport mapping schema --cases`"
        elif one["type"] == "missing":
            says = f"needs {one['loc'][-1]}"
        place = placed.places.get(where) or Place(0, 0)
        name = f" {where}:" if where else ""
        yield f"{_at(path, place.line, place.column)}:{name} {says[:1].lower()}{says[1:]}"


def _at(path: Path, line: int, column: int) -> str:
    return f"{path}:{line}:{column}" if line else str(path)
