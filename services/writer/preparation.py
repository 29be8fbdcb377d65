"""Makes changes ready to be written: the blueprint is there, the identifier is one, the values fit."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.outcome import Reason
from services.writer.chain import Settled, failure
from services.writer.change import RUN_ORIGINS, Change
from services.writer.coercion import coerce, is_valid_identifier
from services.writer.deleting import NOT_DELETED
from services.writer.shape import Shape
from services.writer.shapes import Shapes
from shared.errors import RetryableError
from shared.port.transport import LeavingError

logger = logging.getLogger(__name__)

COERCIONS_KEPT = 1000
"""Different coercions told apart; past them only the counts of the run know more."""


class Coercion(NamedTuple):
    """A way in which values of a mapping do not fit the blueprint."""

    blueprint: str
    path: str
    reason: str


class Preparer:
    """Judges changes by their blueprints.

    Args:
        shapes: Knows the blueprints.
    """

    def __init__(self, shapes: Shapes) -> None:
        self.coercions: Counter[Coercion] = Counter()
        self._shapes = shapes

    async def get_shapes(self, changes: Iterable[Change], leaving: asyncio.Event) -> dict[str, Shape | None]:
        """Return the shapes of all blueprints that are to be written or deleted from; None: it is missing.

        One that Port fails for is left out: its changes are read again later.

        Raises:
            FatalError: See `PortClient`.
        """
        names = {change.blueprint for change in changes if not _is_proposal(change)}
        shapes: dict[str, Shape | None] = {}
        for name in sorted(names):
            try:
                shapes[name] = await self._shapes.get(name, leaving)
            except LeavingError:
                raise
            except RetryableError as error:
                logger.warning("changes of blueprint %s wait: %s", name, error)
        return shapes

    def prepare(self, change: Change, shapes: Mapping[str, Shape | None]) -> Settled | None:
        """Make a change fit its blueprint; return its end where it has come to one already."""
        if _is_proposal(change):
            return NOT_DELETED
        if change.blueprint not in shapes:
            return None
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
        coerced = coerce(change.body, shape)
        change.body, change.coerced = coerced.body, len(coerced.notes)
        for note in coerced.notes:
            self._note(Coercion(change.blueprint, note.path, note.reason), change)
        return None

    def _note(self, coercion: Coercion, change: Change) -> None:
        if coercion not in self.coercions:
            if len(self.coercions) >= COERCIONS_KEPT:
                return
            logger.warning(
                "%s of blueprint %s: %s (first seen in %s %s); fix the mapping or the blueprint",
                coercion.path,
                coercion.blueprint,
                coercion.reason,
                change.kind,
                change.object_id,
            )
        self.coercions[coercion] += 1


def _is_proposal(change: Change) -> bool:
    """Whether it is a delete that only a sweep may carry out: a run proposes, the sweep disposes."""
    return change.is_delete and change.origin in RUN_ORIGINS
