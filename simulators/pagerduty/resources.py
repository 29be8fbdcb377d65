"""The table of resources says which lists exist, how each is paged and what it takes.

Source: PagerDuty REST API, OpenAPI document, the GET operations that answer with a list; and Pagination.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from simulators.pagerduty.parameters import Parameter, parameters


class Paging(Enum):
    """How a list is split into pages."""

    CLASSIC = "classic"  # limit, offset, total -> limit, offset, more, total
    CURSOR = "cursor"  # limit, cursor -> limit, next_cursor
    AFTER = "after"  # limit, after, before -> limit, after, before, total
    NONE = "none"  # everything in one answer
    NONE_WITH_CURSOR = "none_with_cursor"  # everything in one answer, which has a null next_cursor


PAGING_PARAMETERS: Mapping[Paging, Mapping[str, Parameter]] = {
    Paging.CLASSIC: parameters("limit offset total"),
    Paging.CURSOR: parameters("limit cursor"),
    Paging.AFTER: parameters("limit after before total"),
    Paging.NONE: {},
    Paging.NONE_WITH_CURSOR: {},
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One list of the API, and the single GET that belongs to it.

    Attributes:
        path: Template; `{id}` and the like stand for one segment.
        key: Wrapper key of the list.
        paging: How it is split.
        single: Wrapper key of `GET <path>/{id}`; None: no such GET; "": no wrapper.
        accepted: Every parameter of the list by name, paging and `include[]` too.
        single_accepted: Every parameter of the single GET.
        default_limit: Rows of a page when no limit is sent.
        max_limit: A larger limit is brought down to this one, and echoed so.
        early_access: Value that the header X-EARLY-ACCESS must have; None for none.
        listed: False where there is a single GET alone.
    """

    path: str
    key: str
    paging: Paging
    single: str | None
    accepted: Mapping[str, Parameter]
    single_accepted: Mapping[str, Parameter] = field(default_factory=dict)
    default_limit: int = 25
    max_limit: int = 100
    early_access: str | None = None
    listed: bool = True

    @property
    def kind(self) -> str:
        """The name under which an account holds the rows; of a nested list it still has the `{id}` in it."""
        return self.path.removeprefix("/")


def _resource(
    path: str,
    paging: Paging,
    *,
    key: str | None = None,
    single: str | None = None,
    takes: str = "",
    include: str = "",
    single_takes: str = "",
    single_include: str | None = None,
    default_limit: int = 25,
    max_limit: int = 100,
    early_access: str | None = None,
    listed: bool = True,
) -> Resource:
    """Make a row of the table; a single GET has the includes of its list unless it says otherwise."""

    def includes(names: str) -> dict[str, Parameter]:
        return parameters(f"include[]={names.replace(' ', '|')}") if names else {}

    return Resource(
        path=path,
        key=path.rsplit("/", 1)[1] if key is None else key,
        paging=paging,
        single=single,
        accepted={**PAGING_PARAMETERS[paging], **parameters(takes), **includes(include)},
        single_accepted={
            **parameters(single_takes),
            **includes(include if single_include is None else single_include),
        },
        default_limit=default_limit,
        max_limit=max_limit,
        early_access=early_access,
        listed=listed,
    )


INCIDENT_INCLUDES = (
    "acknowledgers agents assignees conference_bridge escalation_policies first_trigger_log_entries "
    "priorities services teams users"
)
STATUSES = "statuses[]=triggered|acknowledged|resolved"
SORT_BY_NAME = "sort_by=name|name:asc|name:desc"
WINDOW = "since until"
UTC_WINDOW = "since:utc until:utc"
LOG_ENTRY_INCLUDES = "incidents services channels teams"
SCHEDULE_INCLUDES = "schedule_layers overrides_subschedule final_schedule"
AUDITED = ("escalation_policies", "ip_allow_lists", "schedules", "services", "teams", "users", "v3/schedules")

C, K, N = Paging.CLASSIC, Paging.CURSOR, Paging.NONE

