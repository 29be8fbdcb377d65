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


class Deletes(StrEnum):
    """What is done with entities whose object is gone."""

    ON = "on"
    DRY_RUN = "dry_run"
    OFF = "off"


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
