"""Measures first and second syncs of a whole account, and compares the catalog with the oracle's.

Run it with `python -m benchmarks.sync`. The account has six kinds, the mapping is the default one.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import httpx
import yaml

from benchmarks.account import MAPPING, PATIENCE_S, TOKEN, Account, account
from benchmarks.program import Measured, sync
from benchmarks.table import Budget, judge, print_runs
from tests.oracle import differences, expected_catalog

SIZES = {
    "services": 500,
    "incidents": 9_000,
    "schedules": 100,
    "oncalls": 200,
    "policies": 100,
    "users": 300,
}
WALL_MAX_S = 4.0
PAGERDUTY_MS, PORT_MS = 100, 50
SHOWN = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when a sync failed, the catalog is wrong or a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync", description=__doc__)
    for name, number in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=number, help="how many (default %(default)s)")
    parser.add_argument(
        "--repeat", type=int, default=3, help="first syncs at no latency; the fastest counts (%(default)s)"
    )
    options = vars(parser.parse_args(arguments))
    repeat = options.pop("repeat")
    firsts: list[Measured] = []
    for number in range(repeat):
        with account(options) as one:
            firsts.append(sync(one))
            if number == repeat - 1:
                wrong = compare(one)
                second = sync(one)
    with account(options, pagerduty_ms=PAGERDUTY_MS, port_ms=PORT_MS) as slow:
        far = {"first": sync(slow), "second": sync(slow)}
    fastest = min(firsts, key=lambda run: run.wall_s)
    runs = {"first sync": fastest, "second sync": second, "first, latency": far["first"]}
    runs["second, latency"] = far["second"]
    print(f"{options}; latency: PagerDuty {PAGERDUTY_MS} ms, Port {PORT_MS} ms")
    print(f"first syncs: {', '.join(f'{run.wall_s:.2f}' for run in firsts)} s; the fastest is shown\n")
    print_runs(runs)
    for text in wrong[:SHOWN]:
        print(f"differs from the oracle: {text[:300]}")
    ended = [run.exit_code for run in (*firsts, *runs.values())]
    return judge(
        [
            Budget("every sync ends with 0", f"{ended}", not any(ended)),
            Budget("the catalog equals the oracle's", f"{len(wrong)} differences", not wrong),
            Budget(f"first sync <= {WALL_MAX_S} s", f"{fastest.wall_s:.2f} s", fastest.wall_s <= WALL_MAX_S),
            *(
                Budget(f"{name} sync writes nothing", f"{run.written} entity writes", run.written == 0)
                for name, run in {"second": second, "second, latency": far["second"]}.items()
            ),
        ]
    )


def compare(one: Account) -> list[str]:
    """Return how the catalog in Port differs from what the mapping must make of the account."""
    headers = {
        "Authorization": f"Token token={TOKEN}",
        "Accept": "application/vnd.pagerduty+json;version=2",
    }
    with httpx.Client(base_url=one.pagerduty.url, headers=headers, timeout=PATIENCE_S) as client:
        expected = expected_catalog(client, yaml.safe_load(MAPPING.read_text()))
    state = one.port.ask("state")
    held: dict[str, dict[str, Any]] = {}
    for entity in state["entities"]:
        if not entity["$placeholder"]:
            held.setdefault(entity["blueprint"], {})[entity["identifier"]] = entity
    return differences(expected, held, {one["identifier"]: one for one in state["blueprints"]})


if __name__ == "__main__":
    sys.exit(main())
