"""Identities are what PagerDuty gives to each object it makes: an id, a summary and two addresses."""

from random import Random
from typing import Any

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
API = "https://api.pagerduty.com"
# Path of an object on the site, where it is not the path in the API.
SITE_PATHS = {"services": "service-directory", "maintenance_windows": "service-directory/maintenance-windows"}


class Identities:
    """Makes ids that are never repeated, in the order of a seed. Source: PagerDuty REST API, Types."""

    def __init__(self, random: Random, subdomain: str) -> None:
        self._random = random
        self._site = f"https://{subdomain}.pagerduty.com"
        self._taken: set[str] = set()

    def new_id(self, *, is_long: bool = False) -> str:
        """Return a new id: 7 characters from `P`, or 14 from `Q` as newer incidents and log entries have."""
        first, length = ("Q", 13) if is_long else ("P", 6)
        while True:
            made = first + "".join(self._random.choices(ALPHABET, k=length))
            if made not in self._taken:
                self._taken.add(made)
                return made

    def head(self, kind: str, type_name: str, summary: str, *, is_long: bool = False) -> dict[str, Any]:
        """Return the five fields that every object and every reference begins with."""
        made = self.new_id(is_long=is_long)
        return {
            "id": made,
            "type": type_name,
            "summary": summary,
            "self": f"{API}/{kind}/{made}",
            "html_url": f"{self._site}/{SITE_PATHS.get(kind, kind)}/{made}",
        }
