"""Is the declared table of kinds: every list PagerDuty's REST API has, and how it is read."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from shared.errors import ConfigurationError
from shared.object_ids import of_field, of_license_allocation, of_oncall, of_text

PAGE_LIMIT = 100
"""Rows asked for per page. Source: PagerDuty REST API, Pagination (default 25, at most 100)."""
ROW_CAP = 10_000
"""`offset + limit` may not exceed this in classic pagination. Source: PagerDuty REST API, Pagination."""


class Paging(StrEnum):
    """How a list goes on after its first page. Source: PagerDuty REST API, Pagination."""

    CLASSIC = "classic"
    """`limit` and `offset`; the answer has `more`, and `total` when asked for."""
    CURSOR = "cursor"
    """`cursor`; the answer has `next_cursor`, null at the end."""
    BEFORE_AFTER = "before_after"
    """`after`; the answer has `after`, null at the end."""
    NONE = "none"
    """One answer holds all."""


class Form(StrEnum):
    """What the value of a query parameter looks like."""

    TEXT = "text"
    LIST = "list"
    """Goes out as `name[]=a&name[]=b`. Source: PagerDuty REST API, Filtering."""
    BOOLEAN = "boolean"
    """Goes out in lower case."""
    INSTANT = "instant"
    """ISO 8601; goes out in UTC with `Z`, since PagerDuty reads a time without zone in the account's zone."""
    MONTHS = "months"
    """An instant, or a number of months of 30 days before (`since`) or after (`until`) now."""


@dataclass(frozen=True, slots=True)
class TimeFilter:
    """Bounds `since` and `until` that cut a list into windows.

    Attributes:
        default_days: How far back is read when the mapping gives no `since`.
        max_days: Longest window PagerDuty accepts in one request.
    """

    default_days: int
    max_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One listable resource.

    Attributes:
        name: The path without its leading slash: what a mapping writes as `kind`.
        wrapper: Key of the rows in the answer.
        paging: How the list goes on.
        identify: Gives the id of a row; None: it has none.
        single: Wrapper key of `GET <path>/{id}`, empty where there is no wrapper; None: no such GET.
        page_limit: Value of `limit`; None: the list does not take it.
        counts: Whether the list takes `total=true`.
        parameters: What may stand in `apiQueryParams`, less paging and `include`.
        includes: What may stand in `apiQueryParams.include`.
        single_includes: Those of them that the GET of one object takes, too.
        single_parameters: Parameters, as they travel, that it takes, too.
        time_filter: Set where since and until cut the list, so that it can be read in windows.
        defaults: Query parameters we send unless the mapping gives others.
        implied: What an entry with any `apiQueryParams` also asks for, unless it says otherwise, so that
            existing mappings mean what they meant. Source: port-labs/ocean, integrations/pagerduty.
        order: Value of `sort_by` that keeps pages stable while rows are added; empty: PagerDuty's own.
        early_access: Value of the `X-EARLY-ACCESS` header; empty: none.
        by_enrollment: Whether accounts that are not enrolled are answered 404.
        may_be_absent: Whether a 404 means that the account has no such objects: the list is new, and not
            everywhere yet.
    """

    name: str
    wrapper: str
    paging: Paging
    identify: Callable[[Any], str | None]
    single: str | None
    page_limit: int | None
    counts: bool
    parameters: Mapping[str, Form]
    includes: tuple[str, ...] = ()
    single_includes: tuple[str, ...] = ()
    single_parameters: frozenset[str] = frozenset()
    time_filter: TimeFilter | None = None
    defaults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    implied: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    order: str = ""
    early_access: str = ""
    by_enrollment: bool = False
    may_be_absent: bool = False

    @property
    def path(self) -> str:
        """Return the path of the list."""
        return f"/{self.name}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the request headers this list needs beside the usual ones."""
        return {"X-EARLY-ACCESS": self.early_access} if self.early_access else {}


_BOOLEANS = frozenset({"active", "earliest", "include_deprecated", "is_disabled", "is_overview"})
_BOUNDS = frozenset({"since", "until"})
_RELATIVE = frozenset({"oncalls", "schedules"})
"""Kinds whose bounds existing mappings give in months. Source: port-labs/ocean, integrations/pagerduty."""


def _form(kind: str, name: str) -> Form:
    if name in _BOUNDS:
        return Form.MONTHS if kind in _RELATIVE else Form.INSTANT
    return Form.BOOLEAN if name in _BOOLEANS else Form.TEXT


_BY_ID = of_field("id")


