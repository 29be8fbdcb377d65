"""Knows the shapes of blueprints, asked of Port at most every two minutes."""

import asyncio

from services.writer.shape import Shape, read_shape
from shared.log.interface import Clock
from shared.port.client import PortClient

KEPT_S = 120.0


class Shapes:
    """Shapes by blueprint. That a blueprint is missing is not remembered.

    Args:
        port: Is asked.
        clock: Monotonic seconds.
    """

    def __init__(self, port: PortClient, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._kept: dict[str, tuple[float, Shape]] = {}

    async def get(self, blueprint: str, leaving: asyncio.Event) -> Shape | None:
        """Return a shape; None: Port has no such blueprint.

        Raises:
            RetryableError: Port fails for this blueprint only.
            FatalError: See `PortClient`.
        """
        kept = self._kept.get(blueprint)
        if kept is not None and self._clock() - kept[0] < KEPT_S:
            return kept[1]
        self.forget(blueprint)
        definition = await self._port.get_blueprint(blueprint, leaving=leaving)
        if definition is None:
            return None
        shape = read_shape(definition)
        self._kept[blueprint] = (self._clock(), shape)
        return shape

    def forget(self, blueprint: str) -> None:
        """Ask anew next time: what Port answered does not go with the shape we know."""
        self._kept.pop(blueprint, None)
