"""Runs the simulated Port as a process of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from simulators.control import add_process_arguments, serve
from simulators.port.answers import RefusedError
from simulators.port.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_app
from simulators.port.blueprints import DEMO_BLUEPRINTS
from simulators.port.rate_limits import DEFAULT_LIMITS
from simulators.port.tokens import DEFAULT_LIFETIME_S


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until told to end or until the parent process is gone.

    Returns:
        The exit code: 0 after serving, 2 for a file that cannot be used.
    """
    options = _parser().parse_args(arguments)
    try:
        app = create_app(
            blueprints=_blueprints(options),
            client_id=options.client_id,
            client_secret=options.client_secret,
            token_lifetime_s=options.token_lifetime_s,
            latency_ms=options.latency_ms,
            requests_per_5_minutes=_limits(options.requests_per_5_minutes),
            reset_form=options.reset_header,
            bulk_schema_fails_call=options.bulk_schema_fails_call,
            sends_date=False,
        )
        if options.state is not None and options.state.exists():
            app.state.replace(orjson.loads(options.state.read_bytes()))
    except (OSError, ValueError, RefusedError) as error:
        sys.stderr.write(f"simulated Port: {error}\n")
        return 2
    serve(app, options.port, host=options.host, parent_pid=options.parent_pid)
    if options.state is not None:
        options.state.write_bytes(orjson.dumps(app.state.snapshot()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.port", description=__doc__)
    add_process_arguments(parser)
    parser.add_argument(
        "--client-id", default=DEFAULT_CLIENT_ID, help="the only one that gets a token (default: %(default)s)"
    )
    parser.add_argument(
        "--client-secret", default=DEFAULT_CLIENT_SECRET, help="its secret (default: %(default)s)"
    )
    parser.add_argument(
        "--blueprints", type=Path, metavar="FILE.json", help="a list of blueprints to begin with"
    )
    parser.add_argument(
        "--demo-blueprints", action="store_true", help="begin with the blueprints of the demo mapping"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="read the state from here if it exists, write it here at the end",
    )
    parser.add_argument(
        "--token-lifetime-s", type=int, default=DEFAULT_LIFETIME_S, help="default: %(default)s, as Port's"
    )
    parser.add_argument(
        "--latency-ms", type=int, default=0, help="waited before each answer (default: %(default)s)"
    )
    parser.add_argument(
        "--requests-per-5-minutes",
        action="append",
        default=[],
        metavar="N|FAMILY=N",
        help="limit of every family, or of one; may be repeated (default: Port's own). Families: "
        + ", ".join(DEFAULT_LIMITS),
    )
    parser.add_argument(
        "--reset-header",
        choices=("seconds", "epoch"),
        default="seconds",
        help="what x-ratelimit-reset holds (default: %(default)s)",
    )
    parser.add_argument(
        "--bulk-schema-fails-call",
        action="store_true",
        help="a bulk item that breaks the route's schema fails the whole call (the letter of the OpenAPI)",
    )
    return parser


def _blueprints(options: argparse.Namespace) -> list[Mapping[str, Any]]:
    blueprints: list[Mapping[str, Any]] = list(DEMO_BLUEPRINTS) if options.demo_blueprints else []
    if options.blueprints is not None:
        given = orjson.loads(options.blueprints.read_bytes())
        if not isinstance(given, list):
            raise ValueError(f"{options.blueprints} does not hold a list of blueprints")
        blueprints.extend(given)
    return blueprints


def _limits(given: Sequence[str]) -> dict[str, int]:
    limits: dict[str, int] = {}
    for text in given:
        family, _, number = text.rpartition("=")
        if family and family not in DEFAULT_LIMITS:
            raise ValueError(f"--requests-per-5-minutes: no family {family}")
        if not number.isdecimal():
            raise ValueError(f"--requests-per-5-minutes: {text} is no number")
        limits |= dict.fromkeys([family] if family else DEFAULT_LIMITS, int(number))
    return limits


if __name__ == "__main__":
    sys.exit(main())
