"""Opens the mapper's workers for a command, with the engine and the patience that a sync would have."""

from services.mapper.pool import WorkerPool
from shared.settings import load_settings


def open_workers() -> WorkerPool:
    """Return a pool of one worker; no credentials are needed.

    Raises:
        ConfigurationError: A setting is wrong, such as an engine that is not installed.
    """
    jq = load_settings().mapper
    return WorkerPool(1, batch_timeout_s=jq.batch_timeout_s, engine=jq.engine)
