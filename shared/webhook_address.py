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


def webhook_url(settings: Settings) -> str:
    """Return the address for PagerDuty; empty: no public address is set, so no subscription is kept.

    The prefix is not added twice: it may stand at the end of the public address already.
    """
    base = settings.base_url or settings.integration.config.app_host
    if not base:
        return ""
    prefix = "" if base.endswith(settings.path_prefix) else settings.path_prefix
    return base + prefix + PATH
