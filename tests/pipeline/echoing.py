"""Stands before a simulator, or as a proxy before all of them: notes what is sent, and can throw it back."""

import base64
import html
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

_PROOFS = frozenset({"authorization", "proxy-authorization"})
_OF_THE_HOP = frozenset(
    {"connection", "transfer-encoding", "content-length", "host", "keep-alive", "proxy-authorization"}
)


@dataclass(frozen=True)
class Sent:
    """A request as it came, nothing left out."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def header(self, name: str) -> str:
        return next((value for its, value in self.headers if its.lower() == name), "")

    @property
    def secrets(self) -> str:
        """Return all that is confidential in it, as a host that means well quotes it in an error."""
        own = (
            value for name, value in self.headers if name.lower() in {"authorization", "proxy-authorization"}
        )
        return " ".join([*own, self.body.decode("utf-8", "replace")])

    @property
    def quoted(self) -> str:
        """Return the same in all the forms in which hosts quote, often, so that any cut goes through one."""
        plain = self.secrets[:4000]
        forms = [plain, quote(plain, safe=""), json.dumps(plain), html.escape(plain)]
        forms.append(base64.b64encode(plain.encode()).decode())
        # The credentials over and over: a limit of any length cuts one of them.
        first = plain.split(" ")
        forms.append(" ".join([first[-1][:60] if len(first) == 1 else " ".join(first[:2])[:60]] * 200))
        return " ".join(forms[-1:] + forms)


@dataclass(frozen=True)
class Said:
    """An answer of the echo itself."""

    status: int
    body: bytes | str | Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    reset: bool = False


Behaviour = Callable[[Sent], Said | None]


def forward(_: Sent) -> Said | None:
    """Let everything through."""
    return None


def in_json(status: int) -> Behaviour:
    """Quote the request in an error in JSON, in the words of both APIs."""

    def say(sent: Sent) -> Said:
        text = sent.quoted
        error = {"message": text, "code": 2001, "errors": [text, text]}
        return Said(status, {"ok": False, "error": error if "v1" not in sent.path else text, "message": text})

    return say


def in_html(status: int) -> Behaviour:
    """Quote the request in a page, as a proxy does that shows what it was sent."""
    return lambda sent: Said(
        status,
        f"<html><pre>{sent.quoted}</pre></html>",
        {"content-type": f"text/html; x={sent.secrets[:80]}"},
    )


def in_headers(status: int) -> Behaviour:
    """Quote the credentials in headers that are shown to people, and in the reason."""

    def say(sent: Sent) -> Said:
        credentials = sent.header("authorization") or "none"
        ids = dict.fromkeys(("x-request-id", "x-trace-id", "content-type"), (credentials + " ") * 6)
        return Said(status, {}, {**ids, "retry-after": credentials}, reason=credentials)

    return say


def as_redirect(sent: Sent) -> Said:
    """Send the request elsewhere, with all its secrets in the address."""
    where = f"http://{sent.header('host')}/stolen?all={quote(sent.secrets[:2000], safe='')}"
    return Said(307, b"", {"location": where})


def reset(_: Sent) -> Said:
    """Reset the connection."""
    return Said(0, reset=True)


class Echo:
    """A server in a thread; `behaviour` says what it does with the next requests.

    Args:
        target: Where requests go that it lets through; empty: it is a proxy, their own address says it.
    """

    def __init__(self, target: str = "") -> None:
        self.behaviour: Behaviour = forward
        self.sent: list[Sent] = []
        self._target = target
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _take(self) -> None:
                echo._answer(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._take)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Return host and port."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://{self.address}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("content-length") or 0)
        body = request.rfile.read(length) if length else b""
        sent = Sent(request.command, request.path, tuple(request.headers.items()), body)
        self.sent.append(sent)
        said = self.behaviour(sent) or self._forward(sent)
        if said.reset:
            request.close_connection = True
            request.connection.close()
            return
        content = said.body
        if not isinstance(content, bytes):
            content = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        request.send_response(said.status, said.reason)
        for name, value in {"content-type": "application/json", **said.headers}.items():
            request.send_header(name, value)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _forward(self, sent: Sent) -> Said:
        there = urlsplit(self._target or sent.target)
        way = urlsplit(sent.target)
        path = (way.path or "/") + (f"?{way.query}" if way.query else "")
        connection = http.client.HTTPConnection(there.netloc, timeout=60)
        try:
            headers = {name: value for name, value in sent.headers if name.lower() not in _OF_THE_HOP}
            connection.request(sent.method, path, sent.body or None, headers)
            answer = connection.getresponse()
            back = {name.lower(): value for name, value in answer.getheaders()}
            kept = {name: value for name, value in back.items() if name not in _OF_THE_HOP}
            return Said(answer.status, answer.read(), kept)
        except OSError:
            return Said(0, reset=True)
        finally:
            connection.close()


@contextmanager
def echo(target: str = "") -> Iterator[Echo]:
    """Run an echo for the time of the block."""
    one = Echo(target)
    try:
        yield one
    finally:
        one.close()