TOP_LEVEL: tuple[Resource, ...] = (
    _resource("/abilities", N),
    _resource(
        "/addons",
        C,
        single="addon",
        takes="service_ids[] filter=full_page_addon|incident_show_addon",
        include="services",
        single_include="",
    ),
    _resource(
        "/alert_grouping_settings", Paging.AFTER, single="alert_grouping_setting", takes="service_ids[]"
    ),
    _resource(
        "/audit/records",
        K,
        takes=f"{WINDOW} root_resource_types[] actor_type actor_id method_type method_truncated_token "
        "actions[]=create|update|delete",
    ),
    _resource(
        "/automation_actions/actions",
        K,
        single="action",
        takes="name runner_id classification team_id service_id action_type=script|process_automation",
    ),
    _resource(
        "/automation_actions/invocations",
        N,
        single="invocation",
        takes="invocation_state not_invocation_state incident_id action_id",
    ),
    _resource(
        "/automation_actions/runners",
        K,
        single="runner",
        takes="name",
        include="associated_actions",
        single_include="",
    ),
    _resource("/business_services", C, single="business_service"),
    _resource("/business_services/impactors", N, takes="ids[]"),
    _resource("/business_services/impacts", N, key="services", takes="additional_fields[] ids[]"),
    _resource("/change_events", C, single="change_event", takes=f"team_ids[] integration_ids[] {UTC_WINDOW}"),
    _resource("/enrichment/event_enrichments", C, single="event_enrichment", include="privileges"),
    _resource("/enrichment/integrations/servicenow", N, key="integrations", single="integration"),
    _resource("/enrichment/schemas", N, single="schema"),
    _resource(
        "/escalation_policies",
        C,
        single="escalation_policy",
        takes=f"query user_ids[] team_ids[] {SORT_BY_NAME}",
        include="services teams targets escalation_rule_assignment_strategies",
    ),
    _resource(
        "/event_orchestrations",
        C,
        key="orchestrations",
        single="orchestration",
        takes="sort_by=name:asc|name:desc|routes:asc|routes:desc|created_at:asc|created_at:desc",
    ),
    _resource("/extension_schemas", C, single="extension_schema"),
    _resource(
        "/extensions",
        C,
        single="extension",
        takes="query extension_object_id extension_schema_id",
        include="extension_objects extension_schemas",
    ),
    _resource(
        "/incident_workflows",
        C,
        single="incident_workflow",
        takes="query",
        include="steps team",
        single_include="",
    ),
    _resource("/incident_workflows/actions", K, single="action", takes="keyword"),
    _resource(
        "/incident_workflows/triggers",
        K,
        single="trigger",
        takes="workflow_id incident_id service_id trigger_type=manual|conditional|incident_type "
        "workflow_name_contains is_disabled sort_by",
    ),
    _resource(
        "/incidents",
        C,
        single="incident",
        takes=f"date_range=all incident_key service_ids[] team_ids[] user_ids[] urgencies[]=high|low "
        f"time_zone {STATUSES} sort_by {WINDOW}",
        include=INCIDENT_INCLUDES,
        single_include=f"{INCIDENT_INCLUDES} body custom_fields",
    ),
    _resource("/incidents/custom_fields", N, key="fields", single="field", include="field_options"),
    _resource(
        "/incidents/types",
        N,
        key="incident_types",
        single="incident_type",
        takes="filter=enabled|disabled|all",
    ),
    _resource("/ip_allow_lists", N, single="ip_allow_list", early_access="ip-allow-lists"),
    _resource("/license_allocations", C),
    _resource("/licenses", N),
    _resource(
        "/log_entries",
        C,
        single="log_entry",
        takes=f"time_zone {WINDOW} is_overview team_ids[]",
        include=LOG_ENTRY_INCLUDES,
        single_takes="time_zone",
    ),
    _resource(
        "/maintenance_windows",
        C,
        single="maintenance_window",
        takes="query team_ids[] service_ids[] filter=past|future|ongoing|open|all",
        include="teams services users",
    ),
    _resource(
        "/notifications",
        C,
        takes=f"time_zone {WINDOW} filter=sms_notification|email_notification|"
        "phone_notification|push_notification",
        include="users",
    ),
    _resource(
        "/oncalls",
        C,
        takes=f"time_zone user_ids[] escalation_policy_ids[] schedule_ids[] {WINDOW} earliest",
        include="escalation_policies users schedules",
    ),
    _resource("/priorities", C),
    _resource(
        "/recommendations/event_orchestrations/rules",
        K,
        key="recommended_rules",
        takes="service_id service_ids[] team_ids[] actions[]",
    ),
    _resource("/rulesets", C, single="ruleset"),
    _resource(
        "/schedules",
        C,
        single="schedule",
        takes=f"query time_zone include_next_oncall_for_user {WINDOW} team_ids[]",
        include=SCHEDULE_INCLUDES,
        single_takes=f"time_zone {WINDOW} overflow include_next_oncall_for_user",
        single_include="",
    ),
    _resource(
        "/services",
        C,
        single="service",
        takes=f"query name team_ids[] time_zone {SORT_BY_NAME}",
        include="escalation_policies teams integrations auto_pause_notifications_parameters",
    ),
    _resource("/services/custom_fields", N, key="fields", single="field", include="field_options"),
    _resource("/session_configurations", N, takes="type"),
    _resource("/sre_agent/memories", N, takes="limit service_id incident_id type"),
    _resource("/standards", N, takes="active resource_type"),
    _resource("/status_dashboards", Paging.NONE_WITH_CURSOR, single="status_dashboard"),
    _resource("/status_pages", C, takes="status_page_type=public|private"),
    _resource("/tags", C, single="tag", takes="query"),
    _resource("/teams", C, single="team", takes="query", single_include="privileges"),
    _resource(
        "/templates",
        C,
        single="template",
        takes=f"query template_type=status_update {SORT_BY_NAME}|created_at:asc",
    ),
    _resource("/templates/fields", N),
    _resource(
        "/users",
        C,
        single="user",
        takes="query team_ids[]",
        include="contact_methods notification_rules teams subdomains",
        single_include="contact_methods notification_rules teams subdomains calendar_urls",
    ),
    _resource(
        "/v3/schedules",
        C,
        single="schedule",
        takes="query team_ids[]",
        default_limit=100,
        max_limit=1000,
        single_takes=f"time_zone {WINDOW} overflow",
        single_include="final_schedule",
    ),
    _resource("/vendors", C, single="vendor"),
    _resource(
        "/webhook_subscriptions",
        C,
        single="webhook_subscription",
        takes="filter_type=account|service|team filter_id",
    ),
    _resource("/webhook_subscriptions/oauth_clients", N, single="oauth_client"),
    _resource("/workflows/integrations", K, single="", takes="include_deprecated"),
    _resource("/workflows/integrations/connections", K, takes="name"),
)

