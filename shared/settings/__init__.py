"""Holds the settings: what may be set, how it is read, how it is shown."""

from shared.settings.choices import Deletes, EventListenerType, LogFormat, LogLevel
from shared.settings.loading import ENV_FILE, load_settings, require
from shared.settings.model import Settings
from shared.settings.table import SettingRow, settings_table

__all__ = [
    "ENV_FILE",
    "Deletes",
    "EventListenerType",
    "LogFormat",
    "LogLevel",
    "SettingRow",
    "Settings",
    "load_settings",
    "require",
    "settings_table",
]
