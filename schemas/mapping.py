"""Defines the mapping file: which PagerDuty objects become which Port entities, as the user writes it."""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
)

from schemas.kind_names import KIND_NAMES
from schemas.versions import SCHEMA_VERSION


def _expression(value: object) -> object:
    """Read YAML's `true`, `3` and `3.5` as the JQ texts they look like."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def _parameters(value: object) -> object:
    """Read a key with nothing under it as no parameters."""
    return {} if value is None else value


Expression = Annotated[
    str,
    BeforeValidator(_expression),
    Field(min_length=1, description="A JQ expression."),
    # YAML's `true` and `3` are read as the expressions they look like.
    WithJsonSchema(
        {"type": ["string", "boolean", "number"], "minLength": 1, "description": "A JQ expression."}
    ),
]


def _without_titles(schema: dict[str, Any]) -> None:
    """Leave out the titles that repeat the names: editors show them before what is said of a key."""
    for part in schema.get("properties", {}).values():
        part.pop("title", None)


_IDENTIFIER: Final = (
    "JQ that gives the entity's identifier, or a search query that finds it. Null: a failure."
)
_TITLE: Final = "JQ that gives the entity's title."
_ICON: Final = "JQ that gives the name of an icon of Port's."
_TEAM: Final = "JQ that gives a team or a list of teams, or a search query that finds them."
_PROPERTIES: Final = (
    "Property to the JQ that gives its value. Null clears it; an expression that fails or gives nothing "
    "leaves it as it is."
)
_RELATIONS: Final = (
    "Relation to the JQ that gives its target's identifier, or a list of them, or to a search query."
)


class _Part(BaseModel):
    # Keys that this version does not know are kept, ignored and warned about.
    model_config = ConfigDict(
        frozen=True, extra="allow", populate_by_name=True, json_schema_extra=_without_titles
    )


class QueryRule(_Part):
    """One rule of a search query, each leaf a JQ expression."""

    property: Annotated[
        Expression, Field(description="JQ that gives a property's name: `'\"email\"'`, `'\"$identifier\"'`.")
    ]
    operator: Annotated[Expression, Field(description="JQ that gives the operator: `'\"=\"'`.")]
    value: Annotated[Expression, Field(description="JQ that gives what is looked for.")]


class Query(_Part):
    """A search query with JQ leaves, for an identifier, a relation or a team."""

    combinator: Annotated[Expression, Field(description="JQ that gives `and` or `or`: `'\"and\"'`.")]
    rules: Annotated[
        tuple["QueryRule | Query", ...], Field(min_length=1, description="Rules, or queries within it.")
    ]


class EntityMapping(_Part):
    """How one object becomes one entity. Every value is a JQ expression."""

    identifier: Annotated[Expression | Query, Field(description=_IDENTIFIER)]
    blueprint: Annotated[
        Expression,
        Field(
            description="JQ that gives the blueprint; a fixed one has two sets of quotes: `'\"service\"'`."
        ),
    ]
    title: Annotated[Expression | None, Field(description=_TITLE)] = None
    icon: Annotated[Expression | None, Field(description=_ICON)] = None
    team: Annotated[Expression | Query | None, Field(description=_TEAM)] = None
    properties: Annotated[dict[str, Expression], Field(description=_PROPERTIES)] = Field(default_factory=dict)
    relations: Annotated[dict[str, Expression | Query], Field(description=_RELATIONS)] = Field(
        default_factory=dict
    )


class Entity(_Part):
    """Wrapper of the mapping, as the page has it."""

    mappings: EntityMapping


class Port(_Part):
    """What is made of an object in Port."""

    entity: Entity
    items_to_parse: Annotated[
        Expression | None,
        Field(
            alias="itemsToParse",
            description="JQ that gives a list: each item makes an entity, as `.item` beside the object.",
        ),
    ] = None
    items_to_parse_name: Annotated[
        str,
        Field(alias="itemsToParseName", min_length=1, description="What an item is called, less its dot."),
    ] = "item"
    items_to_parse_top_level_transform: Annotated[
        bool,
        Field(
            alias="itemsToParseTopLevelTransform",
            description="Take the list out of the object before it is mapped.",
        ),
    ] = True


class Selector(_Part):
    """Which objects of the kind an entry takes, and what is fetched with them."""

    query: Annotated[
        Expression, Field(description="JQ that gives true or false: whether the entry takes the object.")
    ] = "true"
    api_query_params: Annotated[
        dict[str, JsonValue],
        BeforeValidator(_parameters),
        Field(
            alias="apiQueryParams", description="Query parameters of PagerDuty's list call, without brackets."
        ),
    ] = Field(default_factory=dict)
    service_analytics: Annotated[
        bool | None,
        Field(
            alias="serviceAnalytics", description="Services: whether `.__analytics` is there. Default: true."
        ),
    ] = None
    incident_analytics: Annotated[
        bool | None,
        Field(
            alias="incidentAnalytics",
            description="Incidents: whether `.__analytics` is there. Default: false.",
        ),
    ] = None
    analytics_months_period: Annotated[
        int,
        Field(
            alias="analyticsMonthsPeriod",
            ge=1,
            le=12,
            description="Services: months of 30 days that `.__analytics` covers.",
        ),
    ] = 3
    attach_oncall_users: Annotated[
        bool | None,
        Field(
            alias="attachOncallUsers",
            description="Escalation policies: whether `.__oncall_users` is there. Default: true.",
        ),
    ] = None
    include_custom_fields: Annotated[
        bool,
        Field(
            alias="includeCustomFields",
            description="Services and incidents: whether `.__custom_fields` is there.",
        ),
    ] = False


class Resource(_Part):
    """One entry: a kind, which of its objects, and the entity each becomes."""

    kind: Annotated[
        str,
        Field(
            min_length=1,
            pattern=r"^[a-z0-9_/-]+$",
            description="What PagerDuty lists: the path of the list.",
            examples=list(KIND_NAMES),
        ),
    ]
    selector: Selector = Selector()
    port: Port


class WebhookEntity(_Part):
    """The entity of a webhook-format mapping: JQ over `.body`, `.headers`, `.queryParams` and `.item`."""

    identifier: Annotated[Expression | Query, Field(description=_IDENTIFIER)]
    title: Annotated[Expression | None, Field(description=_TITLE)] = None
    icon: Annotated[Expression | None, Field(description=_ICON)] = None
    team: Annotated[Expression | Query | None, Field(description=_TEAM)] = None
    properties: Annotated[dict[str, Expression], Field(description=_PROPERTIES)] = Field(default_factory=dict)
    relations: Annotated[dict[str, Expression | Query], Field(description=_RELATIONS)] = Field(
        default_factory=dict
    )


_OPERATION: Final = "create: make or update the entity. delete: delete it, by default with its dependents."


class WebhookOperation(_Part):
    """The long form of a webhook mapping's operation."""

    type: Annotated[Literal["create", "delete"], Field(description=_OPERATION)]
    delete_dependents: Annotated[
        bool,
        Field(alias="deleteDependents", description="Of a delete: take what depends on the entity along."),
    ] = True


