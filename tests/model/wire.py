"""Is the network between pagerport and a simulator: answers take their time, and some never arrive."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx


@dataclass
class Line:
    """What all connections of one process share.

    Attributes:
        random: Source of chance.
        is_cut: The process is dead: nothing of it reaches anybody any more.
        lost_before: Share of the requests that never arrive.
        lost_after: Share of the requests whose answers never arrive.
        held: Path to what lets the answers on their way from there arrive.
        waiting: How many answers are held.
    """

    random: Random
    is_cut: bool = False
    lost_before: float = 0.0
    lost_after: float = 0.0
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    waiting: int = 0


class Wire(httpx.AsyncBaseTransport):
    """Carries requests to an app in this process."""

    def __init__(self, app: Any, line: Line) -> None:
        self._inner = httpx.ASGITransport(app)
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        line = self._line
        await self._travel(request)
        if line.random.random() < line.lost_before:
            raise httpx.ConnectTimeout("nobody answers", request=request)
        answer = await self._inner.handle_async_request(request)
        content = await answer.aread()
        if (released := line.held.get(request.url.path)) is not None:
            line.waiting += 1
            await released.wait()
            line.waiting -= 1
        await self._travel(request)
        if line.random.random() < line.lost_after:
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    async def _travel(self, request: httpx.Request) -> None:
        if not self._line.is_cut:
            await asyncio.sleep(self._line.random.choice((0.0, 0.003, 0.02, 0.1)))
        if self._line.is_cut:
            raise httpx.ConnectError("the process is dead", request=request)
