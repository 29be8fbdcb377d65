"""Is one call to Port: what to ask, and what giving it up costs."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import RetryableError
from shared.port.answer import Answer
from shared.port.persistence import Persistence, Weight


class LeavingError(RetryableError):
    """We were asked to leave while waiting for Port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, safe to be repeated: every write of ours is idempotent.

    Attributes:
        method: HTTP method.
        path: Path from the root with its query, percent-encoded.
        family: Rate limit it falls under.
        body: JSON, or None.
        probe: Path of a cheap GET that tells whether Port is well when only this call fails.
        weight: What giving it up costs.
        before: The failures of a call that this one does a part of.
        is_question: It asks the same every time: once given up, the next one is soon given up, too.
        headers: Beside those of every call.
        may_lack_route: Port may not know the route at all, for it is not documented: a 404 or 405 in whatever
            form says so.
        may_be_gone: A 404 says that an entity is gone: only JSON, which is Port's own, may say that.
        is_idle: Says of an answer that nothing came of the call: no progress, though Port has answered.
    """

    method: str
    path: str
    family: str
    body: bytes | None = None
    probe: str = ""
    weight: Weight = Weight.WHOLE
    before: Persistence | None = None
    is_question: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    may_lack_route: bool = False
    may_be_gone: bool = False
    is_idle: Callable[[Answer], bool] | None = None

    @property
    def route(self) -> str:
        """Return the path without its query, for messages."""
        return self.path.partition("?")[0]
