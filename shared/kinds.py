"""Is the declared table of kinds: every list PagerDuty's REST API has, and how it is read."""

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from shared.errors import ConfigurationError
from shared.kind_model import PAGE_LIMIT, Form, Kind, Paging, TimeFilter
from shared.object_ids import of_field, of_license_allocation, of_oncall, of_text

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
