"""Names the JQ engines; apart from them, so that neither settings nor workers load the other's imports."""

from enum import StrEnum


class JqEngine(StrEnum):
    """What runs the expressions of a mapping."""

    LIBJQ = "libjq"
    """The `jq` package: jq 1.8."""
    PYJQ = "pyjq"
    """jq 1.5; no wheels, and Python 3.11 at most."""
