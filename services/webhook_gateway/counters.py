"""Counts what becomes of requests."""

from dataclasses import dataclass, field
from enum import StrEnum


class Refusal(StrEnum):
    """Why a request was not taken; its status says to PagerDuty whether to send it again."""

    NO_SUCH_PATH = "no_such_path"
    WRONG_METHOD = "wrong_method"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    """The body did not come in time."""
    UNPROVEN = "unproven"
    """Neither a signature nor a token of ours: its body is not read."""
    UNVERIFIED = "unverified"
    BUSY = "busy"
    """Too many bytes in hand, also of a sender that went for one that came later."""
    LOG_SLOW = "log_slow"
    """The log did not answer in time; the event may be in it all the same."""
    LOG_FAILED = "log_failed"

    @property
    def status(self) -> int:
        """Return the status of the answer."""
        return _STATUSES[self]

    @property
    def comes_again(self) -> bool:
        """Return whether PagerDuty sends the event again. Source: PagerDuty Webhooks V3, Behavior."""
        return self.status >= 500


_STATUSES = {
    Refusal.NO_SUCH_PATH: 404,
    Refusal.WRONG_METHOD: 405,
    Refusal.TOO_LARGE: 413,
    Refusal.TOO_SLOW: 408,
    Refusal.UNPROVEN: 401,
    Refusal.UNVERIFIED: 401,
    Refusal.BUSY: 503,
    Refusal.LOG_SLOW: 503,
    Refusal.LOG_FAILED: 503,
}


@dataclass(slots=True, kw_only=True)
class GatewayCounters:
    """Totals since the start, and what is in hand now.

    Every request ends as exactly one of published, pings, ignored, refused and gone.

    Attributes:
        received: Requests that have come in.
        published: Events acknowledged: the log has them.
        unreadable: Of those published, bodies that name no object.
        pings: Tests of the subscription.
        ignored: Events of types that this release does not know, and empty bodies.
        refused: Requests not taken, by reason.
        gone: Senders that left before their body was whole.
        late: Events that reached the log after their sender had been told to try again.
        requests_in_hand: Requests that have no answer yet.
        bytes_in_hand: What bodies take, those the log has not answered for included.
        bytes_in_hand_peak: The most there ever was.
    """

    received: int = 0
    published: int = 0
    unreadable: int = 0
    pings: int = 0
    ignored: int = 0
    refused: dict[Refusal, int] = field(default_factory=lambda: dict.fromkeys(Refusal, 0))
    gone: int = 0
    late: int = 0
    requests_in_hand: int = 0
    bytes_in_hand: int = 0
    bytes_in_hand_peak: int = 0
