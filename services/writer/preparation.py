"""Makes changes ready to be written: the blueprint is there, the identifier is one, the values fit."""

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

from schemas.outcome import Reason
from services.writer.chain import Settled, failure
from services.writer.change import RUN_ORIGINS, Change
from services.writer.coercion import NAME_LIMIT_CHARS, coerce, is_valid_identifier
from services.writer.deleting import NOT_DELETED
from services.writer.shape import Shape
from services.writer.shapes import Shapes
from shared.errors import RetryableError
from shared.port.call import LeavingError
from shared.sightings import Sightings

logger = logging.getLogger(__name__)

DROPS_KEPT = 1000
"""Different drops told apart; past them only the counts of the run know more."""


class Drop(NamedTuple):
    """A way in which values of a mapping can never fit their blueprint."""

    blueprint: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"blueprint {self.blueprint}: {self.path} dropped: {self.reason}"


class Preparer:
    """Judges changes by their blueprints.

    Args:
        shapes: Knows the blueprints.
        says_all: Log what changes of a run lose too: nobody collects it for the run's result.
    """

    def __init__(self, shapes: Shapes, *, says_all: bool = False) -> None:
        self.drops: Sightings[Drop] = Sightings(DROPS_KEPT)
        self._shapes = shapes
        self._says_all = says_all

    async def get_shape(self, blueprint: str, leaving: asyncio.Event) -> Shape | Settled | None:
        """Return the shape of a blueprint; None: it is missing; or the end of its changes: Port fails for it.

        Raises:
            LeavingError: We were asked to leave before the answer.
            FatalError: See `PortClient`.
        """
        try:
            return await self._shapes.get(blueprint, leaving)
        except LeavingError:
            raise
        except RetryableError as error:
            return failure(Reason.RETRIES_EXHAUSTED, str(error))

    def prepare(self, change: Change, shapes: Mapping[str, Shape | None]) -> Settled | None:
        """Make a change fit its blueprint, which is among the shapes; return its end where it has one."""
        if is_proposal(change):
            return NOT_DELETED
        shape = shapes[change.blueprint]
        if change.is_delete:
            return NOT_DELETED if shape is None else None
        if shape is None:
            return failure(Reason.BLUEPRINT_MISSING, f"Port has no blueprint {change.blueprint!r}")
        if isinstance(change.identifier, str) and not is_valid_identifier(change.identifier):
            return failure(
                Reason.INVALID_IDENTIFIER,
                "Port takes letters, digits and @ _ . + : \\ / = - as identifier, at most 1000 characters",
            )
        if change.judged_by is None:
            change.given = change.body
        coerced = coerce(change.given, shape)
        change.body, change.notes, change.judged_by = coerced.body, coerced.notes, shape
        return None

    async def refresh(self, blueprint: str, leaving: asyncio.Event) -> Shape | None:
        """Ask for a blueprint anew; None: it is gone, or cannot be had now.

        Raises:
            LeavingError: We were asked to leave before the answer.
            FatalError: See `PortClient`.
        """
        self._shapes.forget(blueprint)
        try:
            return await self._shapes.get(blueprint, leaving)
        except LeavingError:
            raise
        except RetryableError as error:
            logger.warning("blueprint %s cannot be looked up again: %s", blueprint, error)
            return None

    def note(self, change: Change) -> None:
        """Remember what a change that is done has lost."""
        for path, reason, dropped in change.notes:
            if not dropped:
                logger.debug("blueprint %s: %s %s", change.blueprint, path, reason)
                continue
            drop = Drop(change.blueprint, path, reason)
            where = f"{change.kind[:NAME_LIMIT_CHARS]} {change.object_id[:NAME_LIMIT_CHARS]}"
            if self.drops.note(drop, where) and (self._says_all or not change.run_id):
                logger.warning("%s (first in %s); mend the mapping or the blueprint", drop, where)


def is_proposal(change: Change) -> bool:
    """Whether it is a delete that only a sweep may carry out: a run proposes, the sweep disposes."""
    return change.is_delete and change.origin in RUN_ORIGINS
