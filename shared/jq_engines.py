"""Opens the JQ engine that a setting names."""

from shared.errors import ConfigurationError
from shared.jq_choice import JqEngine, installed_engine
from shared.jq_engine import Engine, LibjqEngine


def require_engine(name: JqEngine) -> None:
    """See that an engine is installed.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        installed_engine(name)
    except ValueError as error:
        raise ConfigurationError(f"OCEAN__MAPPER__ENGINE: '{name}' {error}") from None


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
