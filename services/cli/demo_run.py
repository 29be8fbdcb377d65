"""Runs the demo: starts the simulators, syncs twice, shows what Port holds."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import Any

import httpx
from rich.console import Console

from services.cli.layout import output_console
from services.cli.sync_run import SyncScreen
from shared.counted import number_of
from shared.errors import ConfigurationError, FatalError
from shared.logs import configure_logs
from shared.settings import load_settings

TOKEN = "demo-token"  # noqa: S105 - of a simulator
CLIENT_ID = "demo-client"
CLIENT_SECRET = "demo-secret"  # noqa: S105 - of a simulator
PAGERDUTY = ("simulators.pagerduty", "--account", "demo", "--token", TOKEN, "--latency-ms", "60")
PORT = ("simulators.port", "--demo-blueprints", "--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
SHOWN_PER_BLUEPRINT = 2


def run_demo() -> int:
    """Run the demo and return the exit code.

    Raises:
        ConfigurationError: The simulators are not installed.
        FatalError: A simulator does not start.
    """
    if find_spec("simulators") is None or find_spec("starlette") is None:
        raise ConfigurationError(
            "the demo needs the simulators; install them with: pip install 'pagerport[demo]'"
        )
    console = output_console()
    console.print("Starting two simulators in processes of their own: PagerDuty with an account, Port empty.")
    with _simulator(*PAGERDUTY) as pagerduty, _simulator(*PORT) as port:
        _point_settings_at(pagerduty, port)
        settings = load_settings(None)
        configure_logs(level=settings.log.level, json_lines=False, secrets=settings.secrets)
        with as_file(files("simulators") / "demo_mapping.yaml") as mapping:
            for step in (
                "1. pagerport sync[/]: everything in PagerDuty goes to Port.",
                "2. The same again[/]: nothing has changed, so nothing is written.",
            ):
                console.print(f"\n[bold]{step}")
                if code := asyncio.run(SyncScreen(settings, as_json=False, keep=False).run(mapping, None)):
                    return code
        console.print("\n[bold]3. Some of what Port holds now[/]")
        _print_entities(console, port)
    return 0


@contextmanager
def _simulator(module: str, *arguments: str) -> Iterator[str]:
    """Run a simulator for the time of the block and give its address."""
    command = [sys.executable, "-m", module, "--port", "0", "--parent-pid", str(os.getpid()), *arguments]
    # Their own session: Ctrl-C is for the sync, which ends them afterwards.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise FatalError(f"{module} did not start; run it by hand to see why: python -m {module}")
            yield json.loads(line)["url"]
        finally:
            process.terminate()


def _point_settings_at(pagerduty: str, port: str) -> None:
    """Replace all settings of this process: a demo never touches a real account, nor leaves this machine."""
    for name in [name for name in os.environ if name.upper().startswith("OCEAN__")]:
        del os.environ[name]
    os.environ |= {
        "OCEAN__INTEGRATION__IDENTIFIER": "demo",
        "OCEAN__INTEGRATION__CONFIG__TOKEN": TOKEN,
        "OCEAN__INTEGRATION__CONFIG__API_URL": pagerduty,
        "OCEAN__PORT__BASE_URL": port,
        "OCEAN__PORT__CLIENT_ID": CLIENT_ID,
        "OCEAN__PORT__CLIENT_SECRET": CLIENT_SECRET,
        "OCEAN__LOG__LEVEL": "warning",
        # No proxy knows these addresses. In lower case it goes before whatever else is set.
        "no_proxy": "*",
    }


def _print_entities(console: Console, port: str) -> None:
    """Print some entities of each blueprint, a block each."""
    held: dict[str, list[dict[str, Any]]] = {}
    for entity in httpx.get(f"{port}/_sim/state").raise_for_status().json()["entities"]:
        held.setdefault(entity["blueprint"], []).append(entity)
    for blueprint, entities in sorted(held.items()):
        console.print(
            f"{blueprint}: {number_of(len(entities), 'entity', 'entities')}, for example",
            style="bold",
            highlight=False,
        )
        for entity in entities[:SHOWN_PER_BLUEPRINT]:
            for line in entity_lines(entity):
                console.print(line, highlight=False, markup=False)


def entity_lines(entity: Mapping[str, Any]) -> Iterator[str]:
    """Return an entity as Port holds it, a line per value that is set."""
    yield f"  {entity['identifier']}  {entity.get('title') or ''}".rstrip()
    for name, value in {**entity["properties"], **entity["relations"]}.items():
        if value not in (None, []):
            yield f"    {name}: {_shown(value)}"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return json.dumps(value, ensure_ascii=False)
