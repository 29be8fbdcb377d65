"""Kills all services and the broker at random under live changes, and judges the catalog at the end.

Run it with `python -m tests.torture.services`, or `make torture`. The seed names the series of kills and
changes. Then Port, PagerDuty and the broker are taken away for some time, with events flowing on.
"""

import argparse
import contextlib
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from tests.broker.jars import kafka_jars
from tests.broker.server import KafkaServer
from tests.kafka.stack import Stack, free_port
from tests.pipeline.harness import Stage, pagerduty, port
from tests.pipeline.mappings import SPINE
from tests.torture.killing import Killer
from tests.torture.outages import go_through, pagerduty_comes, pagerduty_goes, port_comes, port_goes
from tests.torture.verdict import mistakes, read_writes
from tests.torture.weather import Weather

MAPPING = SPINE.replace("deleteDependentEntities: true", "deleteDependentEntities: false")
"""So that what Port deletes is what was asked for, and nothing that hangs on it."""
ACCOUNT = ("--account", "torture", "--incidents", "300", "--services", "12", "--users", "20", "--teams", "4")
QUIET_S = 300.0
TOKEN = "torture-webhook-token"


@contextlib.contextmanager
def installation(folder: Path) -> Iterator[tuple[Stack, KafkaServer]]:
    """Yield a stack that is up, with two fetchers and two mappers, and its broker."""
    broker = KafkaServer(kafka_jars())
    with contextlib.ExitStack() as held:
        held.callback(broker.close)
        broker.start()
        stage = Stage(
            held.enter_context(pagerduty(*ACCOUNT, "--latency-ms", "40")),
            held.enter_context(port(folder, "--latency-ms", "10", "--requests-per-5-minutes", "1000000")),
            folder,
        )
        mapping = stage.mapping(MAPPING)
        gateway_port = free_port()
        stack = Stack(
            stage,
            broker.bootstrap_servers,
            prefix="torture.",
            gateway_port=gateway_port,
            more={"OCEAN__KAFKA__SESSION_TIMEOUT_S": "3", "OCEAN__KAFKA__CONNECT_TIMEOUT_S": "45"},
            variables={
                "PAGERPORT_MAPPING": str(mapping),
                "OCEAN__BASE_URL": f"http://127.0.0.1:{gateway_port}",
                "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN": TOKEN,
            },
        )
        held.callback(stack.down)
        stage.pagerduty.http.patch(
            "/_sim/deliveries", json={"first_retry_s": 0.2, "longest_retry_s": 2}
        ).raise_for_status()
        stack.up(mapper=2, fetcher=2)
        yield stack, broker


def torture(
    folder: Path, *, minutes: float, seed: int, pause_s: float, outages_s: tuple[float, float, float]
) -> dict[str, Any]:
    """Do it, and return the report.

    Args:
        folder: Keeps logs.
        minutes: Of killing.
        seed: Of the series.
        pause_s: Between two kills.
        outages_s: Of Port, PagerDuty and the broker; 0: none.
    """
    random = Random(seed)  # noqa: S311 - chance that can be repeated
    with installation(folder) as (stack, broker):
        stack.wait_for_runs(1)
        wait_for_subscription(stack)
        weather = Weather(stack, Random(random.random()))  # noqa: S311
        killer = Killer(stack, broker, Random(random.random()), pause_s=pause_s)  # noqa: S311
        weather.begin()
        began_s = time.monotonic()
        try:
            killer.go_on_for(minutes * 60)
        finally:
            weather.end()
        tortured_s = time.monotonic() - began_s
        say(f"{sum(killer.kills.values())} kills in {tortured_s:.0f} s")
        account = weather.account
        outages = {}
        for name, seconds, begin, end in (
            ("Port", outages_s[0], lambda: port_goes(stack), lambda: port_comes(stack)),
            ("PagerDuty", outages_s[1], lambda: pagerduty_goes(stack), lambda: pagerduty_comes(stack)),
            ("broker", outages_s[2], broker.kill, broker.start),
        ):
            if not seconds:
                continue
            stack.wait_until_idle(QUIET_S)
            weather = Weather(stack, Random(random.random()), account=account, asks=False)  # noqa: S311
            outages[name] = go_through(stack, weather, seconds, begin, end)
            say(f"{name} was away for {seconds:g} s")
        say("now it is quiet")
        stack.wait_until(lambda: deliveries(stack)["pending"] == 0, "events delivered", timeout_s=QUIET_S)
        stack.wait_until_idle(QUIET_S)
        runs = stack.runs()
        killer.check()
        # What the breaker holds is gone from PagerDuty, and left for the sweep.
        held = {("pagerdutyService", letter["object_id"]) for letter in letters(stack, "delete_held")}
        lost = mistakes(stack.stage, MAPPING, aside=account.unheard | (held & account.deleted))
        before = read_writes(stack.stage)
        run = json.loads(
            stack.command("resync", "--wait", "--json", code=None, timeout_s=QUIET_S).stdout or "{}"
        )
        wrong = mistakes(stack.stage, MAPPING)
        writes = read_writes(stack.stage)
        still_open = Counter(letter["failures"][0]["reason"] for letter in letters(stack))
        final = stack.status()
        killer.check()
        codes = stack.down()
        return {
            "seed": seed,
            "seconds": round(tortured_s),
            "kills": dict(killer.kills),
            "kills in all": sum(killer.kills.values()),
            "starts": {one.name: one.starts for one in stack.processes.values()},
            "account": dict(account.counts),
            "deliveries": deliveries(stack)["counts"],
            "outages": {name: asdict(outage) for name, outage in outages.items()},
            "records": {name: stage["records"] for name, stage in final["stages"].items()},
            "runs": [
                f"{one['type']} {one['state']}, attempt {one['attempt']}, for {', '.join(one['asked_by'])}"
                + (f": {why_not_green(one)}" if one["state"] == "completed_with_failures" else "")
                for one in runs
            ],
            "last run": {name: run.get(name) for name in ("state", "attempt", "failure_count")},
            "last run's warnings": run.get("warnings"),
            "writes": {
                "entities": writes.entities,
                "versions": writes.versions,
                "said nothing new": writes.repeats,
                "deletes": sum(writes.deletes.values()),
                "deletes by the last resync": sum(writes.deletes.values()) - sum(before.deletes.values()),
            },
            "open dead letters": dict(still_open),
            "tracebacks": tracebacks(stack),
            "exit codes": codes,
            "wrong before the last resync (told changes only)": lost,
            "wrong after it": wrong,
            "deleted though valid": sorted(
                "/".join(key) for key in writes.deletes if key not in account.deleted
            ),
        }


