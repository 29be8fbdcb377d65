"""Names the choices of settings that take one of a few words."""

from enum import StrEnum


class EventListenerType(StrEnum):
    """How resyncs are asked for."""

    POLLING = "POLLING"
    ONCE = "ONCE"
    KAFKA = "KAFKA"
    """The peer's: run as POLLING."""
    WEBHOOK = "WEBHOOK"
    """The peer's: run as POLLING."""
    WEBHOOKS_ONLY = "WEBHOOKS_ONLY"
    """The peer's, of a worker for live events: run as POLLING."""


class Deletes(StrEnum):
    """What is done with entities whose object is gone."""

    ON = "on"
    DRY_RUN = "dry_run"
    OFF = "off"


class SecurityProtocol(StrEnum):
    """How Kafka is spoken to. Values are Kafka's `security.protocol`."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def has_login(self) -> bool:
        """Return whether user and password are asked for."""
        return self in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}

    @property
    def has_tls(self) -> bool:
        """Return whether the connection is encrypted."""
        return self in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}


class SaslMechanism(StrEnum):
    """How user and password are shown to Kafka. Values are Kafka's `sasl.mechanism`."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class LogLevel(StrEnum):
    """The least severe log line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"
