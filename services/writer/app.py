"""Is the writer as a FastStream app: `pagerport writer` or `faststream run services.writer.app:app`."""

from services.writer.service import open_writer
from shared.service.app import ServiceApp, app_or_exit, build_app


def create_app() -> ServiceApp:
    """Return the app as the environment sets it up.

    Raises:
        ConfigurationError: A line per mistake or missing setting.
    """
    return build_app("writer", open_writer, "port")


def __getattr__(name: str) -> ServiceApp:
    # Made when it is asked for: nothing runs at import.
    if name == "app":
        return app_or_exit(create_app)
    raise AttributeError(name)
