"""Lets requests out: so many at once, as fast as their family's limit allows, none while Port is down."""

import asyncio

from shared.http.circuit_breaker import CircuitBreaker
from shared.http.waits import RATE_LIMIT
from shared.log.interface import Clock
from shared.port.pacing import Pacer
from shared.port.waiting import Waiting


class Gate:
    """What every request of a client passes.

    Args:
        concurrency: Requests at once.
        pacer: Follows the limits.
        circuit: Knows whether Port is down.
        waiting: Waits for a limit.
        clock: Monotonic seconds.
    """

    def __init__(
        self, concurrency: int, pacer: Pacer, circuit: CircuitBreaker, waiting: Waiting, clock: Clock
    ) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._pacer = pacer
        self._circuit = circuit
        self._waiting = waiting
        self._clock = clock
        self._answered = asyncio.Event()

    async def enter(self, family: str, leaving: asyncio.Event | None, *, may_try: bool) -> bool:
        """Wait until a request may be sent, without keeping a slot from families that may go.

        Whoever hears True sends it, and calls `leave` once it has ended.

        Args:
            family: Of the request.
            leaving: Gives up the wait once set.
            may_try: It is sent even while the circuit is open; else False is returned as soon as that is so.

        Raises:
            LeavingError: `leaving` was set while there was a limit to wait for.
        """
        while True:
            await self._slots.acquire()
            delay_s = self._pacer.delay_s(family, self._clock())
            if delay_s <= 0 and self._pacer.has_room(family, self._clock()):
                if may_try or not self._circuit.is_open:
                    self._pacer.sent(family)
                    return True
                self._slots.release()
                return False
            self._slots.release()
            if delay_s > 0:
                await self._waiting.pause(RATE_LIMIT, delay_s, leaving)
            else:
                # Requests under way take what remains of the window; their answers may tell of a new one.
                await self._waiting.until(RATE_LIMIT, self._answered.wait, leaving)

    def leave(self, family: str) -> None:
        """Note that a request has ended, whichever way."""
        self._pacer.ended(family)
        self._slots.release()
        self._answered.set()
        self._answered = asyncio.Event()
