"""Is a service as a FastStream app: health, metrics and AsyncAPI beside what it does, and an orderly end."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import uvicorn
from faststream.asgi import AsgiFastStream, AsyncAPIRoute
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from faststream.specification import AsyncAPI

from schemas.versions import SCHEMA_VERSION
from shared.errors import PagerportError
from shared.log.kafka import KafkaLog
from shared.log.kafka_opening import kafka_connection
from shared.logs import configure_logs, current_redactor, log_context
from shared.service.address import bound_socket
from shared.service.http_protocol import BoundedProtocol
from shared.service.metrics import ServiceMetrics
from shared.service.probes import (
    LIVE_PATH,
    METRICS_PATH,
    READY_PATH,
    Receive,
    Send,
    live_route,
    metrics_route,
    ready_route,
    starting_route,
)
from shared.service.process import ServiceProcess
from shared.service.running import OpenService
from shared.service.tracing import open_tracing
from shared.settings import LogFormat, Settings, load_settings
from shared.settings.loading import Group, require
from shared.visible import visible

logger = logging.getLogger(__name__)

ASYNCAPI_PATH: Final = "/asyncapi"
HTTP_STOP_TIMEOUT_S: Final = 5
_ABOUT: Final = "What this service reads from Kafka. The schemas of the messages are in `schemas/json`."


class ServiceApp(AsgiFastStream):
    """One service in its process.

    `pagerport <service>` serves it; `faststream run services.<service>.app:app` runs the same thing.

    Args:
        name: Name of the service.
        settings: All settings.
        open_service: Starts the service on the log.
    """

    def __init__(self, name: str, settings: Settings, open_service: OpenService) -> None:
        self.service_name = name
        self._settings_of_service = settings
        metrics = ServiceMetrics(name, open_tracing(name))
        connection = kafka_connection(settings, service=name)
        broker = connection.make_broker(
            middlewares=[KafkaPrometheusMiddleware(registry=metrics.registry, app_name=name)]
        )
        log = KafkaLog(connection, broker)
        self.process = ServiceProcess(name, settings, log, metrics, open_service, on_failure=self.exit)
        self._http_server: _Server | None = None
        super().__init__(
            broker,
            logger=logging.getLogger("faststream"),
            on_startup=[self.process.connect],
            after_startup=[self._open],
            on_shutdown=[self.process.close],
            after_shutdown=[log.close, metrics.tracing.close],
            specification=AsyncAPI(
                title=f"pagerport {name}", version=str(SCHEMA_VERSION), description=_ABOUT
            ),
            # Without the route that publishes what a visitor of the page types.
            asyncapi_path=AsyncAPIRoute(ASYNCAPI_PATH, try_it_out_path=None),
            asgi_routes=[
                (LIVE_PATH, live_route(name)),
                (READY_PATH, ready_route(name, self.process.checks)),
                (METRICS_PATH, metrics_route(metrics, self.process.read_lags)),
            ],
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request. What only the service itself can answer waits for it: a 404 would be for good."""
        if scope["type"] == "http" and not self.process.is_open and not self._is_common(scope["path"]):
            await starting_route(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    async def serve(self) -> int:
        """Serve until a signal or a failure, and return the exit code: 0, or 130 after Ctrl-C.

        Raises:
            PagerportError: What ended the service, or kept it from starting.
        """
        http = self._settings_of_service.http
        config = uvicorn.Config(
            self,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            http=BoundedProtocol,
            ws="none",
            timeout_graceful_shutdown=HTTP_STOP_TIMEOUT_S,
        )
        self._http_server = server = _Server(config)
        with log_context(service=self.service_name), bound_socket(http.host, http.port) as address:
            paths = ", ".join(path for path, _ in self.routes)
            logger.info("HTTP at %s:%d: %s", http.host, http.port, paths)
            # Before the server starts: what is wrong is then said in our own words.
            if await server.unless_ended(self.process.connect()):
                await server.serve(sockets=[address])
            else:
                await self.process.log.close()
        if self.process.failure is not None:
            raise self.process.failure
        return 130 if server.ended_by == signal.SIGINT else 0

    async def run(
        self,
        log_level: int = logging.INFO,  # noqa: ARG002 - OCEAN__LOG__LEVEL says it
        run_extra_options: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> None:
        """Serve, as `faststream run` asks for it; ends the process with pagerport's exit codes."""
        try:
            code = await self.serve()
        except PagerportError as error:
            raise SystemExit(_say(error)) from None
        if code:
            raise SystemExit(code)

    def exit(self) -> None:
        """End the service in order."""
        if self._http_server is not None:
            self._http_server.should_exit = True

    def _is_common(self, path: str) -> bool:
        return any(path == its_path for its_path, _ in self.routes)

    async def _open(self) -> None:
        for path, route in (await self.process.open()).routes:
            self.mount(path, route)


class _Server(uvicorn.Server):
    """A uvicorn server that ends on a signal, and does not raise it again once it has ended."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended_by: int | None = None
        self._ended = asyncio.Event()

    async def unless_ended(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do something before the server runs; False: a signal came first, and it was cancelled."""
        with self.capture_signals():
            tasks = asyncio.ensure_future(work), asyncio.ensure_future(self._ended.wait())
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if tasks[0].done():
                    tasks[0].result()
                return tasks[0].done()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, partial(self._end, number))
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _end(self, number: int) -> None:
        logger.info("stopping after %s", signal.Signals(number).name)
        # A second signal does not wait for what is in hand.
        self.force_exit = self.ended_by is not None
        self.ended_by = number
        self.should_exit = True
        self._ended.set()


def build_app(
    name: str, open_service: OpenService, *groups: Group, check: Callable[[Settings], None] | None = None
) -> ServiceApp:
    """Return the app of a service as the environment sets it up, with its log lines.

    Args:
        name: Name of the service.
        open_service: Starts it.
        groups: Third parties whose credentials it cannot do without.
        check: Raises ConfigurationError for settings with which this service cannot run.

    Raises:
        ConfigurationError: A line per mistake or missing setting.
    """
    settings = load_settings()
    configure_logs(
        level=settings.log.level, json_lines=settings.log.format is LogFormat.JSON, secrets=settings.secrets
    )
    for warning in settings.warnings:
        logger.warning(warning)
    require(settings, *groups)
    if check is not None:
        check(settings)
    return ServiceApp(name, settings, open_service)


def app_or_exit(build: Callable[[], ServiceApp]) -> ServiceApp:
    """Return the app for `faststream run`, which would show a traceback of what is a wrong setting."""
    try:
        return build()
    except PagerportError as error:
        raise SystemExit(_say(error)) from None


def _say(error: PagerportError) -> int:
    redactor = current_redactor()
    for line in str(error).splitlines():
        print(f"error: {visible(redactor.text(line) if redactor else line)}", file=sys.stderr)  # noqa: T201
    return error.exit_code
