"""Reads settings from the environment and `.env`, where the event listener may be a plain word."""

from pydantic.fields import FieldInfo
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

LISTENER_FIELD = "event_listener"


class EnvironmentSource(EnvSettingsSource):
    """The process environment."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: object) -> object:
        """Read JSON; for the event listener also a plain `ONCE`, which stands for `{"type": "ONCE"}`.

        Raises:
            ValueError: Not JSON.
        """
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            if field_name != LISTENER_FIELD:
                raise
            return {"type": value}


class DotEnvSource(EnvironmentSource, DotEnvSettingsSource):
    """The `.env` file."""
