"""No secret leaves the program but where it must: whatever fails, everything it has produced is searched."""

import hmac
import itertools
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import pytest

from shared.webhook_token import WebhookToken
from tests.pipeline.echoing import (
    Behaviour,
    Echo,
    Said,
    Sent,
    as_redirect,
    echo,
    forward,
    in_headers,
    in_html,
    in_json,
    reset,
)
from tests.pipeline.every_command import ALWAYS_ON, all_names, every_command, names
from tests.pipeline.harness import PATIENCE_S, PROGRAM, Ended, Simulator, Stage, port, simulator
from tests.pipeline.mappings import PAGE
from tests.pipeline.planted import (
    CLIENT_SECRET,
    OLD_WEBHOOK_SECRET,
    PIECE_CHARS,
    PLANTED,
    PROXY_USER_INFO,
    TOKEN,
    WEBHOOK_SECRET,
    WEBHOOK_TOKEN,
    Leaks,
)

pytestmark = pytest.mark.pipeline

SPYING = (
    PAGE
    + """
  - kind: teams
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: $ENV.OCEAN__PORT__CLIENT_SECRET // env.OCEAN__INTEGRATION__CONFIG__TOKEN // .name
          blueprint: '"pagerdutyTeam"'
          properties:
            url: '[env, $ENV, input_filename, .html_url] | tostring'
            description: error("\\(env) \\($ENV)")
  - kind: users
    selector:
      query: "true"
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutyUser"'
          properties:
            url: .html_url
"""
)


def at(pattern: str, behaviour: Behaviour) -> Behaviour:
    """Return what behaves so for paths that match, and lets the others through."""
    return lambda sent: behaviour(sent) if re.fullmatch(pattern, sent.path) else None


def either(*behaviours: Behaviour) -> Behaviour:
    """Return what does what the first of them does that does something."""
    return lambda sent: next((said for one in behaviours if (said := one(sent)) is not None), None)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Return what does another of these each time."""
    turns = itertools.cycle(behaviours)
    return lambda sent: next(turns)(sent)


def items_in_json(sent: Sent) -> Said:
    """Refuse the entities of a bulk one by one, each time with the whole request quoted."""
    said = {"statusCode": 422, "error": sent.quoted, "message": sent.quoted}
    errors = [{"identifier": sent.quoted, "index": index, **said} for index in range(20)]
    return Said(207, {"ok": True, "entities": [], "errors": errors})


@dataclass
class Scene:
    """The program between two hosts that throw back what they are sent, and a proxy that does."""

    stage: Stage
    pagerduty: Echo
    port: Echo
    proxy: Echo
    produced: list[tuple[str, bytes | str]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        return {
            "OCEAN__PORT__BASE_URL": self.port.url,
            "OCEAN__PORT__CLIENT_SECRET": CLIENT_SECRET,
            "OCEAN__INTEGRATION__CONFIG__API_URL": self.pagerduty.url,
            "OCEAN__INTEGRATION__CONFIG__TOKEN": TOKEN,
            "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET": f"{WEBHOOK_SECRET},{OLD_WEBHOOK_SECRET}",
            "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN": WEBHOOK_TOKEN,
            "OCEAN__LOG__LEVEL": "debug",
            "OCEAN__HTTP__REQUEST_TIMEOUT_S": "5",
            "OCEAN__SYNC__STALL_TIMEOUT_S": "2",
        }

    def run(self, *arguments: str | Path, **more: str) -> Ended:
        ended = self.stage.run("--debug", *arguments, **{**self.environment(), **more})
        name = " ".join(map(str, arguments))
        self.produced += [(f"stdout of {name}", ended.out), (f"stderr of {name}", ended.err)]
        return ended

    def through_the_proxy(self) -> dict[str, str]:
        address = f"http://{PROXY_USER_INFO}@{self.proxy.address}"
        return {"HTTP_PROXY": address, "HTTPS_PROXY": address, "ALL_PROXY": address}

    def secrets(self) -> dict[str, str]:
        """Return all secrets there are; the access tokens are known from where they were sent."""
        authorizations = {one.header("authorization") for one in [*self.port.sent, *self.proxy.sent]}
        tokens = {text.removeprefix("Bearer ") for text in authorizations if text.startswith("Bearer ")}
        return PLANTED | {f"access token {number}": token for number, token in enumerate(sorted(tokens))}

    def leaks(self) -> list[str]:
        """Return where a secret is that must not be there."""
        look = Leaks(self.secrets())
        found = [line for where, text in self.produced for line in look.within(where, text)]
        found += look.in_files(self.stage.folder)
        for host in (self.pagerduty, self.port, self.proxy):
            for sent in host.sent:
                found += look.within(f"address {sent.method} {sent.target}", sent.target)
                for name, value in sent.headers:
                    if name.lower() not in {"authorization", "proxy-authorization"}:
                        found += look.within(f"header {name} of {sent.path}", value)
                if sent.path not in {"/v1/auth/access_token", "/webhook_subscriptions"}:
                    found += look.within(f"body of {sent.path}", sent.body)
        for one in (self.stage.pagerduty, self.stage.port):
            found += look.within("requests a simulator has seen", str(one.requests()))
        return found


Hosts = tuple[Simulator, Simulator, Echo, Echo, Echo]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Yield the simulators, what stands before each, and the proxy."""
    account = ("--account", "small", "--incidents", "60", "--requests-per-minute", "100000")
    with (
        simulator("simulators.pagerduty", "--token", TOKEN, *account) as source,
        port(tmp_path_factory.mktemp("port"), "--client-secret", CLIENT_SECRET) as target,
        echo(source.url) as before_source,
        echo(target.url) as before_target,
        echo() as proxy,
    ):
        yield source, target, before_source, before_target, proxy


