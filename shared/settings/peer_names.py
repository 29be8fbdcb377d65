"""Lists variables of the peer that pagerport accepts and ignores, so that a deployment can be taken over.

Source: Ocean framework, configuration.
"""

from collections.abc import Mapping

IGNORED_PREFIXES = (
    "OCEAN__ACTIONS_PROCESSOR",
    "OCEAN__APPLICATION",
    "OCEAN__LIVE_EVENTS",
    "OCEAN__METRICS",
    "OCEAN__SSL",
    "OCEAN__STREAMING",
)
"""With everything below them."""

IGNORED_NAMES = frozenset(
    "OCEAN__" + name
    for name in (
        "ALLOW_ENVIRONMENT_VARIABLES_JQ_ACCESS",
        "CACHING_STORAGE_MODE",
        "CLIENT_TIMEOUT",
        "CREATE_PORT_RESOURCES_ORIGIN",
        "DELETE_ENTITIES_MAX_BATCH_SIZE",
        "DISABLE_IP_OUTBOUND_BLOCKER",
        "EVENTS_DEBUG_LOGGING",
        "EVENT_LISTENER__APP_HOST",
        "EVENT_LISTENER__AUTHENTICATION_MECHANISM",
        "EVENT_LISTENER__BROKERS",
        "EVENT_LISTENER__CONSUMER_POLL_TIMEOUT",
        "EVENT_LISTENER__KAFKA_SECURITY_ENABLED",
        "EVENT_LISTENER__RESYNC_ON_START",
        "EVENT_LISTENER__SECURITY_PROTOCOL",
        "EVENT_WORKERS_COUNT",
        "INTEGRATION__INCREMENTAL_SYNC_ENABLED",
        "INTEGRATION__INCREMENTAL_SYNC_INTERVAL",
        "LAKEHOUSE_BUFFER_INTERVAL_SECONDS",
        "LAKEHOUSE_BUFFER_MAX_COUNT",
        "LAKEHOUSE_ENABLED",
        "MAX_EVENT_PROCESSING_SECONDS",
        "MAX_WAIT_SECONDS_BEFORE_SHUTDOWN",
        "OAUTH_ACCESS_TOKEN_FILE_PATH",
        "PORT__BLUEPRINT_CACHE_TTL_SECONDS",
        "PORT__FEATURE_FLAGS_CACHE_TTL_SECONDS",
        "PORT__PORT_APP_CONFIG_CACHE_TTL",
        "PROCESSING_MODE",
        "PROCESS_EXECUTION_MODE",
        "PROCESS_IN_QUEUE_MAX_WORKERS",
        "PROCESS_IN_QUEUE_TIMEOUT",
        "RESOURCES_PATH",
        "RUNTIME",
        "STATUS_HEARTBEAT_INTERVAL_SECONDS",
        "UPSERT_ENTITIES_BATCH_MAX_LENGTH",
        "UPSERT_ENTITIES_BATCH_MAX_SIZE_IN_BYTES",
        "YIELD_ITEMS_TO_PARSE_BATCH_SIZE",
    )
)


_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})
_OAUTH_FILE = "OCEAN__OAUTH_ACCESS_TOKEN_FILE_PATH"


def is_ignored(name: str) -> bool:
    """Return whether a variable (upper case) is the peer's and not ours."""
    return name in IGNORED_NAMES or any(
        name == prefix or name.startswith(prefix + "__") for prefix in IGNORED_PREFIXES
    )


def unheeded(flat: Mapping[str, str]) -> list[str]:
    """Return a warning for each variable of the peer without which things may go otherwise than was wished.

    Args:
        flat: Upper-case names of variables with their values.
    """
    found = [
        f"{name}: is ignored, certificates are always verified; name those to trust in OCEAN__HTTP__CA_FILE"
        for name, value in sorted(flat.items())
        if name.startswith("OCEAN__SSL__") and name.endswith("__VERIFY") and value.strip().lower() in _FALSE
    ]
    if _OAUTH_FILE in flat:
        found.append(f"{_OAUTH_FILE}: is ignored; the token is that of OCEAN__INTEGRATION__CONFIG__TOKEN")
    return found
