"""Knows how large an entity change may be, and says of one that is larger why it is not sent."""

from typing import Final

from schemas.dead_letter import LetterFailure
from schemas.outcome import Reason
from schemas.topics import ENTITIES

_ENVELOPE_BYTES: Final = 16 * 1024
"""Room for key and headers in the largest record of a topic."""
CHANGE_LIMIT_BYTES: Final = ENTITIES.max_message_bytes - _ENVELOPE_BYTES


def too_large(key: str, size_bytes: int) -> LetterFailure:
    """Return why a change is not sent; `key` is that of its record."""
    detail = f"the entity {key[:200]} has {size_bytes} bytes; map fewer properties"
    return LetterFailure(reason=Reason.TOO_LARGE, detail=detail)
