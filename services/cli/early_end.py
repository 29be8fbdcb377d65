"""Says how a command ended that had not really begun: one word, and for machines one document.

Stands on little but the standard library: whoever presses Ctrl-C at once does so while the rest is imported.
"""

import json
import sys
from collections.abc import Sequence
from typing import Final

from services.cli.streams import print_if_read

INTERRUPTED: Final = 130
NOTHING_READ: Final = "interrupted before anything was read; no entity was written"


def failure_document(state: str, lines: Sequence[str]) -> str:
    """Return the JSON document of a sync that ended before it had a result."""
    return json.dumps({"state": state, "error": "\n".join(lines)}, indent=2)


def say_interrupted(arguments: Sequence[str]) -> None:
    """Say that a command was interrupted which had said nothing yet.

    Args:
        arguments: What follows the program's name.
    """
    command = next((one for one in arguments if not one.startswith("-")), "")
    if command == "sync" and "--json" in arguments:
        print_if_read(failure_document("interrupted", [NOTHING_READ]))
    print(NOTHING_READ if command == "sync" else "interrupted", file=sys.stderr, flush=True)
