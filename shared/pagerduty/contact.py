"""Knows of PagerDuty what asking it has taught: whether it is there, when something last went through."""

from dataclasses import dataclass

from shared.http.circuit_breaker import CircuitBreaker
from shared.pagerduty.replies import Reply
from shared.pagerduty.request import Request
from shared.pagerduty.verdicts import Verdict


@dataclass(slots=True, kw_only=True)
class Contact:
    """What is known of PagerDuty from what was sent to it.

    Attributes:
        progress_at_s: When a request last went through; before any did, when the first client was made.
        circuit: Whether it is down.
        is_made: Whether it has replied at all.
        requests: Sent, repetitions included.
        successes: Served.
    """

    progress_at_s: float
    circuit: CircuitBreaker
    is_made: bool = False
    requests: int = 0
    successes: int = 0

    def note(self, request: Request, reply: Reply, *, asked_s: float | None, now_s: float) -> None:
        """Remember what a reply tells.

        Args:
            request: What was asked.
            reply: Or the lack of one.
            asked_s: Seconds that a failed one asks us to wait.
            now_s: Monotonic seconds.
        """
        self.is_made = self.is_made or reply.served
        if reply.verdict is Verdict.OK:
            self.successes += 1
            if not request.is_probe:
                self.progress_at_s = now_s
        if reply.verdict is Verdict.RETRY:
            self.circuit.failed(reply.cause, asked_s)
        else:
            self.circuit.answered()
