"""Takes Port, PagerDuty or the broker away for a while, and tells what the services did meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.kafka.stack import Stack
from tests.torture.weather import Weather

SAMPLE_S = 0.5
DOWN = {"action": {"drop": "before"}}
"""What a simulator does to every request: it resets the connection."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What was seen of one.

    Attributes:
        assignments: How often each service was given partitions because of it.
        grown_bytes: By how much each service's memory was larger at most.
        caught_up_s: Time from its end until nothing was left to do.
    """

    assignments: dict[str, int]
    grown_bytes: dict[str, int]
    caught_up_s: float


def go_through(
    stack: Stack, weather: Weather, seconds: float, begin: Callable[[], None], end: Callable[[], None]
) -> Outage:
    """Begin an outage, watch the services for so long, end it, and wait until all is done.

    Args:
        stack: Up.
        weather: Goes on during the outage.
        seconds: How long.
        begin: Takes it away.
        end: Brings it back.
    """
    names = list(stack.processes)
    before = {name: assignments(stack, name) for name in names}
    memory = {name: stack.processes[name].memory_bytes for name in names}
    largest = dict(memory)
    weather.begin()
    try:
        begin()
        _watch(stack, seconds, largest)
        end()
    finally:
        weather.end()
    ended_s = time.monotonic()
    stack.wait_until_idle()
    caught_up_s = time.monotonic() - ended_s
    return Outage(
        assignments={name: number for name in names if (number := assignments(stack, name) - before[name])},
        grown_bytes={name: largest[name] - memory[name] for name in names},
        caught_up_s=round(caught_up_s, 1),
    )


def _watch(stack: Stack, seconds: float, largest: dict[str, int]) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        time.sleep(SAMPLE_S)
        for name in largest:
            largest[name] = max(largest[name], stack.processes[name].memory_bytes)


def assignments(stack: Stack, name: str) -> int:
    """Return how often a service was given partitions."""
    return stack.processes[name].said.count(": holds ")


def port_goes(stack: Stack) -> None:
    """Let Port answer nothing."""
    stack.stage.port.script(DOWN)


def port_comes(stack: Stack) -> None:
    """Let Port answer again."""
    stack.stage.port.script()


def pagerduty_goes(stack: Stack) -> None:
    """Let PagerDuty answer nothing; what changes there is told all the same."""
    stack.stage.pagerduty.script(DOWN)


def pagerduty_comes(stack: Stack) -> None:
    """Let PagerDuty answer again."""
    stack.stage.pagerduty.script()
