"""Holds what Port answered to one call, or why there is no answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.port.persistence import Persistence

DETAIL_LIMIT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        status: HTTP status; 0: there was no answer.
        data: The body, when it is a JSON object.
        cause: In few words why the call did not succeed in a way that may pass (`HTTP 502`, `no connection`,
            `timeout`, `connection lost`, `unreadable answer`, `answer too large`); empty: it is final.
        trace_id: Port's `X-Trace-Id`, for its support.
        asked_s: Seconds Port asks us to wait.
        hint: What is known beside the cause, e.g. why there was no connection.
        persistence: The failures of a call that was given up, for the calls that do its work in parts.
    """

    status: int
    data: dict[str, Any] | None = None
    cause: str = ""
    trace_id: str = ""
    asked_s: float | None = None
    hint: str = ""
    persistence: Persistence | None = field(default=None, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return 200 <= self.status < 300 and not self.cause

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later."""
        return bool(self.cause)

    def describe(self, redact: Callable[[str], str]) -> str:
        """Return one line for people.

        Args:
            redact: Takes secrets out of what Port says, before that is cut: a half of one is one, too.
        """
        parts = [self.cause or f"HTTP {self.status}"]
        if self.hint:
            parts.append(redact(self.hint))
        if self.data is not None and not self.ok:
            for name in ("error", "message"):
                text = self.data.get(name)
                if isinstance(text, str) and text:
                    parts.append(redact(text)[:DETAIL_LIMIT_CHARS])
        line = ": ".join(parts)
        return f"{line} (X-Trace-Id {redact(self.trace_id)})" if self.trace_id else line
