"""Decides which entities that Port failed for are sent again, and waits before that."""

import asyncio
from collections.abc import Collection

from schemas.outcome import Reason
from services.writer.attempt import Again
from services.writer.chain import Chain, Chains, failure
from shared.errors import FatalError
from shared.http.backoff import Backoff
from shared.log.interface import Clock
from shared.port.client import BULK_UPSERT_LIMIT, PortClient
from shared.port.persistence import Patience, Persistence, Verdict


class Retries:
    """What the writer knows of Port's failures for single entities, and of what Port has taken besides.

    Args:
        port: Waits are accounted there.
        patience: How long an entity that Port neither takes nor refuses is tried.
        backoff: Waits between those tries.
        clock: Monotonic seconds.

    Attributes:
        written: Entities that Port has taken or deleted so far.
    """

    def __init__(self, port: PortClient, patience: Patience, backoff: Backoff, clock: Clock) -> None:
        self.written = 0
        self._port = port
        self._patience = patience
        self._backoff = backoff
        self._clock = clock
        self._last_written_s = float("-inf")

    def note_written(self) -> None:
        """Note that Port has taken or deleted an entity."""
        self.written += 1
        self._last_written_s = self._clock()

    async def wait(
        self, again: dict[Chain, Again], work: Chains, leaving: asyncio.Event, *, others: bool
    ) -> None:
        """Give up what Port goes on failing for while it takes others; wait for the rest.

        Args:
            again: What is to be tried again.
            work: Settles what is given up.
            leaving: Ends the wait.
            others: Port took something in the same round.

        Raises:
            FatalError: Port has taken nothing for too long.
            LeavingError: `leaving` is set.
        """
        now_s, failures = self._clock(), 0
        for chain, attempt in again.items():
            if chain.persistence is None:
                chain.persistence = Persistence(self._patience, now_s, proven=others)
            verdict = chain.persistence.failed(
                now_s,
                successes=self.written,
                last_success_s=self._last_written_s,
                may_count=not attempt.limited,
                # Port answered the call that this item failed in; if only with something of this item.
                probed_well=not attempt.unsaid,
            )
            if verdict is Verdict.STALLED and not self._is_for_it_alone(attempt, chain.persistence, again):
                raise FatalError(
                    f"Port has taken none of the entities sent for {self._patience.stall_s:.0f} s; last:"
                    f" {attempt.detail}"
                )
            if verdict is Verdict.AGAIN:
                failures = max(failures, chain.persistence.failures)
            else:
                work.settle(chain, failure(Reason.RETRIES_EXHAUSTED, attempt.detail))
        if failures:
            limited = any(attempt.limited for attempt in again.values())
            cause = "rate limit" if limited else "failed entities"
            await self._port.pause(cause, self._backoff.delay_s(failures), leaving)

    def _is_for_it_alone(self, attempt: Again, persistence: Persistence, again: Collection[Chain]) -> bool:
        """Whether only these entities are held up, by a rate limit or by silence, and Port has taken others.

        Such an entity must not keep its partition for ever.
        """
        few = len(again) <= BULK_UPSERT_LIMIT
        is_alone = attempt.unsaid or (attempt.limited and few)
        return is_alone and self._last_written_s >= persistence.began_s
