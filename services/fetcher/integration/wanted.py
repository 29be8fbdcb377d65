"""Decides what the integration object in Port is to be: as it is created, and what of it is out of date."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.mapping import MappingFile

APP_TYPE: Final = "pagerduty"
POLLING: Final[Mapping[str, Any]] = {}
"""Where Port sends what changes: nowhere, for we ask. Source: Ocean framework, POLLING event listener."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedIntegration:
    """The object as this release wants it.

    Attributes:
        identifier: The installation.
        version: Of pagerport.
        default: The mapping that is put there where there is none; None: the user has one of their own, or
            wants none made.
    """

    identifier: str
    version: str
    default: MappingFile | None

    def creation(self) -> dict[str, Any]:
        """Return the body that creates it. Source: Ocean framework, create integration."""
        return {
            "installationId": self.identifier,
            "installationAppType": APP_TYPE,
            "version": self.version,
            "changelogDestination": dict(POLLING),
            "config": self.default_config() or {},
        }

    def default_config(self) -> dict[str, Any] | None:
        """Return the default mapping as Port holds mappings; None: there is to be none."""
        if self.default is None:
            return None
        return self.default.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def drift(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of the object is out of date, with its new values; its mapping is the user's."""
        wanted = {
            "installationAppType": APP_TYPE,
            "version": self.version,
            "changelogDestination": dict(POLLING),
        }
        changed = {key: value for key, value in wanted.items() if (held.get(key) or {}) != value}
        # Source: Ocean framework, a change of the object always says the version.
        return {**changed, "version": self.version} if changed else {}
