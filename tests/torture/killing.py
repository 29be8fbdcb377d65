"""Kills services and the broker at random, and starts them again."""

import time
from collections import Counter
from random import Random

from tests.broker.server import KafkaServer
from tests.kafka.stack import Process, Stack

BROKER = "broker"


class Killer:
    """Ends one victim after the other by SIGKILL.

    Args:
        stack: The installation, up.
        broker: Its Kafka.
        random: Source of chance.
        pause_s: Between two kills, on average.
        broker_share: Of the kills that hit the broker.
    """

    def __init__(
        self,
        stack: Stack,
        broker: KafkaServer,
        random: Random,
        *,
        pause_s: float,
        broker_share: float = 0.08,
    ) -> None:
        self.kills: Counter[str] = Counter()
        self._stack = stack
        self._broker = broker
        self._random = random
        self._pause_s = pause_s
        self._broker_share = broker_share

    def go_on_for(self, seconds: float) -> None:
        """Kill and restart until so many seconds have passed; then all are up."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            time.sleep(self._pause_s * (0.3 + 1.4 * self._random.random()))
            if self._random.random() < self._broker_share:
                self._kill_broker()
            else:
                self._kill(self._random.choice(list(self._stack.processes.values())))
            self.check()

    def check(self) -> None:
        """See that nothing has ended that was not killed."""
        for process in self._stack.processes.values():
            assert process.process is not None
            code = process.process.poll()
            assert code is None, f"{process.name} has ended with {code}:\n{process.said[-3000:]}"

    def _kill(self, victim: Process) -> None:
        victim.kill()
        self.kills[victim.name] += 1
        # Sometimes long enough for the others to take over what it held.
        time.sleep(self._random.choice((0.0, 0.0, 0.5, 2.0, 8.0)) * self._random.random())
        victim.start()

    def _kill_broker(self) -> None:
        self._broker.kill()
        self.kills[BROKER] += 1
        time.sleep(self._random.choice((0.0, 1.0, 6.0)) * self._random.random())
        self._broker.start()
