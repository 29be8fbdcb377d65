"""Holds what came of one attempt to take a step."""

from dataclasses import dataclass

from services.writer.chain import Settled


@dataclass(frozen=True, slots=True)
class Again:
    """The step failed in a way that may pass.

    Attributes:
        detail: What Port says, redacted.
        limited: A rate limit was the cause.
        unsaid: Port's answer does not mention it.
    """

    detail: str
    limited: bool = False
    unsaid: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """The step may succeed after the rest of the batch.

    Attributes:
        end: What it comes to if it does not.
    """

    end: Settled


Attempt = Settled | Again | Later
