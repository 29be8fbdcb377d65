"""States what a dry run tells whoever gathers what it would have done."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from services.writer.change import Change


class Recorder(Protocol):
    """Takes what a dry run would have done."""

    def create(self, change: Change) -> None:
        """An entity that Port does not hold would be written."""

    def update(self, change: Change, held: Mapping[str, Any], paths: Sequence[str]) -> None:
        """An entity would be written.

        Args:
            change: What would be sent.
            held: The entity as Port holds it.
            paths: What would change of it, e.g. `properties.url`.
        """

    def send_unseen(self, change: Change) -> None:
        """An entity would be written, and what Port holds of it could not be looked up."""

    def leave(self, change: Change) -> None:
        """Port already holds what the change says."""

    def delete(self, change: Change) -> None:
        """An entity would be deleted, if it is ours."""
