"""Logs which values are left as they are, where nobody collects that for the result of a run."""

import logging

from services.mapper.core import OMISSIONS_KEPT, LeftOut
from shared.sightings import Sightings

_LOG = logging.getLogger(__name__)


class SaidOmissions(Sightings[LeftOut]):
    """Omissions that are logged as they are first seen, each once."""

    def __init__(self) -> None:
        super().__init__(OMISSIONS_KEPT)

    def note(self, finding: LeftOut, where: str, detail: str = "") -> bool:
        """Count a finding and log a new one; False: there is nothing left to be said of it."""
        if super().note(finding, where, detail):
            says = f"{finding}: {detail}" if detail else str(finding)
            _LOG.warning("%s (first in %s); the value in Port stays; mend the expression", says, where)
        return False