@pytest.fixture
def scene(hosts: Hosts, tmp_path: Path) -> Scene:
    source, target, *_ = hosts
    echoes = hosts[2:]
    for one in echoes:
        one.behaviour = forward
        one.sent.clear()
    return Scene(Stage(source, target, tmp_path), *echoes)


def test_what_is_searched_for_is_found_in_every_form() -> None:
    look = Leaks({"one": CLIENT_SECRET})
    sent = Sent("POST", "/", (("authorization", f"Basic {CLIENT_SECRET}"),), b'{"a":"b"}')
    for said in (in_json(400)(sent), in_html(500)(sent), as_redirect(sent)):
        assert said is not None
        assert look.within("answer", str((said.body, said.headers)))
    assert look.within("cut", f"refused: {CLIENT_SECRET[:PIECE_CHARS]}")
    assert not look.within("clean", f"refused: {CLIENT_SECRET[:6]}********")


EVERY_KIND = either(
    at("/services", in_json(400)),
    at("/teams", in_json(403)),
    at("/users", in_headers(402)),
    at("/incidents", in_html(404)),
)
NOT_FATAL = {
    "kinds that are refused": (EVERY_KIND, None),
    "bulks that are refused": (None, at(".*/entities/bulk", in_json(422))),
    "entities that are refused": (None, at(".*/entities/bulk", items_in_json)),
    "searches that are refused": (None, at(".*/entities/search", in_headers(422))),
    "a mapping that asks for the environment": (None, None),
}


@pytest.mark.parametrize("name", NOT_FATAL)
def test_sync_that_fails_in_part_tells_no_secret(scene: Scene, name: str) -> None:
    of_pagerduty, of_port = NOT_FATAL[name]
    scene.pagerduty.behaviour = of_pagerduty or scene.pagerduty.behaviour
    scene.port.behaviour = of_port or scene.port.behaviour
    ended = scene.run("sync", "--json", "--mapping", scene.stage.mapping(SPYING))
    assert (ended.code, ended.result["state"]) == (1, "completed_with_failures"), ended.err
    kept = re.findall(r"dlq list --log (\S+)", ended.err)
    for log in kept:
        for command in (("list",), ("list", "--json"), ("show", "--all", "--json")):
            scene.run("dlq", *command, "--log", log)
    assert scene.leaks() == []


