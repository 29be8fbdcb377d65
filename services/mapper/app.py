"""Is the mapper as a FastStream app: `pagerport mapper` or `faststream run services.mapper.app:app`."""

from services.mapper.service import open_mapper
from shared.service.app import ServiceApp, app_or_exit, build_app


def create_app() -> ServiceApp:
    """Return the app as the environment sets it up.

    Raises:
        ConfigurationError: A line per mistake or missing setting.
    """
    return build_app("mapper", open_mapper)


def __getattr__(name: str) -> ServiceApp:
    # Made when it is asked for: nothing runs at import.
    if name == "app":
        return app_or_exit(create_app)
    raise AttributeError(name)
