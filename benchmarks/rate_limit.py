"""Measures a sync that needs more requests than PagerDuty allows in a minute.

Run it with `python -m benchmarks.rate_limit`. The custom fields of services are one request for each of them.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.account import account
from benchmarks.program import Measured, sync
from benchmarks.table import Budget, judge, print_runs

LIMIT = 960  # Source: PagerDuty REST API, Rate Limits: of one token in a minute.
MINUTE_S = 60.0
LATENCY_MS = 200
CONCURRENCY = 10
"""Requests to PagerDuty at once: the default of OCEAN__PAGERDUTY__CONCURRENCY."""
SERVICES = 1_480
OVER_MAX = 1.1
MAPPING = """
resources:
  - kind: services
    selector:
      query: "true"
      includeCustomFields: true
      serviceAnalytics: false
    port:
      entity:
        mappings:
          identifier: .id
          title: .name
          blueprint: '"pagerdutyService"'
          properties:
            status: .status
            description: '[.__custom_fields[] | select(.name == "environment") | .value][0]'
"""


def dictated_s(requests: int, latency_s: float = LATENCY_MS / 1000) -> float:
    """Return the shortest time in which a limit per minute lets so many requests through.

    All that a window allows can be sent at its start; what is left over then takes as long as its answers do.
    """
    full, rest = divmod(requests - 1, LIMIT)
    return full * MINUTE_S + (rest + 1) * latency_s / CONCURRENCY


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rate_limit", description=__doc__)
    parser.add_argument("--services", type=int, default=SERVICES, help="default %(default)s")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        account(vars(options), pagerduty_ms=LATENCY_MS, requests_per_minute=LIMIT) as one,
    ):
        mapping = Path(folder) / "mapping.yaml"
        mapping.write_text(MAPPING)
        run = sync(one, mapping)
        refused = sum(
            each["count"] for each in one.pagerduty.ask("counters")["counters"] if each["status"] == 429
        )
    print_runs({f"{options.services} services": run})
    print_waits(run)
    requests = run.result["requests"]["PagerDuty"]
    least_s = dictated_s(requests)
    over = run.wall_s / least_s
    return judge(
        [
            Budget("the sync ends with 0", f"{run.exit_code}", run.exit_code == 0),
            Budget("PagerDuty refuses nothing", f"{refused} times 429", refused == 0),
            Budget(
                f"within {OVER_MAX} x of what the limit dictates",
                f"{requests} requests: {least_s:.1f} s dictated, {run.wall_s:.1f} s taken, {over:.3f} x",
                over <= OVER_MAX,
            ),
        ]
    )


def print_waits(run: Measured) -> None:
    """Print how long the sync says that it waited."""
    for wait in run.result["waits"]:
        print(f"waited {wait['seconds']:.1f} s for {wait['host']}: {wait['cause']} ({wait['times']}x)")


if __name__ == "__main__":
    sys.exit(main())
