"""Defines EntityChange: the upsert or delete of one Port entity, the value of `port.entities`."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from schemas.headers import Operation
from schemas.versions import SCHEMA_VERSION


class SearchRule(BaseModel):
    """One rule of a search query. Source: Port API, search identifier and search relation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    property: str
    operator: Annotated[str, Field(description="`=`, `in`, `contains` or `containsAny`.")]
    value: JsonValue


class SearchQuery(BaseModel):
    """A query that names entities by their properties instead of by identifier."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    combinator: Literal["and", "or"]
    rules: tuple["SearchRule | SearchQuery", ...]


class ChangeSource(BaseModel):
    """Where a change came from, so that it can be explained and asked for again."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Annotated[str, Field(description="PagerDuty kind.")]
    object_id: Annotated[str, Field(description="Id of the PagerDuty object (its record key).")]
    topic: Annotated[str, Field(description="Raw topic the object was read from.")] = ""
    partition: Annotated[int, Field(ge=-1, description="Partition in that topic.")] = -1
    offset: Annotated[int, Field(ge=-1, description="Offset in that partition.")] = -1
    mapping_version: Annotated[int, Field(ge=0, description="Mapping that made the change.")] = 0


class EntityChange(BaseModel):
    """The upsert or delete of one entity. Keyed by `<blueprint>/<identifier>`.

    A key that is absent from `properties` or `relations` was not mapped or is omitted (see `omits`): the
    value in Port stays when merging. A key with null clears the value.
    """

    model_config = ConfigDict(extra="ignore")

    schema_version: int = SCHEMA_VERSION
    operation: Operation
    blueprint: Annotated[str, Field(min_length=1)]
    identifier: Annotated[str | SearchQuery, Field(description="Identifier, or the query that finds it.")]
    title: Annotated[str | None, Field(description="Sent only when set in this message (also as null).")] = (
        None
    )
    icon: str | None = None
    team: str | list[str] | SearchQuery | None = None
    properties: dict[str, JsonValue] = Field(default_factory=dict)
    relations: dict[str, str | list[str] | SearchQuery | None] = Field(default_factory=dict)
    omits: Annotated[
        tuple[str, ...],
        Field(description="Mapped paths without a value this time: `properties.url`, `title`."),
    ] = ()
    merge: Annotated[bool, Field(description="Update only what is sent (true) or the whole entity.")] = True
    create_missing_related_entities: bool = True
    delete_dependents: bool = False
    reason: Annotated[
        str,
        Field(
            description="Why a delete: `selector`, `object_deleted`, `previous` mapping, `absent`, `webhook`."
        ),
    ] = ""
    unless_updated_since: Annotated[
        AwareDatetime | None,
        Field(
            description="Of a sweep's delete: when its run began, in Port's time. An entity that was updated "
            "since then stays."
        ),
    ] = None
    source: ChangeSource

    def key(self) -> bytes:
        """Return the record key: one entity is one key."""
        return entity_key(self.blueprint, self.identifier)


def entity_key(blueprint: str, identifier: str | SearchQuery) -> bytes:
    """Return the key of an entity's records; a search identifier is keyed by its text."""
    name = identifier if isinstance(identifier, str) else "?" + identifier.model_dump_json()
    return f"{blueprint}/{name}".encode()
