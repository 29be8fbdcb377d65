"""Names the JQ engines; apart from them, so that neither settings nor workers load the other's imports."""

from enum import StrEnum
from importlib.util import find_spec


class JqEngine(StrEnum):
    """What runs the expressions of a mapping."""

    LIBJQ = "libjq"
    """The `jq` package: jq 1.8."""
    PYJQ = "pyjq"
    """jq 1.5; no wheels, and Python 3.11 at most."""


def installed_engine(engine: JqEngine) -> JqEngine:
    """Return an engine that is installed.

    Raises:
        ValueError: It is not.
    """
    if engine is JqEngine.PYJQ and find_spec("_pyjq") is None:
        raise ValueError(
            "is not installed; unset it, or install pagerport[pyjq]: with Python 3.11, a C compiler, make,"
            " autoconf, automake, libtool, flex and bison (docs/mapping-engine.md)"
        )
    return engine
