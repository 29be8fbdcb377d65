"""Compares peak memory at 10 000 and 200 000 incidents, and counts what arrives.

Run it with `python -m benchmarks.memory`. PagerDuty's own limit makes the large sync last more than two
minutes; its simulator needs about 1 GiB.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.account import Account, account
from benchmarks.program import Measured, sync
from benchmarks.table import Budget, judge, print_runs

RATIO_MAX = 1.2
PEAK_MAX_MIB = 500.0
OLD_OPEN = 50


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--small", type=int, default=10_000, help="incidents (default %(default)s)")
    parser.add_argument("--middle", type=int, default=25_000, help="incidents (default %(default)s)")
    parser.add_argument("--large", type=int, default=200_000, help="incidents (default %(default)s)")
    options = parser.parse_args(arguments)
    runs: dict[str, Measured] = {}
    budgets: list[Budget] = []
    for incidents in (options.small, options.middle, options.large):
        with account({"incidents": incidents, "old_open_incidents": OLD_OPEN}) as one:
            run = runs[f"{incidents} incidents"] = sync(one)
            budgets.append(_arrival(incidents, run, one))
    print_runs(runs)
    small, *_, large = runs.values()
    ratio = large.peak_mib / small.peak_mib
    budgets += [
        Budget(
            f"peak at {options.large} <= {RATIO_MAX} x peak at {options.small}",
            f"{ratio:.2f} x",
            ratio <= RATIO_MAX,
        ),
        Budget(
            f"peak <= {PEAK_MAX_MIB:.0f} MiB", f"{large.peak_mib:.0f} MiB", large.peak_mib <= PEAK_MAX_MIB
        ),
    ]
    return judge(budgets)


def _arrival(incidents: int, run: Measured, one: Account) -> Budget:
    kind = run.result["kinds"]["incidents"]
    held = one.port.ask("counters")["writes"]["entities_created"]
    arrived = kind["announced"] == kind["fetched"] == kind["writer"].get("written") == incidents
    return Budget(
        f"{incidents} incidents arrive",
        f"announced {kind['announced']}, read {kind['fetched']}, written {kind['writer'].get('written')}, "
        f"exit {run.exit_code}, entities in Port {held}",
        arrived and run.exit_code == 0 and held >= incidents,
    )


if __name__ == "__main__":
    sys.exit(main())
