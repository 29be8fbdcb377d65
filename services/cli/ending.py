"""Ends a command: one line on stderr for an error, and the exit code."""

import logging
import os
import sys
from types import TracebackType
from typing import Final, Self

from shared.errors import PagerportError
from shared.logs import configure_logs, current_redactor

INTERRUPTED: Final = 130
UNEXPECTED: Final = 1
BROKEN_PIPE: Final = 1
"""Whoever reads our output has left (`… | head`): no word is said, but cut off is not done."""


class Guard:
    """Turns an exception that leaves its block into an exit code and at most a line per mistake.

    Args:
        debug: Show the traceback of an unexpected error.
    """

    def __init__(self, *, debug: bool) -> None:
        self._debug = debug

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process, unless there is no error or it is an exit already."""
        match error:
            case None | SystemExit():
                if _flushed():
                    return
                code = BROKEN_PIPE
            case PagerportError():
                _say(str(error) or kind.__name__ if kind else "")
                code = error.exit_code
            case KeyboardInterrupt():
                code = INTERRUPTED
            case BrokenPipeError():
                _drop_output()
                code = BROKEN_PIPE
            case _:
                code = self._unexpected(error)
        raise SystemExit(code) from None

    def _unexpected(self, error: BaseException) -> int:
        _say(
            f"unexpected {type(error).__name__}: {error}; this is a fault of pagerport"
            + ("" if self._debug else ", `pagerport --debug …` shows where")
        )
        if self._debug:
            if current_redactor() is None:
                configure_logs(level="debug", json_lines=False)
            logging.getLogger("pagerport").error("unexpected error", exc_info=error)
        return UNEXPECTED


def _say(message: str) -> None:
    redactor = current_redactor()
    for line in (redactor.text(message) if redactor else message).splitlines():
        print(f"error: {line}", file=sys.stderr)


def _flushed() -> bool:
    """Write what is buffered now, while a closed pipe can still be met quietly; False: it is closed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return False
    return True


def _drop_output() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
