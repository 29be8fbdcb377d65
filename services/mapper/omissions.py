"""Names the ways in which values are left as they are, and says in a line what a new one is."""

import logging
from typing import Final, NamedTuple

from shared.sightings import Sightings

OMISSIONS_KEPT: Final = 200
"""Different omissions told apart; past them only the counts of the run know more."""

_LOG = logging.getLogger(__name__)


class LeftOut(NamedTuple):
    """A way in which values of a kind are left as they are."""

    kind: str
    entry: int
    path: str
    text: str
    cause: str

    def __str__(self) -> str:
        return f"{self.kind} resources[{self.entry}] {self.path}: {_says(self.text, self.cause)}"


class WebhookLeftOut(NamedTuple):
    """A way in which a webhook mapping leaves values as they are."""

    entry: int
    path: str
    text: str
    cause: str

    def __str__(self) -> str:
        return f"webhookMappings[{self.entry}] {self.path}: {_says(self.text, self.cause)}"


def new_omissions() -> Sightings[LeftOut]:
    """Return an empty collection of what is left out, told apart as far as people care."""
    return Sightings(OMISSIONS_KEPT)


def warn_of(left_out: LeftOut | WebhookLeftOut, where: str, detail: str) -> None:
    """Say what is left as it is, and where that was seen first."""
    says = f"{left_out}: {detail}" if detail else str(left_out)
    _LOG.warning("%s (first in %s); the value in Port stays; mend the expression", says, where)


def _says(text: str, cause: str) -> str:
    return f"{text} {cause}" if text else cause
