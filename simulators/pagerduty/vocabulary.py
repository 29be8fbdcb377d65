"""The words that a made account is named with."""

SERVICE_NAMES = (
    "payments-api", "checkout", "user-profile", "search-indexer", "notifications", "billing-worker",
    "auth-gateway", "inventory", "recommendations", "shipping-quotes", "fraud-detection",
    "image-resizer", "email-relay", "ledger", "session-store", "catalog-api", "pricing-engine",
    "web-frontend", "mobile-bff", "data-warehouse", "event-bus", "feature-flags", "audit-log",
    "report-builder", "partner-api", "sms-gateway", "tax-calculator", "order-router", "returns-portal",
    "loyalty", "geo-lookup", "cdn-edge", "dns", "postgres-primary", "redis-cache", "kafka-cluster",
    "vault", "ci-runners", "grafana", "support-desk",
)  # fmt: skip
TEAM_NAMES = (
    "Payments", "Commerce", "Identity", "Platform", "Data", "Customer Experience",
)  # fmt: skip
FIRST_NAMES = (
    "Amara", "Björn", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hiroshi", "Inés", "João",
    "Katarzyna", "Liam", "Mei", "Nadia", "Ólafur", "Priya", "Quentin", "Rosa", "Søren", "Thandiwe",
    "Uri", "Valentina", "Wei", "Ximena", "Yusuf", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Becker", "Castro", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ivanova",
    "Jansen", "Kowalski", "Lindqvist", "Müller", "Nakamura", "O'Brien", "Petrov", "Quispe", "Rossi",
    "Şahin", "Tanaka", "Ueda", "Varga", "Wright", "Xu", "Yılmaz", "Zhang",
)  # fmt: skip
INCIDENT_TITLES = (
    "{service}: p99 latency above {number} ms",
    "{service}: error rate {number}% over 5 minutes",
    "[Datadog] Disk usage > {number}% on {service}-db-{number}",
    "{service} health check failing in eu-west-1 – 連続 {number} 回失敗",
    "Größere Störung bei {service}: {number} Anfragen abgelehnt",
    "Consumer lag on {service} exceeds {number} messages",
    "🔥 {service} is down",
    "TLS certificate of {service}.example.com expires in {number} days",
    "Deploy #{number} of {service} rolled back",
    "Pod {service}-7d9f-{number} OOMKilled (exit code 137)",
)
TIME_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "America/Sao_Paulo")
JOB_TITLES = ("Site Reliability Engineer", "Backend Engineer", "Engineering Manager", None, "Staff Engineer")
ROLES = ("user", "user", "user", "limited_user", "admin", "observer", "read_only_user")
COLORS = ("purple", "green", "red", "blue", "cayenne", "medium-sea-green", "dark-slate-grey")
PRIORITIES = (
    ("P1", "Critical issue that warrants public notification", "a8171c", 500_000_000),
    ("P2", "Critical system issue impacting many customers", "eb6016", 400_000_000),
    ("P3", "Stability or minor customer-impacting issues", "f9b406", 300_000_000),
    ("P4", "Minor issues that do not affect customers", "555555", 200_000_000),
    ("P5", "Cosmetic issues or bugs", "555555", 100_000_000),
)
VENDORS = ("Datadog", "Amazon CloudWatch", "Prometheus", "Grafana", "Sentry", "Email")
ABILITIES = (
    "teams",
    "read_only_users",
    "service_support_hours",
    "urgencies",
    "priorities",
    "manual_escalation",
)
NOTE = (
    "Runbook: check the dashboard first, then the last deploy. If both look right, look for saturation of "
    "the connection pool and for slow queries; escalate to the data team when replication lag grows. "
)
