"""Builds the paths of Port's API that several calls begin with."""

from urllib.parse import quote


def blueprint_path(blueprint: str) -> str:
    """Return the path of a blueprint, percent-encoded."""
    return f"/v1/blueprints/{quote(blueprint, safe='')}"
