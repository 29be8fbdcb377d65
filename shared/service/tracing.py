"""States what a service tells of live changes to a tracing backend, and starts that where it is wanted."""

import logging
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Final, Protocol

from shared.core import Core

logger = logging.getLogger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either says where spans go. Source: OpenTelemetry specification, OTLP exporter configuration."""
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http"


class Tracing(Protocol):
    """One trace per webhook: a span for its arrival, one for each record of it that a service handles."""

    def webhook(self, event_type: str) -> AbstractContextManager[str]:
        """Trace a webhook while it is taken.

        Yields:
            The W3C `traceparent` for the headers of its record; empty: it is not traced.
        """

    def traced(self, core: Core) -> Core:
        """Return a core that does what `core` does, and has a span of each record that belongs to a trace."""

    async def close(self) -> None:
        """Send what is left, for a few seconds at most."""


class Untraced:
    """Tells nothing; costs nothing."""

    def webhook(self, event_type: str) -> AbstractContextManager[str]:  # noqa: ARG002
        """Return an empty context."""
        return nullcontext("")

    def traced(self, core: Core) -> Core:
        """Return the core itself."""
        return core

    async def close(self) -> None:
        """Do nothing."""


def open_tracing(service: str, environment: Mapping[str, str] = os.environ) -> Tracing:
    """Start the tracing of a service where OpenTelemetry's own variables ask for it.

    What stands in the way of tracing is a warning: the service is worth more than its traces.

    Args:
        service: Name of the service.
        environment: Has OpenTelemetry's variables; the SDK itself reads those of the process.
    """
    if not _is_wanted(environment):
        return Untraced()
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        logger.warning(
            "no traces: pagerport exports them by http/protobuf, not by %s; leave %s out and give the HTTP "
            "address of the collector, mostly on port 4318",
            protocol,
            PROTOCOLS[1],
        )
        return Untraced()
    if not _is_installed():
        logger.warning("no traces: the exporter is not installed; pip install 'pagerport[otel]'")
        return Untraced()
    # Not before: it takes a good part of a second that nobody else should wait for.
    from shared.service.opentelemetry import OpenTelemetry

    try:
        return OpenTelemetry.start(service)
    except Exception as error:  # noqa: BLE001 - the SDK raises whatever a variable of its own leads it to
        logger.warning("no traces: OpenTelemetry does not start with its variables as they are: %s", error)
        return Untraced()


def _is_wanted(environment: Mapping[str, str]) -> bool:
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    is_for_others = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip() not in {"", "otlp"}
    return not is_disabled and not is_for_others and any(environment.get(name) for name in ENDPOINTS)


def _is_installed() -> bool:
    try:
        return find_spec(EXPORTER) is not None
    except ModuleNotFoundError:
        return False
