"""Holds how a member stands with its group, for those who judge whether a service is ready."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """How a consumer stands with its group, times on one monotonic clock.

    Attributes:
        group: The group.
        owned: Partitions it holds; none is fine for a member that stands by.
        is_joined: Whether it has a place in the group now.
        left_at_s: When it last had none: since then it is away, if it is.
        polled_at_s: When the log last answered a read, also with nothing, or the batch that it brought was
            done with; None: never.
        is_handling: Whether a batch is in hand: then nothing is read.
        held: Why it holds; empty: it does not.
    """

    group: str
    owned: int
    is_joined: bool
    left_at_s: float
    polled_at_s: float | None
    is_handling: bool
    held: str = ""
