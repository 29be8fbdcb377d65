"""Holds the mapping texts of the pipeline tests, in the words a user would write."""

PAGE = """
createMissingRelatedEntities: true
deleteDependentEntities: true
resources:
  - kind: services
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutyService"'
          properties:
            status: .status
            url: .html_url
  - kind: incidents
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id | tostring
          title: .title
          blueprint: '"pagerdutyIncident"'
          properties:
            status: .status
            url: .self
            urgency: .urgency
            responder: .assignments[0].assignee.summary
            escalation_policy: .escalation_policy.summary
            created_at: .created_at
            updated_at: .updated_at
          relations:
            pagerdutyService: .service.id
"""
"""The integration page's own examples for services and incidents, less `oncall`, which needs enrichment."""

FOUR_ENTRIES = """
resources:
  - kind: incidents
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: .title
          blueprint: '"pagerdutyIncident"'
          properties:
            status: .status
            url: .html_url
            created_at: .created_at
          relations:
            pagerdutyService: .service.id
  - kind: incidents
    selector:
      query: .urgency == "high"
      apiQueryParams:
        statuses: [triggered, acknowledged]
        include: [assignees]
    port:
      entity:
        mappings:
          identifier: .id
          title: '"[open] " + .title'
          blueprint: '"pagerdutyIncident"'
          properties:
            urgency: .urgency
            responder: .assignments[0].assignee.summary
  - kind: incidents
    selector:
      query: "true"
      apiQueryParams:
        statuses: [resolved]
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"pagerdutyIncident"'
          properties:
            urgency: .urgency
            responder: '"nobody"'
            updated_at: .updated_at
  - kind: incidents
    selector:
      query: .priority != null
      apiQueryParams:
        include: [priorities]
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"pagerdutyIncident"'
          properties:
            escalation_policy: .escalation_policy.summary + " / " + .priority.summary
"""
"""Four entries on one incident: merge order, status filters of single entries, united includes."""

SPINE = (
    PAGE
    + """
  - kind: users
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutyUser"'
          properties:
            url: .html_url
            email: .email
            role: .role
            time_zone: .time_zone
  - kind: teams
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutyTeam"'
          properties:
            url: .html_url
            description: .description
"""
)
"""The four kinds of the spine."""

PAGE_SCHEDULES = """
createMissingRelatedEntities: true
deleteDependentEntities: true
resources:
  - kind: schedules
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutySchedule"'
          properties:
            url: .html_url
            timezone: .time_zone
            description: .description
            users: "[.users[].summary]"
"""
PAGE_SERVICES = """
createMissingRelatedEntities: true
deleteDependentEntities: true
resources:
  - kind: services
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutyService"'
          properties:
            status: .status
            url: .html_url
            oncall: "[.__oncall_user[].user.email]"
"""
PAGE_INCIDENTS = "resources:\n" + PAGE[PAGE.index("  - kind: incidents") :]
"""The integration page's three examples, each as it stands there."""
