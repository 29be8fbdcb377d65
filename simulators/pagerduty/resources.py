"""The table of resources says which lists exist, how each is paged and what it takes.

Source: PagerDuty REST API, OpenAPI document, the GET operations that answer with a list; and Pagination.
"""

from simulators.pagerduty.nested_resources import NESTED
from simulators.pagerduty.resource import LOG_ENTRY_INCLUDES, UTC_WINDOW, WINDOW, Paging, Resource, resource

INCIDENT_INCLUDES = (
    "acknowledgers agents assignees conference_bridge escalation_policies first_trigger_log_entries "
    "priorities services teams users"
)
STATUSES = "statuses[]=triggered|acknowledged|resolved"
SORT_BY_NAME = "sort_by=name|name:asc|name:desc"
SCHEDULE_INCLUDES = "schedule_layers overrides_subschedule final_schedule"
C, K, N = Paging.CLASSIC, Paging.CURSOR, Paging.NONE

TOP_LEVEL: tuple[Resource, ...] = (
    resource("/abilities", N),
    resource(
        "/addons",
        C,
        single="addon",
        takes="service_ids[] filter=full_page_addon|incident_show_addon",
        include="services",
        single_include="",
    ),
    resource(
        "/alert_grouping_settings", Paging.AFTER, single="alert_grouping_setting", takes="service_ids[]"
    ),
    resource(
        "/audit/records",
        K,
        takes=f"{WINDOW} root_resource_types[] actor_type actor_id method_type method_truncated_token "
        "actions[]=create|update|delete",
    ),
    resource(
        "/automation_actions/actions",
        K,
        single="action",
        takes="name runner_id classification team_id service_id action_type=script|process_automation",
    ),
    resource(
        "/automation_actions/invocations",
        N,
        single="invocation",
        takes="invocation_state not_invocation_state incident_id action_id",
    ),
    resource(
        "/automation_actions/runners",
        K,
        single="runner",
        takes="name",
        include="associated_actions",
        single_include="",
    ),
    resource("/business_services", C, single="business_service"),
    resource("/business_services/impactors", N, takes="ids[]"),
    resource("/business_services/impacts", N, key="services", takes="additional_fields[] ids[]"),
    resource("/change_events", C, single="change_event", takes=f"team_ids[] integration_ids[] {UTC_WINDOW}"),
    resource(
        "/enrichment/event_enrichments", C, single="event_enrichment", include="privileges", counts=False
    ),
    resource("/enrichment/integrations/servicenow", N, key="integrations", single="integration"),
    resource("/enrichment/schemas", N, single="schema"),
    resource(
        "/escalation_policies",
        C,
        single="escalation_policy",
        takes=f"query user_ids[] team_ids[] {SORT_BY_NAME}",
        include="services teams targets escalation_rule_assignment_strategies",
    ),
    resource(
        "/event_orchestrations",
        C,
        key="orchestrations",
        single="orchestration",
        takes="sort_by=name:asc|name:desc|routes:asc|routes:desc|created_at:asc|created_at:desc",
        counts=False,
    ),
    resource("/extension_schemas", C, single="extension_schema"),
    resource(
        "/extensions",
        C,
        single="extension",
        takes="query extension_object_id extension_schema_id",
        include="extension_objects extension_schemas",
    ),
    resource(
        "/incident_workflows",
        C,
        single="incident_workflow",
        takes="query",
        include="steps team",
        single_include="",
    ),
    resource("/incident_workflows/actions", K, single="action", takes="keyword"),
    resource(
        "/incident_workflows/triggers",
        K,
        single="trigger",
        takes="workflow_id incident_id service_id trigger_type=manual|conditional|incident_type "
        "workflow_name_contains is_disabled sort_by",
    ),
    resource(
        "/incidents",
        C,
        single="incident",
        takes=f"date_range=all incident_key service_ids[] team_ids[] user_ids[] urgencies[]=high|low "
        f"time_zone {STATUSES} sort_by {WINDOW}",
        include=INCIDENT_INCLUDES,
        single_include=f"{INCIDENT_INCLUDES} body custom_fields",
    ),
    resource("/incidents/custom_fields", N, key="fields", single="field", include="field_options"),
    resource(
        "/incidents/types",
        N,
        key="incident_types",
        single="incident_type",
        takes="filter=enabled|disabled|all",
    ),
    resource("/ip_allow_lists", N, single="ip_allow_list", early_access="ip-allow-lists"),
    resource("/license_allocations", C, counts=False),
    resource("/licenses", N),
    resource(
        "/log_entries",
        C,
        single="log_entry",
        takes=f"time_zone {WINDOW} is_overview team_ids[]",
        include=LOG_ENTRY_INCLUDES,
        single_takes="time_zone",
    ),
    resource(
        "/maintenance_windows",
        C,
        single="maintenance_window",
        takes="query team_ids[] service_ids[] filter=past|future|ongoing|open|all",
        include="teams services users",
    ),
    resource(
        "/notifications",
        C,
        takes=f"time_zone {WINDOW} filter=sms_notification|email_notification|"
        "phone_notification|push_notification",
        include="users",
    ),
    resource(
        "/oncalls",
        C,
        takes=f"time_zone user_ids[] escalation_policy_ids[] schedule_ids[] {WINDOW} earliest",
        include="escalation_policies users schedules",
    ),
    resource("/priorities", C),
    resource(
        "/recommendations/event_orchestrations/rules",
        K,
        key="recommended_rules",
        takes="service_id service_ids[] team_ids[] actions[]",
    ),
    resource("/rulesets", C, single="ruleset"),
    resource(
        "/schedules",
        C,
        single="schedule",
        takes=f"query time_zone include_next_oncall_for_user {WINDOW} team_ids[]",
        include=SCHEDULE_INCLUDES,
        single_takes=f"time_zone {WINDOW} overflow include_next_oncall_for_user",
        single_include="",
    ),
    resource(
        "/services",
        C,
        single="service",
        takes=f"query name team_ids[] time_zone {SORT_BY_NAME}",
        include="escalation_policies teams integrations auto_pause_notifications_parameters",
    ),
    resource("/services/custom_fields", N, key="fields", single="field", include="field_options"),
    resource("/session_configurations", N, takes="type"),
    resource("/sre_agent/memories", N, takes="limit service_id incident_id type"),
    resource("/standards", N, takes="active resource_type"),
    resource("/status_dashboards", Paging.NONE_WITH_CURSOR, single="status_dashboard"),
    resource("/status_pages", C, takes="status_page_type=public|private", counts=False),
    resource("/tags", C, single="tag", takes="query"),
    resource("/teams", C, single="team", takes="query", single_include="privileges"),
    resource(
        "/templates",
        C,
        single="template",
        takes=f"query template_type=status_update {SORT_BY_NAME}|created_at:asc",
    ),
    resource("/templates/fields", N),
    resource(
        "/users",
        C,
        single="user",
        takes="query team_ids[]",
        include="contact_methods notification_rules teams subdomains",
        single_include="contact_methods notification_rules teams subdomains calendar_urls",
    ),
    resource(
        "/v3/schedules",
        C,
        single="schedule",
        takes="query team_ids[]",
        default_limit=100,
        max_limit=1000,
        single_takes=f"time_zone {WINDOW} overflow",
        single_include="final_schedule",
    ),
    resource("/vendors", C, single="vendor"),
    resource(
        "/webhook_subscriptions",
        C,
        single="webhook_subscription",
        takes="filter_type=account|service|team filter_id",
    ),
    resource("/webhook_subscriptions/oauth_clients", N, single="oauth_client"),
    resource("/workflows/integrations", K, single="", takes="include_deprecated"),
    resource("/workflows/integrations/connections", K, takes="name"),
)

RESOURCES: tuple[Resource, ...] = (*TOP_LEVEL, *NESTED)
