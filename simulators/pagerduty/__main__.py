"""The command `python -m simulators.pagerduty` serves a made or stored account in its own process."""

import argparse
import dataclasses
import sys
from pathlib import Path

import orjson

from simulators.control import add_process_arguments, serve
from simulators.pagerduty.account import PLAIN, PRESETS, Sizes, generate_account
from simulators.pagerduty.app import DEFAULT_BEARER, DEFAULT_TOKEN, create_app, utc_now
from simulators.pagerduty.rate_limit import DEFAULT_PER_MINUTE
from simulators.pagerduty.service import DEFAULT_ANALYTICS_PER_DAY
from simulators.pagerduty.store import Account, read_account

SIZE_OPTIONS = {
    "services": "services",
    "incidents": "incidents",
    "users": "users",
    "teams": "teams",
    "schedules": "layer-based schedules",
    "v3_schedules": "shift-based schedules",
    "policies": "escalation policies",
    "oncalls": "current on-calls",
    "old_open_incidents": "open incidents older than 180 days, of those in --incidents",
}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(
        prog="python -m simulators.pagerduty",
        description="A strict PagerDuty REST API on 127.0.0.1; prints its URL as a line of JSON when ready.",
    )
    add_process_arguments(made)
    made.add_argument("--state", type=Path, help="JSON file with an account, as GET /_sim/state gives it")
    made.add_argument(
        "--account", default="demo", help="demo, small, or any other name: sizes of small where not given"
    )
    made.add_argument("--seed", type=int, default=1, help="the same seed makes the same account (default 1)")
    for option, help_text in SIZE_OPTIONS.items():
        made.add_argument(
            f"--{option.replace('_', '-')}", type=_count, metavar="N", help=f"number of {help_text}"
        )
    made.add_argument("--no-custom-fields", action="store_true", help="leave custom fields out")
    made.add_argument("--token", action="append", help=f"a good account key (default {DEFAULT_TOKEN})")
    made.add_argument("--bearer", action="append", help=f"a good OAuth token (default {DEFAULT_BEARER})")
    made.add_argument("--latency-ms", type=_count, default=0, help="time added to each answer")
    made.add_argument("--requests-per-minute", type=_count, default=DEFAULT_PER_MINUTE, help="default 960")
    made.add_argument(
        "--analytics-per-day", type=_count, default=DEFAULT_ANALYTICS_PER_DAY, help="default 100000"
    )
    made.add_argument(
        "--keys-are-bound",
        action="store_true",
        help="keys are bound to version 2, so Accept need not name it: as real accounts are, and less strict",
    )
    return made


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def read_sizes(options: argparse.Namespace) -> Sizes:
    """Return the sizes asked for: those of the preset, with what is given in their place."""
    given = {name: getattr(options, name) for name in SIZE_OPTIONS if getattr(options, name) is not None}
    sizes = dataclasses.replace(PRESETS.get(options.account, PLAIN), **given)
    return dataclasses.replace(sizes, custom_fields=False) if options.no_custom_fields else sizes


def read_state(options: argparse.Namespace) -> Account:
    """Return the account to serve: from the file, or made.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file does not hold an account.
    """
    if options.state is not None:
        return read_account(orjson.loads(options.state.read_bytes()))
    subdomain = "acme" if options.account in PRESETS else options.account
    return generate_account(options.seed, read_sizes(options), utc_now(), subdomain)


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; return 2 when the account or the port cannot be had."""
    options = parser().parse_args(arguments)
    try:
        app = create_app(
            read_state(options),
            tokens=options.token or (DEFAULT_TOKEN,),
            bearer_tokens=options.bearer or (DEFAULT_BEARER,),
            latency_ms=options.latency_ms,
            requests_per_minute=options.requests_per_minute,
            analytics_per_day=options.analytics_per_day,
            keys_are_bound=options.keys_are_bound,
        )
        serve(app, options.port, host=options.host, parent_pid=options.parent_pid)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"simulators.pagerduty: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