class WebhookMapping(_Part):
    """One mapping of Port's webhook format, fed by the events themselves. `blueprint` is a literal here."""

    blueprint: Annotated[str, Field(min_length=1, description="The blueprint's name, no JQ.")]
    operation: Annotated[Literal["create", "delete"] | WebhookOperation, Field(description=_OPERATION)] = (
        "create"
    )
    filter: Annotated[
        Expression, Field(description="JQ that gives true or false: whether the mapping takes the event.")
    ] = "true"
    items_to_parse: Annotated[
        Expression | None,
        Field(
            alias="itemsToParse",
            description="JQ that gives a list: each item makes an entity, as `.item` beside `.body`.",
        ),
    ] = None
    entity: WebhookEntity


def _with_short_name(schema: dict[str, Any]) -> None:
    """Let editors know the other name of `webhookMappings`, as Port's webhooks have it."""
    _without_titles(schema)
    properties = schema["properties"]
    properties["mappings"] = {**properties["webhookMappings"], "description": "The same as webhookMappings."}


class MappingFile(_Part):
    """The whole mapping: the integration format (`resources`), the webhook format, or both."""

    model_config = ConfigDict(json_schema_extra=_with_short_name)

    resources: Annotated[
        tuple[Resource, ...], Field(description="The entries: which objects become which entities.")
    ] = ()
    webhook_mappings: Annotated[
        tuple[WebhookMapping, ...],
        Field(
            validation_alias=AliasChoices("webhookMappings", "mappings"),
            description="Mappings in Port's webhook format, fed by PagerDuty's events. Also `mappings`.",
        ),
    ] = ()
    create_missing_related_entities: Annotated[
        bool,
        Field(
            alias="createMissingRelatedEntities",
            description="Make bare entities of relation targets that are not there.",
        ),
    ] = True
    delete_dependent_entities: Annotated[
        bool,
        Field(
            alias="deleteDependentEntities",
            description="A live delete takes what depends on the entity along.",
        ),
    ] = True
    enable_merge_entity: Annotated[
        bool,
        Field(
            alias="enableMergeEntity",
            description="Update only what the mapping gives; false: replace the whole entity.",
        ),
    ] = True
    entity_deletion_threshold: Annotated[
        float,
        Field(
            alias="entityDeletionThreshold",
            ge=0,
            le=1,
            description="Largest share of a blueprint's entities that a resync may delete.",
        ),
    ] = 0.9


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
    replay_to: Annotated[
        dict[str, dict[int, int]],
        Field(
            description="The same topics to their end offsets when this version was published: records below "
            "belong to the replay."
        ),
    ] = Field(default_factory=dict)
    run_id: Annotated[
        str, Field(description="The replay that this version is the command of; empty: it is none.")
    ] = ""
