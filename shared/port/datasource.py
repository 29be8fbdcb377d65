"""Says by which name Port knows us, and which entities are ours by it."""

from typing import Any, Final

from shared.errors import ConfigurationError

PRODUCT: Final = "pagerport"
PEER: Final = "port-ocean/pagerduty"
"""What the user agent of Port's own integration begins with. Source: port-labs/ocean, clients/port."""
_FEATURE: Final = "exporter"


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


def ownership_rules(identifier: str, *, adopt_peer: bool = False) -> list[dict[str, Any]]:
    """Return the search rules that only entities written by this installation pass, of any version of us.

    Source: Port API, search and query: `beginsWith` and `endsWith`, meta property `$datasource`.

    Args:
        identifier: Integration identifier of this installation.
        adopt_peer: What Port's own integration wrote under the same identifier is ours too.
    """
    ours = _written_by(PRODUCT, identifier)
    if not adopt_peer:
        return ours
    both = [{"combinator": "and", "rules": rules} for rules in (ours, _written_by(PEER, identifier))]
    return [{"combinator": "or", "rules": both}]


def _written_by(product: str, identifier: str) -> list[dict[str, Any]]:
    return [
        {"property": "$datasource", "operator": "beginsWith", "value": f"{product}/"},
        {"property": "$datasource", "operator": "endsWith", "value": f"/{identifier}/{_FEATURE}"},
    ]
