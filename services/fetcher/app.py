"""Is the fetcher as a FastStream app: `pagerport fetcher` or `faststream run services.fetcher.app:app`."""

from services.fetcher.assembly import open_fetcher
from shared.errors import ConfigurationError
from shared.service.app import ServiceApp, app_or_exit, build_app
from shared.settings import EventListenerType, Settings


def create_app() -> ServiceApp:
    """Return the app as the environment sets it up.

    Raises:
        ConfigurationError: A line per mistake or missing setting, or a setting asks for one run only.
    """
    return build_app("fetcher", open_fetcher, "pagerduty", "port", check=_refuse_once)


def _refuse_once(settings: Settings) -> None:
    # What keeps containers alive would start it again and again, and each start would be a whole resync.
    if settings.event_listener.type is EventListenerType.ONCE:
        raise ConfigurationError(
            "OCEAN__EVENT_LISTENER: is ONCE, but a fetcher runs until it is stopped; take `pagerport sync` "
            "for one run (it needs no Kafka), or POLLING here and `pagerport resync --wait` for each run"
        )


def __getattr__(name: str) -> ServiceApp:
    # Made when it is asked for: nothing runs at import.
    if name == "app":
        return app_or_exit(create_app)
    raise AttributeError(name)
