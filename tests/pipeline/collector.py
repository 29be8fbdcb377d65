"""Is an OpenTelemetry collector: takes spans by OTLP over HTTP and keeps them."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span as it came."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    service: str
    name: str
    attributes: dict[str, Any]
    began_ns: int
    ended_ns: int


@dataclass
class Collector:
    """What came so far, and with which headers."""

    url: str
    spans: list[Seen] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    @property
    def variables(self) -> dict[str, str]:
        """Return OpenTelemetry's variables that send spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def traces(self) -> dict[bytes, list[Seen]]:
        """Return the spans of each trace: those that hang on none first, then as they began."""
        by_trace: dict[bytes, list[Seen]] = {}
        for span in sorted(self.spans, key=lambda one: (one.parent_id, one.began_ns)):
            by_trace.setdefault(span.trace_id, []).append(span)
        return by_trace


@contextmanager
def collector(*, status: int = 200) -> Iterator[Collector]:
    """Collect for the time of the block; another status refuses what comes."""
    held = Collector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            held.authorizations.add(self.headers.get("authorization", ""))
            if self.path == "/v1/traces" and status == 200:
                held.spans += _spans(body)
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _spans(body: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        said = {one.key: one.value.string_value for one in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    trace_id=span.trace_id,
                    span_id=span.span_id,
                    parent_id=span.parent_span_id,
                    service=said.get("service.name", ""),
                    name=span.name,
                    attributes={one.key: _value(one.value) for one in span.attributes},
                    began_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None
