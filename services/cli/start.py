"""Starts a command that needs settings: loads them, sets up the log lines, shows the warnings."""

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.settings.loading import Group

logger = logging.getLogger(__name__)

_OF_THE_LISTENER: Final = "OCEAN__EVENT_LISTENER:"


def start(*groups: "Group") -> "Settings":
    """Return the settings, with log lines going to stderr from now on.

    Args:
        groups: Third parties whose credentials the command cannot do without.

    Raises:
        ConfigurationError: A line per mistake or missing setting.
    """
    from shared.logs import configure_logs
    from shared.settings import LogFormat, load_settings, require

    settings = load_settings()
    configure_logs(
        level=settings.log.level,
        json_lines=settings.log.format is LogFormat.JSON,
        secrets=settings.secrets,
    )
    for warning in settings.warnings:
        # How live changes are listened for is of no matter to who only looks.
        if set(groups) == {"pagerduty", "port"} or not warning.startswith(_OF_THE_LISTENER):
            logger.warning(warning)
    require(settings, *groups)
    return settings