NESTED: tuple[Resource, ...] = (
    *(_resource(f"/{kind}/{{id}}/audit/records", K, takes=WINDOW) for kind in AUDITED),
    *(_resource(f"/{kind}/{{id}}/tags", C) for kind in ("users", "teams", "escalation_policies")),
    *(_resource(f"/tags/{{id}}/{kind}", C) for kind in ("users", "teams", "escalation_policies")),
    _resource("/automation_actions/actions/{id}/services", N, single="service"),
    _resource("/automation_actions/actions/{id}/teams", N, single="team"),
    _resource("/automation_actions/runners/{id}/teams", N, single="team"),
    _resource("/business_services/{id}/subscribers", N),
    _resource("/event_orchestrations/{id}/integrations", N, single="integration"),
    _resource("/event_orchestrations/{id}/cache_variables", N, single="cache_variable"),
    _resource("/event_orchestrations/{id}/enablements", N),
    _resource("/enrichment/schemas/{id}/records", K),
    _resource(
        "/incidents/{id}/alerts",
        C,
        single="alert",
        takes="alert_key statuses[]=triggered|resolved sort_by=created_at:asc|created_at:desc|"
        "resolved_at:asc|resolved_at:desc",
        include="services first_trigger_log_entries incidents",
        single_include="",
    ),
    _resource("/incidents/{id}/business_services/impacts", Paging.NONE_WITH_CURSOR, key="services"),
    _resource("/incidents/{id}/custom_fields/values", N, key="custom_fields"),
    _resource(
        "/incidents/{id}/log_entries", C, takes=f"time_zone {WINDOW} is_overview", include=LOG_ENTRY_INCLUDES
    ),
    _resource("/incidents/{id}/notes", N),
    _resource("/incidents/{id}/past_incidents", N, takes="limit total"),
    _resource("/incidents/{id}/related_change_events", N, key="change_events", takes="limit"),
    _resource("/incidents/{id}/related_incidents", N, takes="additional_details[]"),
    _resource("/incidents/{id}/status_updates/subscribers", N),
    _resource(
        "/incidents/types/{id}/custom_fields", N, key="fields", single="field", include="field_options"
    ),
    _resource("/rulesets/{id}/rules", C, single="rule"),
    _resource("/schedules/{id}/overrides", N, takes=f"{WINDOW} editable overflow"),
    _resource("/schedules/{id}/users", N, takes=WINDOW),
    _resource("/services/{id}/change_events", C, takes=f"{UTC_WINDOW} team_ids[] integration_ids[]"),
    _resource(
        "/services/{id}/integrations",
        N,
        single="integration",
        single_include="services vendors",
        listed=False,
    ),
    _resource("/services/{id}/rules", C, single="rule", include="migrated_metadata", single_include=""),
    _resource("/services/{id}/custom_fields/values", N, key="custom_fields"),
    _resource("/services/{id}/enablements", N),
    _resource("/service_dependencies/business_services/{id}", N, key="relationships"),
    _resource("/service_dependencies/technical_services/{id}", N, key="relationships"),
    _resource("/status_pages/{id}/impacts", N, single="impact", takes="post_type=incident|maintenance"),
    _resource("/status_pages/{id}/services", N, single="service"),
    _resource("/status_pages/{id}/severities", N, single="severity", takes="post_type=incident|maintenance"),
    _resource("/status_pages/{id}/statuses", N, single="status", takes="post_type=incident|maintenance"),
    _resource("/status_pages/{id}/posts", N, single="post", takes="post_type reviewed_status status[]"),
    _resource("/status_pages/{id}/subscriptions", N, single="subscription", takes="status channel"),
    _resource("/teams/{id}/members", C, include="users"),
    _resource("/teams/{id}/notification_subscriptions", N, key="subscriptions"),
    _resource("/users/{id}/contact_methods", N, single="contact_method"),
    _resource(
        "/users/{id}/notification_rules",
        N,
        single="notification_rule",
        takes="urgency=high|low|all",
        include="contact_methods",
    ),
    _resource("/users/{id}/notification_subscriptions", N, key="subscriptions"),
    _resource("/users/{id}/oauth_delegations", K, single="oauth_delegation", takes="delegation_type status"),
    _resource("/users/{id}/oncall_handoff_notification_rules", N, single="oncall_handoff_notification_rule"),
    _resource("/users/{id}/sessions", N, key="user_sessions"),
    _resource(
        "/users/{id}/status_update_notification_rules",
        N,
        single="notification_rule",
        include="contact_methods",
    ),
    _resource(
        "/v3/schedules/{id}/custom_shifts", C, single="custom_shift", takes=f"{WINDOW} time_zone overflow"
    ),
    _resource("/v3/schedules/{id}/overrides", C, single="override", takes=f"{WINDOW} time_zone overflow"),
    _resource("/v3/schedules/{id}/rotations", C, single="rotation", single_takes=WINDOW),
    _resource("/workflows/integrations/{id}/connections", K, single="", takes="name"),
)

RESOURCES: tuple[Resource, ...] = (*TOP_LEVEL, *NESTED)
