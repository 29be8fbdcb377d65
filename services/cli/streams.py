"""Has stdout take every text, and no command fail otherwise than it does when nobody reads what it prints.

Stands on nothing but the standard library, for who is interrupted at once needs it.
"""

import codecs
import io
import json
import os
import sys
from typing import Final

_AS_ESCAPES: Final = "pagerport-escapes"


def take_every_text() -> None:
    r"""Set up stdout so that no text fails on it, whatever the locale says of its encoding.

    `\u2603` is readable to people, and means the same to machines where it stands in a text of a document.
    """
    codecs.register_error(_AS_ESCAPES, _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_AS_ESCAPES)


def print_if_read(text: str) -> None:
    """Print a text at once; that stdout takes it no more is no reason to end otherwise than one does."""
    try:
        print(text, flush=True)
    except OSError:
        drop_output()


def drop_output() -> None:
    """Point stdout at nothing, so that neither we nor the interpreter's last flush fail on it again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
