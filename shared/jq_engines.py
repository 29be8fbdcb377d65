"""Opens the JQ engine that a setting names."""

from importlib.util import find_spec

from shared.errors import ConfigurationError
from shared.jq_choice import JqEngine
from shared.jq_engine import Engine, LibjqEngine

_PYJQ_MODULE = "_pyjq"


def require_engine(name: JqEngine) -> None:
    """See that an engine is installed.

    Raises:
        ConfigurationError: It is not.
    """
    if name is JqEngine.PYJQ and find_spec(_PYJQ_MODULE) is None:
        raise ConfigurationError(
            "OCEAN__MAPPER__ENGINE: pyjq is not installed; unset it, or install pagerport[pyjq]: with Python"
            " 3.11, a C compiler, make, autoconf, automake, libtool, flex and bison (docs/mapping-engine.md)"
        )


def open_engine(name: JqEngine) -> Engine:
    """Return an engine.

    Raises:
        ConfigurationError: It is not installed.
    """
    require_engine(name)
    if name is JqEngine.LIBJQ:
        return LibjqEngine()
    # Its library is loaded only where it runs: some expressions end its process.
    from shared.jq_pyjq import PyjqEngine

    return PyjqEngine()
