"""Says by which name Port knows us, and which entities are ours by it."""

from typing import Any, Final

from shared.errors import ConfigurationError

PRODUCT: Final = "pagerport"
PEER: Final = "port-ocean/pagerduty"
"""What the user agent of Port's own integration begins with. Source: port-labs/ocean, clients/port."""
_FEATURE: Final = "exporter"
_NOBODY: Final = "nobody"


def user_agent(version: str, identifier: str) -> str:
    """Return our `User-Agent`, which Port keeps as `$datasource` of every entity that we write.

    Args:
        version: Version of pagerport.
        identifier: Integration identifier of this installation.

    Raises:
        ConfigurationError: The identifier cannot stand in a user agent, or would make ownership ambiguous.
    """
    if not identifier or "/" in identifier or not identifier.isascii() or not identifier.isprintable():
        raise ConfigurationError(
            "OCEAN__INTEGRATION__IDENTIFIER must be printable ASCII without `/`: it marks the entities that"
            f" are ours in Port ({identifier!r} would not tell them apart)"
        )
    return f"{PRODUCT}/{version}/{identifier}/{_FEATURE}"


class Ownership:
    """By which `$datasource` entities are ours.

    Args:
        identifier: Integration identifier of this installation.
        adopt_peer: What Port's own integration wrote under the same identifier is ours too.
    """

    def __init__(self, identifier: str, *, adopt_peer: bool = False) -> None:
        self._ending = f"/{identifier}/{_FEATURE}"
        self._products = (PRODUCT, PEER) if adopt_peer else (PRODUCT,)

    @property
    def rules(self) -> list[dict[str, Any]]:
        """Return the search rules that only entities written by this installation pass, of any version of us.

        Source: Port API, search and query: `beginsWith` and `endsWith`, meta property `$datasource`.
        """
        each = [_written_by(product, self._ending) for product in self._products]
        if len(each) == 1:
            return each[0]
        both = [{"combinator": "and", "rules": rules} for rules in each]
        return [{"combinator": "or", "rules": both}]

    @property
    def rules_of_nobody(self) -> list[dict[str, Any]]:
        """Return rules of the same form that no entity passes: nobody writes under such a name."""
        return _written_by(PRODUCT, f"{self._ending}/{_NOBODY}")

    def wrote(self, datasource: str) -> bool:
        """Return whether this installation is the one that `$datasource` names."""
        # The same text may not stand for product and ending at once.
        return any(
            datasource.startswith(f"{product}/")
            and datasource.endswith(self._ending)
            and len(datasource) > len(product) + len(self._ending)
            for product in self._products
        )


def _written_by(product: str, ending: str) -> list[dict[str, Any]]:
    return [
        {"property": "$datasource", "operator": "beginsWith", "value": f"{product}/"},
        {"property": "$datasource", "operator": "endsWith", "value": ending},
    ]
