"""Says by which name Port knows us, and which entities are ours by it."""

from typing import Any, Final

from shared.errors import ConfigurationError

PRODUCT: Final = "pagerport"
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


def ownership_rules(identifier: str) -> list[dict[str, Any]]:
    """Return the search rules that only entities written by this installation pass, of any version of us.

    Source: Port API, search and query: `beginsWith` and `endsWith`, meta property `$datasource`.
    """
    return [
        {"property": "$datasource", "operator": "beginsWith", "value": f"{PRODUCT}/"},
        {"property": "$datasource", "operator": "endsWith", "value": f"/{identifier}/{_FEATURE}"},
    ]
