"""States what a service gives the process that runs it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from shared.log.interface import Log
from shared.runtime import Consumer
from shared.service.metrics import ServiceMetrics
from shared.service.probes import AsgiApp
from shared.service.readiness import Check
from shared.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service that runs until its block ends.

    Attributes:
        tasks: What it does; the process ends when one of them does.
        consumers: Its members of groups: readiness and lag.
        checks: What else it stands on.
        routes: What it answers beside health and metrics: path to ASGI app.
    """

    tasks: Sequence[asyncio.Task[None]] = ()
    consumers: Sequence[Consumer] = ()
    checks: Callable[[], Sequence[Check]] = lambda: ()
    routes: Sequence[tuple[str, AsgiApp]] = field(default_factory=tuple)


OpenService = Callable[[Log, Settings, ServiceMetrics], AbstractAsyncContextManager[Running]]
"""Starts a service on a log for the time of a block; at its end the service has let go of everything."""
