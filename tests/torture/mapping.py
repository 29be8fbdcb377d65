"""Compares what the mapper evaluates without libjq with libjq, for as many cases as wanted.

Run it with `python -m tests.torture.mapping`, or `make torture-mapping`. A seed and a count name the series.
"""

import argparse
import sys
from collections.abc import Sequence
from random import SystemRandom

from tests.jq_differential import Compared, compare_forms, compare_topics

CASES = 200_000
LEAST_OF_A_FORM = 50
"""Every native form must have stood in so many cases, or the series proves nothing of it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and print; return 1 when anything differs, or a form was hardly tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.mapping", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="expressions on documents (%(default)s)")
    parser.add_argument("--topics", type=int, default=CASES // 10, help="objects on mappings (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    options = parser.parse_args(arguments)
    seed = SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    forms = compare_forms(seed, options.cases)
    lacking = forms.lacking(LEAST_OF_A_FORM)
    say("expressions on documents", forms)
    print(f"  left to libjq beside them: {forms.left}; forms compared: {len(forms.forms)}", flush=True)
    if lacking:
        print(f"  too few cases of: {lacking}", flush=True)
    topics = compare_topics(seed, options.topics)
    say("objects on mappings, fused against alone", topics)
    return int(bool(forms.different or topics.different or lacking))


def say(what: str, compared: Compared) -> None:
    """Print how a series went."""
    print(f"{what}: {compared.cases} cases, {compared.different} differences", flush=True)
    print(f"  libjq gave: {dict(compared.classes.most_common())}", flush=True)
    for difference in compared.differences:
        print(f"  {difference[:1000]!a}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