def _kind(
    name: str,
    paging: Paging = Paging.CLASSIC,
    *,
    takes: str = "",
    include: str = "",
    single: str | None = None,
    single_include: str | None = None,
    single_takes: str = "",
    wrapper: str = "",
    identify: Callable[[Any], str | None] = _BY_ID,
    page_limit: int | None = None,
    counts: bool = True,
    time_filter: TimeFilter | None = None,
    defaults: Mapping[str, str] | None = None,
    implied: Mapping[str, JsonValue] | None = None,
    order: str = "",
    early_access: str = "",
    may_be_absent: bool = False,
) -> Kind:
    """Build a row of the table.

    `takes` names parameters as the API does, lists with `[]`. The GET of one object takes the includes of the
    list unless `single_include` says otherwise. A `page_limit` of None is the usual one of the
    paging style, 0 means that the list takes no `limit`.
    """
    if page_limit is None:
        page_limit = 0 if paging is Paging.NONE else PAGE_LIMIT
    return Kind(
        name=name,
        wrapper=wrapper or name.rpartition("/")[2],
        paging=paging,
        identify=identify,
        single=single,
        page_limit=page_limit or None,
        counts=counts and paging is Paging.CLASSIC,
        parameters=MappingProxyType(
            {
                word.removesuffix("[]"): Form.LIST if word.endswith("[]") else _form(name, word)
                for word in takes.split()
            }
        ),
        includes=tuple(include.split()),
        single_includes=tuple((include if single_include is None else single_include).split()),
        single_parameters=frozenset(single_takes.split()),
        time_filter=time_filter,
        defaults=MappingProxyType(dict(defaults or {})),
        implied=MappingProxyType(dict(implied or {})),
        order=order,
        early_access=early_access,
        # Source: PagerDuty REST API, OpenAPI document: early access, with or without a header.
        by_enrollment=bool(early_access) or name.startswith("enrichment/"),
        may_be_absent=may_be_absent,
    )


_C, _K, _A, _N = Paging.CLASSIC, Paging.CURSOR, Paging.BEFORE_AFTER, Paging.NONE
_TRIGGER = "workflow_id incident_id service_id trigger_type workflow_name_contains is_disabled sort_by"
_INCIDENT = (
    "date_range incident_key service_ids[] team_ids[] user_ids[] urgencies[] time_zone statuses[] sort_by "
    "since until"
)
_INCIDENT_INCLUDES = (
    "acknowledgers agents assignees conference_bridge escalation_policies first_trigger_log_entries "
    "priorities services teams users"
)
_AUDIT = "root_resource_types[] actor_type actor_id method_type method_truncated_token actions[]"
_ONCALL = "time_zone user_ids[] escalation_policy_ids[] schedule_ids[] since until earliest"
_UTC = {"time_zone": "UTC"}
# `/schedules` takes a time zone too, but renders with it what mappings read as the schedule's own.

