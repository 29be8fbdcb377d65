"""Sorts every error of pagerport by what happens next.

PagerportError
├── ConfigurationError   stop, exit 2: which setting, where, how to mend it
├── FatalError           stop, exit 3: refused by, or no way to reach, PagerDuty, Port or Kafka
├── RetryableError       keep the work, wait, try again
├── RejectedError        dead-letter this one thing, go on
├── LostError            the log no longer holds what was committed as unread: alarm and resync
├── NotOwnerError        the partition is ours no more: its new owner redoes the work
└── InterruptedRunError  stopped by the user, exit 130

Partial failure is a value per item, not an exception. Messages say what, where, why and the next step; they
never hold a token or a whole body.
"""

from collections.abc import Iterable

from schemas.outcome import Reason


class PagerportError(Exception):
    """Root of the tree; `exit_code` is what a command ends with."""

    exit_code = 1


class ConfigurationError(PagerportError):
    """A setting, a file or the usage is wrong. The message is one line with place and next step."""

    exit_code = 2


class ParameterError(ConfigurationError):
    """Entries of a mapping ask PagerDuty for something that there is not.

    Attributes:
        mistakes: Path in the mapping (`resources[0].kind`) and what is wrong with it; all there are.
    """

    def __init__(self, mistakes: Iterable[tuple[str, str]]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(f"{path}: {says}" for path, says in self.mistakes))


class FatalError(PagerportError):
    """PagerDuty, Port or Kafka refuses us or cannot be reached."""

    exit_code = 3


class RetryableError(PagerportError):
    """A third party failed in a way that passes.

    Attributes:
        retry_after_s: Seconds the host asked us to wait; None: it did not say.
    """

    exit_code = 3

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RejectedError(PagerportError):
    """One thing was refused for good."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class LostError(PagerportError):
    """A committed offset lies below the log's start."""


class NotOwnerError(PagerportError):
    """A commit or publish for a partition that is no longer ours; its new owner redoes the work."""


class InterruptedRunError(PagerportError):
    """The user stopped the run."""

    exit_code = 130
