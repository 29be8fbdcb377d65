"""Turns the final answer to a call into the error that it means, if any."""

from collections.abc import Callable

from schemas.outcome import Reason
from shared.errors import RejectedError, RetryableError
from shared.port.answer import Answer
from shared.port.call import Call

Redact = Callable[[str], str]
"""Takes secrets out of what Port says."""


def failure_text(call: Call, answer: Answer, redact: Redact) -> str:
    """Return one line for people: what was asked, and what Port said."""
    return f"Port, {call.method} {call.path}: {answer.describe(redact)}"


def require_ok(call: Call, answer: Answer, redact: Redact) -> None:
    """Return if Port did what it was asked for.

    Raises:
        RetryableError: Port fails for this call only.
        RejectedError: Port refuses it.
    """
    if answer.transient:
        raise RetryableError(failure_text(call, answer, redact))
    if not answer.ok:
        raise RejectedError(Reason.REFUSED, failure_text(call, answer, redact))
