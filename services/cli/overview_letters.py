"""Sums up the open dead letters by reason, each with the command that mends them."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field

from schemas.dead_letter import DeadLetter
from schemas.outcome import Reason
from schemas.topics import WEBHOOKS
from services.cli.next_steps import UNREADABLE_LETTER, Remedy
from shared.kept_letters import KeptLetter

EXPRESSIONS_NAMED: Final = 5
_OF_EXPRESSIONS: Final = {Reason.JQ_TIMEOUT: " did not end ", Reason.JQ_CRASH: " ended the JQ process"}
"""Reasons whose detail begins with the part of the entry that did it, and what follows that."""
_NOT_FOUND_OUT: Final = "the expressions"


class LettersState(BaseModel):
    """The open letters of one reason."""

    reason: str
    number: int
    oldest_at: Annotated[datetime | None, Field(description="When the first of them failed.")]
    blueprints: Annotated[list[str], Field(description="That they name.")]
    expressions: Annotated[
        dict[str, int],
        Field(description="Expressions that did not end, or ended JQ, and how often; the worst ones."),
    ] = Field(default_factory=dict)
    command: Annotated[str, Field(description="What to do next.")]


def sum_up(letters: Iterable[KeptLetter], remedy: Remedy | None = None) -> list[LettersState]:
    """Return the open letters by reason, the most frequent first; one with two reasons counts for both.

    Args:
        letters: Of a log.
        remedy: How they are mended there; None: as in the installation's log.
    """
    remedy = remedy or Remedy()
    by_reason: dict[str, list[KeptLetter]] = {}
    for one in letters:
        if one.is_open:
            reasons = [str(reason) for reason in one.reasons] or [UNREADABLE_LETTER]
            for reason in reasons:
                by_reason.setdefault(reason, []).append(one)
    states = [_state(reason, found, remedy) for reason, found in by_reason.items()]
    return sorted(states, key=lambda state: (-state.number, state.reason))


def _state(reason: str, letters: list[KeptLetter], remedy: Remedy) -> LettersState:
    found = [one.letter for one in letters if one.letter is not None]
    return LettersState(
        reason=reason,
        number=len(letters),
        oldest_at=min((letter.failed_at for letter in found), default=None),
        blueprints=sorted({one.blueprint for letter in found for one in letter.failures if one.blueprint}),
        expressions=dict(_expressions(reason, found).most_common(EXPRESSIONS_NAMED)),
        command=remedy.command(reason),
    )


def _expressions(reason: str, letters: Iterable[DeadLetter]) -> Counter[str]:
    """Count the expressions that letters are of, `resources[2]: properties.url`."""
    named: Counter[str] = Counter()
    for letter in letters:
        root = "webhookMappings" if letter.topic == WEBHOOKS.name else "resources"
        for one in letter.failures:
            name, does, _ = one.detail.partition(_OF_EXPRESSIONS.get(one.reason, "\0"))
            if one.reason == reason and does and one.entry is not None and name != _NOT_FOUND_OUT:
                named[f"{root}[{one.entry}]: {name}"] += 1
    return named
