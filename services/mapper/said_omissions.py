"""Logs which values are left as they are, where nobody collects that for the result of a run."""

from services.mapper.omissions import OMISSIONS_KEPT, LeftOut, warn_of
from shared.sightings import Sightings


class SaidOmissions(Sightings[LeftOut]):
    """Omissions that are logged as they are first seen, each once."""

    def __init__(self) -> None:
        super().__init__(OMISSIONS_KEPT)

    def note(self, finding: LeftOut, where: str, detail: str = "") -> bool:
        """Count a finding and log a new one; False: there is nothing left to be said of it."""
        if super().note(finding, where, detail):
            warn_of(finding, where, detail)
        return False