_TABLE = (
    _kind("abilities", _N, identify=of_text),
    _kind("addons", _C, single="addon", takes="service_ids[] filter", include="services", single_include=""),
    _kind("alert_grouping_settings", _A, single="alert_grouping_setting", takes="service_ids[]"),
    _kind(
        "audit/records",
        _K,
        takes=f"since until {_AUDIT}",
        time_filter=TimeFilter(default_days=30, max_days=31),
    ),
    _kind(
        "automation_actions/actions",
        _K,
        single="action",
        takes="name runner_id classification team_id service_id action_type",
    ),
    _kind(
        "automation_actions/invocations",
        _N,
        single="invocation",
        takes="invocation_state not_invocation_state incident_id action_id",
    ),
    _kind(
        "automation_actions/runners",
        _K,
        single="runner",
        takes="name",
        include="associated_actions",
        single_include="",
    ),
    _kind("business_services", _C, single="business_service"),
    _kind("business_services/impactors", _N, takes="ids[]"),
    _kind("business_services/impacts", _N, wrapper="services", takes="additional_fields[] ids[]"),
    _kind(
        "change_events",
        _C,
        single="change_event",
        takes="team_ids[] integration_ids[] since until",
        time_filter=TimeFilter(default_days=30, max_days=180),
    ),
    _kind("enrichment/event_enrichments", _C, single="event_enrichment", include="privileges", counts=False),
    _kind("enrichment/integrations/servicenow", _N, wrapper="integrations", single="integration"),
    _kind("enrichment/schemas", _N, single="schema"),
    _kind(
        "escalation_policies",
        _C,
        single="escalation_policy",
        takes="query user_ids[] team_ids[] sort_by",
        include="services teams targets escalation_rule_assignment_strategies",
    ),
    _kind(
        "event_orchestrations",
        _C,
        wrapper="orchestrations",
        single="orchestration",
        takes="sort_by",
        counts=False,
    ),
    _kind("extension_schemas", _C, single="extension_schema"),
    _kind(
        "extensions",
        _C,
        single="extension",
        takes="query extension_object_id extension_schema_id",
        include="extension_objects extension_schemas",
    ),
    _kind(
        "incident_workflows",
        _C,
        single="incident_workflow",
        takes="query",
        include="steps team",
        single_include="",
    ),
    _kind("incident_workflows/actions", _K, single="action", takes="keyword"),
    _kind("incident_workflows/triggers", _K, single="trigger", takes=_TRIGGER),
    _kind(
        "incidents",
        _C,
        single="incident",
        takes=_INCIDENT,
        include=_INCIDENT_INCLUDES,
        time_filter=TimeFilter(default_days=180, max_days=180),
        defaults=_UTC,
        order="created_at:asc",
    ),
    _kind("incidents/custom_fields", _N, wrapper="fields", single="field", include="field_options"),
    _kind("incidents/types", _N, wrapper="incident_types", single="incident_type", takes="filter"),
    _kind("ip_allow_lists", _N, single="ip_allow_list", early_access="ip-allow-lists"),
    _kind("license_allocations", _C, identify=of_license_allocation, counts=False),
    _kind("licenses", _N),
    _kind(
        "log_entries",
        _C,
        single="log_entry",
        takes="time_zone since until is_overview team_ids[]",
        include="incidents services channels teams",
        single_takes="time_zone",
        time_filter=TimeFilter(default_days=30, max_days=180),
        defaults=_UTC,
    ),
    _kind(
        "maintenance_windows",
        _C,
        single="maintenance_window",
        takes="query team_ids[] service_ids[] filter",
        include="teams services users",
        defaults={"filter": "all"},
    ),
    _kind(
        "notifications",
        _C,
        takes="time_zone since until filter",
        include="users",
        time_filter=TimeFilter(default_days=30, max_days=89),
        defaults=_UTC,
    ),
    _kind(
        "oncalls",
        _C,
        takes=_ONCALL,
        include="escalation_policies users schedules",
        identify=of_oncall,
        defaults=_UTC,
        implied={"include": ["users"], "until": 3},
    ),
    _kind("priorities", _C),
    _kind(
        "recommendations/event_orchestrations/rules",
        _K,
        wrapper="recommended_rules",
        takes="service_id service_ids[] team_ids[] actions[]",
        identify=of_field("recommendation_id"),
    ),
    _kind("rulesets", _C, single="ruleset"),
    _kind(
        "schedules",
        _C,
        single="schedule",
        takes="query time_zone include_next_oncall_for_user since until team_ids[]",
        include="schedule_layers overrides_subschedule final_schedule",
        single_include="",
        single_takes="time_zone since until include_next_oncall_for_user",
    ),
    _kind(
        "services",
        _C,
        single="service",
        takes="query name team_ids[] time_zone sort_by",
        include="escalation_policies teams integrations auto_pause_notifications_parameters",
        defaults=_UTC,
    ),
    _kind("services/custom_fields", _N, wrapper="fields", single="field", include="field_options"),
    _kind("session_configurations", _N, takes="type", identify=of_field("type")),
    _kind("sre_agent/memories", _N, takes="service_id incident_id type", page_limit=PAGE_LIMIT),
    _kind("standards", _N, takes="active resource_type"),
    _kind("status_dashboards", _K, single="status_dashboard", page_limit=0),
    _kind("status_pages", _C, takes="status_page_type", counts=False),
    _kind("tags", _C, single="tag", takes="query"),
    _kind("teams", _C, single="team", takes="query"),
    _kind("templates", _C, single="template", takes="query template_type sort_by"),
    _kind("templates/fields", _N, identify=of_field("summary")),
    _kind(
        "users",
        _C,
        single="user",
        takes="query team_ids[]",
        include="contact_methods notification_rules teams subdomains",
    ),
    _kind(
        "v3/schedules",
        _C,
        single="schedule",
        takes="query team_ids[]",
        page_limit=1000,
        may_be_absent=True,
    ),
    _kind("vendors", _C, single="vendor"),
    _kind("webhook_subscriptions", _C, single="webhook_subscription", takes="filter_type filter_id"),
    _kind("webhook_subscriptions/oauth_clients", _N, single="oauth_client"),
    _kind("workflows/integrations", _K, single="", takes="include_deprecated"),
    _kind("workflows/integrations/connections", _K, takes="name"),
)
# Source: PagerDuty REST API, OpenAPI document, the GET operations that answer with a list.

USUAL = (
    "services",
    "incidents",
    "users",
    "teams",
    "schedules",
    "oncalls",
    "escalation_policies",
    "priorities",
)
"""What most mappings are made of."""

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _TABLE})


def kind_named(name: str) -> Kind:
    """Return a kind of the table.

    Raises:
        ConfigurationError: PagerDuty has no such list; the message names near matches.
    """
    kind = KINDS.get(name)
    if kind is not None:
        return kind
    near = difflib.get_close_matches(name, KINDS, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"the usual ones are {', '.join(USUAL)}"
    raise ConfigurationError(f"{name!r} is not a kind PagerDuty lists; {hint} (all: `pagerport kinds`)")
