"""Gives the result of a run as one JSON document, without what only the services need of it."""

import json
from typing import Any, Final

from schemas.run import RunResult

OF_THE_SERVICES: Final = frozenset({"noted"})
"""Offsets by partition, from which another process can go on with a run."""


def run_values(run: RunResult) -> dict[str, Any]:
    """Return what `--json` says of a run."""
    return run.model_dump(mode="json", exclude_none=True, exclude=set(OF_THE_SERVICES))


def run_document(run: RunResult) -> str:
    """Return the document of `--json`."""
    return json.dumps(run_values(run), indent=2, ensure_ascii=False)