def is_clean(report: dict[str, Any]) -> bool:
    """Return whether a report has nothing against the installation."""
    return (
        not report["wrong before the last resync (told changes only)"]
        and not report["wrong after it"]
        and not report["deleted though valid"]
        and report["last run"]["state"] == "completed"
        and set(report["exit codes"].values()) == {0}
    )


def deliveries(stack: Stack) -> Any:
    """Return what became of the webhooks."""
    return stack.stage.pagerduty.http.get("/_sim/deliveries", params={"last": "0"}).raise_for_status().json()


def letters(stack: Stack, reason: str = "") -> list[Any]:
    """Return the open dead letters, or those with a reason."""
    only = ["--reason", reason] if reason else []
    found: list[Any] = json.loads(stack.command("dlq", "list", "--json", "--limit", "10000", *only).stdout)
    return found


def why_not_green(run: Any) -> str:
    """Return what a run says of its failures."""
    kinds = {
        name: {part: kind.get(part) for part in ("state", "reason", "failures_by_reason", "mapper", "writer")}
        for name, kind in run["kinds"].items()
    }
    told = {name: run.get(name) for name in ("failure_count", "failures", "error", "warnings", "sweep")}
    return json.dumps({"kinds": kinds, **told})


def wait_for_subscription(stack: Stack) -> None:
    """Return when the fetcher has made its subscription."""
    stack.wait_until(
        lambda: bool(stack.stage.pagerduty.state().get("webhook_subscriptions")), "there is a subscription"
    )


def tracebacks(stack: Stack) -> dict[str, int]:
    """Return how many tracebacks each service has logged."""
    found = {
        one.name: len(re.findall("^Traceback", one.said, re.MULTILINE)) for one in stack.processes.values()
    }
    return {name: number for name, number in found.items() if number}


def say(text: str) -> None:
    """Print how it stands."""
    print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Torture, print the report; return 1 when it is not clean."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.services", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of killing (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--pause-s", type=float, default=2.5, help="between two kills (%(default)s)")
    parser.add_argument("--port-outage-s", type=float, default=120.0, help="0: none (%(default)s)")
    parser.add_argument("--pagerduty-outage-s", type=float, default=30.0, help="0: none (%(default)s)")
    parser.add_argument("--broker-outage-s", type=float, default=90.0, help="0: none (%(default)s)")
    parser.add_argument("--folder", type=Path, default=None, help="keeps logs here")
    options = parser.parse_args(arguments)
    seed = SystemRandom().randrange(2**32) if options.seed is None else options.seed
    say(f"seed {seed}")
    with contextlib.ExitStack() as held:
        if options.folder is None:
            folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        else:
            folder = options.folder
            folder.mkdir(parents=True, exist_ok=True)
        report = torture(
            folder,
            minutes=options.minutes,
            seed=seed,
            pause_s=options.pause_s,
            outages_s=(options.port_outage_s, options.pagerduty_outage_s, options.broker_outage_s),
        )
    print(json.dumps(report, indent=2))
    return 0 if is_clean(report) else 1


if __name__ == "__main__":
    sys.exit(main())