FATAL = {
    "PagerDuty refuses the token in JSON": ("pagerduty", in_json(401)),
    "PagerDuty refuses the token in headers": ("pagerduty", in_headers(401)),
    "PagerDuty redirects": ("pagerduty", as_redirect),
    "PagerDuty fails in JSON": ("pagerduty", in_json(500)),
    "PagerDuty fails in HTML": ("pagerduty", in_html(502)),
    "PagerDuty says OK in HTML": ("pagerduty", in_html(200)),
    "PagerDuty resets": ("pagerduty", reset),
    "Port refuses the client in JSON": ("port", in_json(401)),
    "Port refuses the client in headers": ("port", in_headers(403)),
    "Port refuses all but the client": ("port", at("/v1/(?!auth).*", in_json(401))),
    "Port forbids all but the client": ("port", at("/v1/(?!auth).*", in_json(403))),
    "Port redirects": ("port", at("/v1/(?!auth).*", as_redirect)),
    "Port fails in JSON": ("port", at("/v1/(?!auth).*", in_json(500))),
    "Port fails in HTML": ("port", in_html(502)),
    "Port resets": ("port", reset),
}


@pytest.mark.parametrize("name", FATAL)
def test_sync_that_cannot_go_on_tells_no_secret(scene: Scene, name: str) -> None:
    host, behaviour = FATAL[name]
    (scene.pagerduty if host == "pagerduty" else scene.port).behaviour = behaviour
    ended = scene.run("sync", "--json", "--mapping", scene.stage.mapping(PAGE))
    assert ended.code in {1, 3}, ended.err
    assert "unexpected" not in ended.err
    assert scene.leaks() == []


PROXIES = {
    "lets everything through": (None, 0),
    "refuses the password": (in_json(407), 3),
    "shows what it was sent": (in_html(502), 3),
    "resets": (reset, 3),
}


@pytest.mark.parametrize("name", PROXIES)
def test_sync_through_a_proxy_tells_no_secret(scene: Scene, name: str) -> None:
    behaviour, code = PROXIES[name]
    scene.proxy.behaviour = behaviour or scene.proxy.behaviour
    mapping = scene.stage.mapping(PAGE)
    ended = scene.run("sync", "--json", "--mapping", mapping, **scene.through_the_proxy())
    assert (ended.code, bool(scene.proxy.sent)) == (code, True), ended.err
    assert scene.leaks() == []


@pytest.mark.parametrize("scheme", ["http", "ftp", "socks5"])
def test_proxy_address_that_is_wrong_is_exit_2_and_not_quoted(scene: Scene, scheme: str) -> None:
    # A `/` in the password that was not encoded.
    address = f"{scheme}://proxyuser:pX4/bR9sLtW7uEzA3@{scene.proxy.address}"
    ended = scene.run("sync", HTTP_PROXY=address, HTTPS_PROXY=address)
    assert (ended.code, "HTTP_PROXY" in ended.err) == (2, True), ended.err
    assert "pX4" not in ended.err
    assert scene.leaks() == []


def test_every_command_is_tried() -> None:
    assert names(every_command("m", webhook_url="u", letter="a")) | ALWAYS_ON == all_names()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def always_on(scene: Scene, mapping: Path) -> Iterator[str]:
    """Have the program run, with webhooks; gives its address. What it says is kept."""
    http_port = free_port()
    url = f"http://127.0.0.1:{http_port}"
    more = {
        "OCEAN__HTTP__HOST": "127.0.0.1",
        "OCEAN__HTTP__PORT": str(http_port),
        "OCEAN__BASE_URL": url,
        "OCEAN__EVENT_LISTENER__INTERVAL": "1",
    }
    said = scene.stage.folder / "run.log"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [PROGRAM, "--debug", "run", "--mapping", mapping],
            env=scene.stage.environment(**scene.environment(), **more),
            cwd=scene.stage.folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        until(lambda: process.poll() is not None or is_up(url))
        assert process.poll() is None, said.read_text()
        yield url
        assert process.poll() is None, said.read_text()
        scene.produced += [(f"process {pid} {part}", text) for pid, part, text in workers(process.pid)]
        process.terminate()
        assert process.wait(30) == 0, said.read_text()
    finally:
        process.kill()
        process.wait()


def until(is_so: Callable[[], object]) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up_s, "it never became so"
        time.sleep(0.1)


