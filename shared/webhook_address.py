"""Says at which paths webhooks are taken, and the address by which PagerDuty finds them."""

from typing import Final

from shared.settings import Settings

PATH: Final = "/integration/webhook"
"""The peer's. Source: Ocean framework, live events."""


def webhook_paths(settings: Settings) -> tuple[str, ...]:
    """Return the paths that take webhooks; the second one, if any, is taken as it was given."""
    second = settings.webhook.second_path
    first = settings.path_prefix + PATH
    return (first, second) if second and second != first else (first,)


def live_changes(settings: Settings) -> str:
    """Return in one line whether PagerDuty tells of changes, and if not, what to do about it."""
    if url := webhook_url(settings):
        return f"live changes: on; PagerDuty is to send its webhooks to {url}, which the fetcher looks after"
    if settings.integration.config.webhook_secrets:
        return (
            "live changes: by a subscription made by hand, as OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET is "
            "set; the fetcher looks after none, for OCEAN__BASE_URL is not set"
        )
    return (
        "live changes: off, for OCEAN__BASE_URL is not set: what changes is seen by the next resync; set it "
        "to the public address of the webhook gateway to have them in seconds"
    )


def webhook_url(settings: Settings, *, base: str = "") -> str:
    """Return the address for PagerDuty; empty: no public address is set, so no subscription is kept.

    The prefix is not added twice: it may stand at the end of the public address already.

    Args:
        settings: Public address and prefix.
        base: Instead of the public address of the settings.
    """
    base = base or settings.base_url or settings.integration.config.app_host
    if not base:
        return ""
    prefix = "" if base.endswith(settings.path_prefix) else settings.path_prefix
    return base + prefix + PATH
