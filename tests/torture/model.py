"""Plays the model of an installation for thousands of steps, prints seed and counts."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from random import SystemRandom

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Model


def main(arguments: Sequence[str] | None = None) -> int:
    """Play; return 1 when something does not hold, with the smallest steps to it."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.model", description=__doc__)
    given = {
        name: int(text) for name in ("EXAMPLES", "STEPS", "SEED") if (text := os.environ.get(f"MODEL_{name}"))
    }
    parser.add_argument(
        "--examples",
        type=int,
        default=given.get("EXAMPLES", 150),
        help="installations, or MODEL_EXAMPLES (%(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=given.get("STEPS", 40),
        help="most steps of each, or MODEL_STEPS (%(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=given.get("SEED"),
        help="or MODEL_SEED; default: a new one, which is printed",
    )
    parser.add_argument("--no-shrink", action="store_true", help="show the first failure as it is")
    options = parser.parse_args(arguments)
    chosen = SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {chosen}, {options.examples} installations, at most {options.steps} steps each", flush=True)
    logging.getLogger().addHandler(logging.NullHandler())
    began_s = time.monotonic()
    phases = [Phase.generate] if options.no_shrink else [Phase.generate, Phase.shrink]
    machine = seed(chosen)(Model)
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=options.examples,
                stateful_step_count=options.steps,
                deadline=None,
                phases=phases,
                database=None,
                verbosity=Verbosity.normal,
                suppress_health_check=list(HealthCheck),
                print_blob=False,
            ),
        )
    finally:
        print(f"{Model.steps} steps in {time.monotonic() - began_s:.0f} s", flush=True)
        for what, number in sorted(Model.counts.items()):
            print(f"{number:8} {what}")
    print("everything held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
