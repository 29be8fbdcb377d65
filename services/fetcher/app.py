"""Is the fetcher as a FastStream app: `pagerport fetcher` or `faststream run services.fetcher.app:app`."""

from services.fetcher.assembly import open_fetcher
from shared.service.app import ServiceApp, app_or_exit, build_app


def create_app() -> ServiceApp:
    """Return the app as the environment sets it up.

    Raises:
        ConfigurationError: A line per mistake or missing setting.
    """
    return build_app("fetcher", open_fetcher, "pagerduty", "port")


def __getattr__(name: str) -> ServiceApp:
    # Made when it is asked for: nothing runs at import.
    if name == "app":
        return app_or_exit(create_app)
    raise AttributeError(name)
