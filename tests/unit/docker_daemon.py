"""Is a Docker daemon as far as a container of Kafka needs one: it starts nothing, and notes what is asked."""

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

Json = Any
_VERSIONED = re.compile(r"^/v[0-9.]+")


@dataclass
class Daemon:
    """What a daemon has and was asked.

    Attributes:
        images: Names it has or can pull.
        prints: What a container prints once it is started.
        state: How a container is then.
        requests: Method and path, without version and query, in order.
        created: Bodies of the containers that were made.
    """

    images: set[str]
    prints: str
    state: str = "running"
    requests: list[str] = field(default_factory=list)
    created: list[Json] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Json) -> tuple[int, Json | bytes]:
        """Return the status and the body for a request.

        Raises:
            KeyError: Nothing of the kind is expected.
        """
        self.requests.append(f"{method} {path}")
        answers: dict[str, Callable[[], tuple[int, Json | bytes]]] = {
            "GET /version": lambda: (200, {"ApiVersion": "1.47", "Version": "27.0"}),
            "POST /images/create": lambda: (404, {"message": "no such image"}),
            "POST /containers/create": lambda: self._create(body),
            "GET /containers/c1/json": lambda: (200, self._container()),
            "POST /containers/c1/start": lambda: (204, b""),
            "GET /containers/c1/logs": lambda: (200, self.prints.encode()),
            "DELETE /containers/c1": lambda: (204, b""),
        }
        if method == "GET" and path.startswith("/images/"):
            name = path.removeprefix("/images/").removesuffix("/json")
            return (
                (200, {"Id": "i1", "RepoTags": [name]}) if name in self.images else (404, {"message": name})
            )
        return answers[f"{method} {path}"]()

    def _create(self, body: Json) -> tuple[int, Json]:
        self.created.append(body)
        return 201, {"Id": "c1", "Warnings": []}

    def _container(self) -> Json:
        # With a terminal the log is plain text.
        return {"Id": "c1", "Config": {"Tty": True}, "State": {"Status": self.state}, "Image": "i1"}


@contextmanager
def docker_daemon(daemon: Daemon, path: Path) -> Iterator[str]:
    """Serve a daemon at a Unix socket, and yield its address as `DOCKER_HOST` has it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            bare = _VERSIONED.sub("", self.path).partition("?")[0]
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, body = daemon.answer(self.command, bare, json.loads(content) if content else None)
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if status != 204:
                self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_DELETE = do  # noqa: N815

        def address_string(self) -> str:
            return "a client"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            serving.join()
