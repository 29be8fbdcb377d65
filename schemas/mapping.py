"""Defines the mapping file: which PagerDuty objects become which Port entities, as the user writes it."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from schemas.versions import SCHEMA_VERSION


def _expression(value: object) -> object:
    """Read YAML's `true`, `3` and `3.5` as the JQ texts they look like."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


Expression = Annotated[str, BeforeValidator(_expression), Field(min_length=1, description="A JQ expression.")]


class _Part(BaseModel):
    # Keys that this version does not know are kept, ignored and warned about.
    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class QueryRule(_Part):
    """One rule of a search query, each leaf a JQ expression."""

    property: Expression
    operator: Expression
    value: Expression


class Query(_Part):
    """A search query with JQ leaves, for an identifier, a relation or a team."""

    combinator: Expression
    rules: Annotated[tuple["QueryRule | Query", ...], Field(min_length=1)]


class EntityMapping(_Part):
    """How one object becomes one entity. Every value is a JQ expression."""

    identifier: Expression | Query
    blueprint: Expression
    title: Expression | None = None
    icon: Expression | None = None
    team: Expression | Query | None = None
    properties: dict[str, Expression] = Field(default_factory=dict)
    relations: dict[str, Expression | Query] = Field(default_factory=dict)


class Entity(_Part):
    """Wrapper of the mapping, as the page has it."""

    mappings: EntityMapping


class Port(_Part):
    """What is made of an object in Port."""

    entity: Entity
    items_to_parse: Annotated[Expression | None, Field(alias="itemsToParse")] = None
    items_to_parse_name: Annotated[str, Field(alias="itemsToParseName", min_length=1)] = "item"
    items_to_parse_top_level_transform: Annotated[bool, Field(alias="itemsToParseTopLevelTransform")] = True


class Selector(_Part):
    """Which objects of the kind an entry takes, and what is fetched with them."""

    query: Expression = "true"
    api_query_params: Annotated[
        dict[str, JsonValue],
        Field(
            alias="apiQueryParams", description="Query parameters of PagerDuty's list call, without brackets."
        ),
    ] = Field(default_factory=dict)
    service_analytics: Annotated[bool | None, Field(alias="serviceAnalytics")] = None
    incident_analytics: Annotated[bool | None, Field(alias="incidentAnalytics")] = None
    analytics_months_period: Annotated[int, Field(alias="analyticsMonthsPeriod", ge=1, le=12)] = 3
    attach_oncall_users: Annotated[bool | None, Field(alias="attachOncallUsers")] = None
    include_custom_fields: Annotated[bool, Field(alias="includeCustomFields")] = False


class Resource(_Part):
    """One entry: a kind, which of its objects, and the entity each becomes."""

    kind: Annotated[str, Field(min_length=1, pattern=r"^[a-z0-9_/-]+$")]
    selector: Selector = Selector()
    port: Port


class WebhookEntity(_Part):
    """The entity of a webhook-format mapping: JQ over `.body`, `.headers`, `.queryParams` and `.item`."""

    identifier: Expression | Query
    title: Expression | None = None
    icon: Expression | None = None
    team: Expression | Query | None = None
    properties: dict[str, Expression] = Field(default_factory=dict)
    relations: dict[str, Expression | Query] = Field(default_factory=dict)


class WebhookOperation(_Part):
    """The long form of a webhook mapping's operation."""

    type: Literal["create", "delete"]
    delete_dependents: Annotated[bool, Field(alias="deleteDependents")] = True


class WebhookMapping(_Part):
    """One mapping of Port's webhook format, fed by the events themselves. `blueprint` is a literal here."""

    blueprint: Annotated[str, Field(min_length=1)]
    operation: Literal["create", "delete"] | WebhookOperation = "create"
    filter: Expression = "true"
    items_to_parse: Annotated[Expression | None, Field(alias="itemsToParse")] = None
    entity: WebhookEntity


class MappingFile(_Part):
    """The whole mapping: the integration format (`resources`), the webhook format, or both."""

    resources: tuple[Resource, ...] = ()
    webhook_mappings: Annotated[
        tuple[WebhookMapping, ...], Field(validation_alias=AliasChoices("webhookMappings", "mappings"))
    ] = ()
    create_missing_related_entities: Annotated[bool, Field(alias="createMissingRelatedEntities")] = True
    delete_dependent_entities: Annotated[bool, Field(alias="deleteDependentEntities")] = True
    enable_merge_entity: Annotated[bool, Field(alias="enableMergeEntity")] = True
    entity_deletion_threshold: Annotated[float, Field(alias="entityDeletionThreshold", ge=0, le=1)] = 0.9


class MappingInForce(BaseModel):
    """The value of `pagerport.mapping`: a version of the mapping and where a replay of it begins."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA_VERSION
    version: Annotated[int, Field(ge=1)]
    config: MappingFile
    origin: Annotated[
        str, Field(description="Where the mapping was read: a file name, `Port`, `default`.")
    ] = ""
    previous: Annotated[
        tuple[dict[str, Any], ...], Field(description="Versions since the last run that finished green.")
    ] = ()
    replay_from: Annotated[
        dict[str, dict[int, int]],
        Field(description="Raw topic to partition to the offset a replay begins at."),
    ] = Field(default_factory=dict)
