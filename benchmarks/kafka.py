"""Measures the services on a real Kafka: from the raw topic to Port, mappers alone, a whole resync.

Run it with `python -m benchmarks.kafka`. Kafka is the one of PAGERPORT_TEST_KAFKA, else one that is started
here of Apache Kafka's own jars; it and the simulators share the machine with what is measured.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from benchmarks.account import account
from benchmarks.installation import broker
from benchmarks.kafka_mapper import measure_mappers
from benchmarks.kafka_pipeline import measure_pipeline
from benchmarks.kafka_stack import measure_stack
from benchmarks.sync import SIZES
from benchmarks.table import Budget, judge

PARTS = ("pipeline", "mappers", "stack")
NO_OBJECTS = dict.fromkeys(SIZES, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when something did not arrive or a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kafka", description=__doc__)
    parser.add_argument(
        "--incidents", type=int, default=30_000, help="from the raw topic to Port (%(default)s)"
    )
    parser.add_argument("--mapped", type=int, default=60_000, help="for mappers alone (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of mappers alone (%(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="of half load (%(default)s)")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be repeated")
    options = parser.parse_args(arguments)
    parts = options.only or PARTS
    budgets: list[Budget] = []
    with broker() as kafka:
        if "pipeline" in parts:
            with account(NO_OBJECTS) as one:
                budgets += asyncio.run(measure_pipeline(kafka, one, options.incidents, options.seconds))
        if "mappers" in parts:
            budgets += asyncio.run(measure_mappers(kafka, options.mapped, options.rounds))
        if "stack" in parts:
            with account(SIZES) as one:
                budgets += asyncio.run(measure_stack(kafka, one))
    return judge(budgets)


if __name__ == "__main__":
    sys.exit(main())
