"""The table of lists that belong to one object, whose id stands in their path.

Source: PagerDuty REST API, OpenAPI document, the GET operations that answer with a list.
"""

from simulators.pagerduty.resource import LOG_ENTRY_INCLUDES, UTC_WINDOW, WINDOW, Paging, Resource, resource

AUDITED = ("escalation_policies", "ip_allow_lists", "schedules", "services", "teams", "users", "v3/schedules")
C, K, N = Paging.CLASSIC, Paging.CURSOR, Paging.NONE

NESTED: tuple[Resource, ...] = (
    *(resource(f"/{kind}/{{id}}/audit/records", K, takes=WINDOW) for kind in AUDITED),
    *(resource(f"/{kind}/{{id}}/tags", C) for kind in ("users", "teams", "escalation_policies")),
    *(resource(f"/tags/{{id}}/{kind}", C) for kind in ("users", "teams", "escalation_policies")),
    resource("/automation_actions/actions/{id}/services", N, single="service"),
    resource("/automation_actions/actions/{id}/teams", N, single="team"),
    resource("/automation_actions/runners/{id}/teams", N, single="team"),
    resource("/business_services/{id}/subscribers", N),
    resource("/event_orchestrations/{id}/integrations", N, single="integration"),
    resource("/event_orchestrations/{id}/cache_variables", N, single="cache_variable"),
    resource("/event_orchestrations/{id}/enablements", N),
    resource("/enrichment/schemas/{id}/records", K),
    resource(
        "/incidents/{id}/alerts",
        C,
        single="alert",
        takes="alert_key statuses[]=triggered|resolved sort_by=created_at:asc|created_at:desc|"
        "resolved_at:asc|resolved_at:desc",
        include="services first_trigger_log_entries incidents",
        single_include="",
    ),
    resource("/incidents/{id}/business_services/impacts", Paging.NONE_WITH_CURSOR, key="services"),
    resource("/incidents/{id}/custom_fields/values", N, key="custom_fields"),
    resource(
        "/incidents/{id}/log_entries", C, takes=f"time_zone {WINDOW} is_overview", include=LOG_ENTRY_INCLUDES
    ),
    resource("/incidents/{id}/notes", N),
    resource("/incidents/{id}/past_incidents", N, takes="limit total"),
    resource("/incidents/{id}/related_change_events", N, key="change_events", takes="limit"),
    resource("/incidents/{id}/related_incidents", N, takes="additional_details[]"),
    resource("/incidents/{id}/status_updates/subscribers", N),
    resource("/incidents/types/{id}/custom_fields", N, key="fields", single="field", include="field_options"),
    resource("/rulesets/{id}/rules", C, single="rule"),
    resource("/schedules/{id}/overrides", N, takes=f"{WINDOW} editable overflow"),
    resource("/schedules/{id}/users", N, takes=WINDOW),
    resource("/services/{id}/change_events", C, takes=f"{UTC_WINDOW} team_ids[] integration_ids[]"),
    resource(
        "/services/{id}/integrations",
        N,
        single="integration",
        single_include="services vendors",
        listed=False,
    ),
    resource("/services/{id}/rules", C, single="rule", include="migrated_metadata", single_include=""),
    resource("/services/{id}/custom_fields/values", N, key="custom_fields"),
    resource("/services/{id}/enablements", N),
    resource("/service_dependencies/business_services/{id}", N, key="relationships"),
    resource("/service_dependencies/technical_services/{id}", N, key="relationships"),
    resource("/status_pages/{id}/impacts", N, single="impact", takes="post_type=incident|maintenance"),
    resource("/status_pages/{id}/services", N, single="service"),
    resource("/status_pages/{id}/severities", N, single="severity", takes="post_type=incident|maintenance"),
    resource("/status_pages/{id}/statuses", N, single="status", takes="post_type=incident|maintenance"),
    resource("/status_pages/{id}/posts", N, single="post", takes="post_type reviewed_status status[]"),
    resource("/status_pages/{id}/subscriptions", N, single="subscription", takes="status channel"),
    resource("/teams/{id}/members", C, include="users"),
    resource("/teams/{id}/notification_subscriptions", N, key="subscriptions"),
    resource("/users/{id}/contact_methods", N, single="contact_method"),
    resource(
        "/users/{id}/notification_rules",
        N,
        single="notification_rule",
        takes="urgency=high|low|all",
        include="contact_methods",
    ),
    resource("/users/{id}/notification_subscriptions", N, key="subscriptions"),
    resource("/users/{id}/oauth_delegations", K, single="oauth_delegation", takes="delegation_type status"),
    resource("/users/{id}/oncall_handoff_notification_rules", N, single="oncall_handoff_notification_rule"),
    resource("/users/{id}/sessions", N, key="user_sessions"),
    resource(
        "/users/{id}/status_update_notification_rules",
        N,
        single="notification_rule",
        include="contact_methods",
    ),
    resource(
        "/v3/schedules/{id}/custom_shifts",
        C,
        single="custom_shift",
        takes=f"{WINDOW} time_zone overflow",
        counts=False,
    ),
    resource(
        "/v3/schedules/{id}/overrides",
        C,
        single="override",
        takes=f"{WINDOW} time_zone overflow",
        counts=False,
    ),
    resource("/v3/schedules/{id}/rotations", C, single="rotation", single_takes=WINDOW, counts=False),
    resource("/workflows/integrations/{id}/connections", K, single="", takes="name"),
)