def is_up(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/health/live").status_code == 200
    return False


def workers(pid: int) -> list[tuple[int, str, bytes]]:
    """Return command line and environment of the processes below one, and the command line of itself."""
    below = [
        int(status.parent.name) for status in Path("/proc").glob("[0-9]*/stat") if _parent(status) == pid
    ]
    assert below, "there are no JQ workers"
    found = [(pid, "cmdline", Path(f"/proc/{pid}/cmdline").read_bytes())]
    for one in below:
        found += [(one, part, Path(f"/proc/{one}/{part}").read_bytes()) for part in ("cmdline", "environ")]
    return found


def _parent(status: Path) -> int:
    with suppress(OSError):
        return int(status.read_text().rpartition(")")[2].split()[1])
    return -1


def deliver(url: str, body: bytes, secret: str = WEBHOOK_SECRET, **headers: str) -> int:
    """Deliver an event as PagerDuty does, with all that proves who sends it, and more."""
    token = installation_token(WEBHOOK_TOKEN)
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    sent = {
        "x-pagerduty-signature": f"v1={signature}",
        token.header: token.value,
        "authorization": f"Bearer {TOKEN}",
        "cookie": f"session={CLIENT_SECRET}",
        **headers,
    }
    return httpx.post(f"{url}/integration/webhook", content=body, headers=sent, timeout=30).status_code


def installation_token(value: str) -> WebhookToken:
    return WebhookToken(value)


def event(event_type: str, object_id: str) -> bytes:
    kind = event_type.partition(".")[0]
    data = {"id": object_id, "type": kind, "summary": "x"}
    said = {"id": f"E{object_id}", "event_type": event_type, "resource_type": kind, "data": data}
    return orjson.dumps({"event": {**said, "occurred_at": "2026-01-01T00:00:00Z"}})


def shown(scene: Scene, url: str) -> None:
    """Keep what the endpoints show."""
    for path in ("/metrics", "/health/ready", "/health/live", "/asyncapi"):
        answer = httpx.get(url + path)
        scene.produced.append((f"{path} {answer.status_code}", answer.text))


OF_PAGERDUTY = (in_json(403), in_html(502), in_json(401), reset, in_headers(400))
OF_PORT = (in_json(422), in_headers(403), reset, in_json(500), in_json(401), in_html(502))


@pytest.mark.timeout(400)
def test_installation_in_which_everything_fails_tells_no_secret(scene: Scene) -> None:
    mapping = scene.stage.mapping(SPYING)
    scene.pagerduty.behaviour = at("/webhook_subscriptions", in_json(400))
    scene.port.behaviour = at(".*/entities/bulk", items_in_json)
    with always_on(scene, mapping) as url:
        until(lambda: '"ended_at"' in scene.run("runs", "--json").out)
        shown(scene, url)
        scene.pagerduty.behaviour = either(at("/(users|teams)/.*", in_json(400)), at("/.*", in_json(403)))
        assert deliver(url, event("service.updated", "PNOBODY")) == 202
        assert deliver(url, event("service.updated", "P2"), secret="wrong") == 202, "its token is right"
        assert deliver(url, b"\xff{", OLD_WEBHOOK_SECRET) == 202
        scene.port.behaviour = at("/v1/(?!auth).*", in_json(401))
        shown(scene, url)
        letter = re.search(r"dlq\.\S+/\d+/\d+", scene.run("dlq", "list").out)
        assert letter is not None
        lines = every_command(str(mapping), webhook_url=url, letter=letter[0])
        scene.pagerduty.behaviour, scene.port.behaviour = in_turn(*OF_PAGERDUTY), in_turn(*OF_PORT)
        with ThreadPoolExecutor(4) as several:
            ended = list(several.map(lambda line: scene.run(*line), lines))
        unexpected = [
            (line, one.err) for line, one in zip(lines, ended, strict=True) if "unexpected" in one.err
        ]
        assert unexpected == []
        # And a mapping that is broken where it names the environment.
        mapping.write_text(
            SPYING.replace("identifier: .id\n", "identifier: '$ENV.OCEAN__PORT__CLIENT_SECRET | ('\n")
        )
        until(lambda: "OCEAN__PORT__CLIENT_SECRET" in scene.run("status").out)
        shown(scene, url)
    assert len(scene.proxy.sent) == 0
    assert scene.leaks() == []
