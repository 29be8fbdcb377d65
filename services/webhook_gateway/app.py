"""Is the webhook gateway as an app: `pagerport gateway`, or `faststream run` of `app` here."""

from services.webhook_gateway.service import open_gateway
from shared.service.app import ServiceApp, app_or_exit, build_app


def create_app() -> ServiceApp:
    """Return the app as the environment sets it up.

    Raises:
        ConfigurationError: A line per mistake or missing setting.
    """
    return build_app("gateway", open_gateway)


def __getattr__(name: str) -> ServiceApp:
    # Made when it is asked for: nothing runs at import.
    if name == "app":
        return app_or_exit(create_app)
    raise AttributeError(name)
