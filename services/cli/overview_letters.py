"""Sums up the open dead letters by reason, each with the command that mends them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from schemas.outcome import Reason
from shared.kept_letters import KeptLetter

UNREADABLE_LETTER = "no readable letter"


class LettersState(BaseModel):
    """The open letters of one reason."""

    reason: str
    number: int
    oldest_at: Annotated[datetime | None, Field(description="When the first of them failed.")]
    blueprints: Annotated[list[str], Field(description="That they name.")]
    command: Annotated[str, Field(description="What to do next.")]


def sum_up(letters: Iterable[KeptLetter]) -> list[LettersState]:
    """Return the open letters by reason, the most frequent first; one with two reasons counts for both."""
    by_reason: dict[str, list[KeptLetter]] = {}
    for one in letters:
        if one.is_open:
            reasons = [str(reason) for reason in one.reasons] or [UNREADABLE_LETTER]
            for reason in reasons:
                by_reason.setdefault(reason, []).append(one)
    states = [_state(reason, found) for reason, found in by_reason.items()]
    return sorted(states, key=lambda state: (-state.number, state.reason))


def _state(reason: str, letters: list[KeptLetter]) -> LettersState:
    found = [one.letter for one in letters if one.letter is not None]
    return LettersState(
        reason=reason,
        number=len(letters),
        oldest_at=min((letter.failed_at for letter in found), default=None),
        blueprints=sorted({one.blueprint for letter in found for one in letter.failures if one.blueprint}),
        command=_command(reason),
    )


def _command(reason: str) -> str:
    if reason == Reason.DELETE_HELD:
        return "pagerport release"
    if reason == UNREADABLE_LETTER:
        return "pagerport dlq list"
    return f"pagerport dlq list --reason {reason}, then dlq redrive --reason {reason}"
