"""Loads the settings and refuses mistakes with one line each."""

import difflib
import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import ValidationError
from pydantic_settings import SettingsError

from shared.errors import ConfigurationError
from shared.settings.choices import EventListenerType
from shared.settings.mistakes import json_mistakes, validation_mistakes
from shared.settings.model import PREFIX, Settings
from shared.settings.names import groups, variables
from shared.settings.peer_names import is_ignored, unheeded

ENV_FILE: Final = Path(".env")
CLOSENESS = 0.85
"""From this likeness on an unknown name is taken for a slip of the pen."""

Group = Literal["pagerduty", "port"]
_REQUIRED: Mapping[Group, tuple[str, ...]] = {
    "pagerduty": ("OCEAN__INTEGRATION__CONFIG__TOKEN",),
    "port": ("OCEAN__PORT__CLIENT_ID", "OCEAN__PORT__CLIENT_SECRET"),
}
_WHERE_FROM = {
    "OCEAN__INTEGRATION__CONFIG__TOKEN": "a PagerDuty REST API key (Integrations, API Access Keys)",
    "OCEAN__PORT__CLIENT_ID": "Port's client id (Port, Credentials)",
    "OCEAN__PORT__CLIENT_SECRET": "Port's client secret (Port, Credentials)",
}


def load_settings(env_file: Path | None = ENV_FILE) -> Settings:
    """Read the environment and the file.

    Args:
        env_file: File of `NAME=value` lines; None: no file. Only the default one may be missing.

    Raises:
        ConfigurationError: One line per mistake, with the variable, what is wrong and how to mend it.
    """
    flat, sources = _read_flat(env_file)
    mistakes = json_mistakes(flat)
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as error:
        raise ConfigurationError("\n".join(validation_mistakes(error))) from None
    except SettingsError as error:
        raise ConfigurationError(f"settings cannot be read: {error}; see `pagerport settings`") from None
    settings._warnings = (
        *_unknown(flat),
        *_in_clear(settings),
        *_login_in_clear(settings),
        *_replaced_listener(settings),
        *unheeded(flat),
    )
    settings._sources = sources
    return settings


def require(settings: Settings, *groups: Group) -> None:
    """Refuse to go on without the credentials of a third party.

    Raises:
        ConfigurationError: One line per missing variable.
    """
    held = {
        "OCEAN__INTEGRATION__CONFIG__TOKEN": settings.integration.config.token.get_secret_value(),
        "OCEAN__PORT__CLIENT_ID": settings.port.client_id,
        "OCEAN__PORT__CLIENT_SECRET": settings.port.client_secret.get_secret_value(),
    }
    missing = [
        f"{name}: is missing; set it to {_WHERE_FROM[name]}, in the environment or in {ENV_FILE}"
        for group in groups
        for name in _REQUIRED[group]
        if not held[name]
    ]
    if missing:
        raise ConfigurationError("\n".join(missing))


def _read_flat(env_file: Path | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return every variable with our prefix in upper case: its value, and where it was found."""
    values: dict[str, str] = {}
    sources: dict[str, str] = {}
    for source, pairs in ((str(env_file), _read_file(env_file)), ("environment", os.environ)):
        for name, value in pairs.items():
            if name.upper().startswith(PREFIX) and value:
                values[name.upper()] = value
                sources[name.upper()] = source
    return values, sources


def _read_file(env_file: Path | None) -> Mapping[str, str | None]:
    """Read `NAME=value` lines.

    Raises:
        ConfigurationError: The file cannot be read, or a line is not understood.
    """
    if env_file is None or (env_file == ENV_FILE and not env_file.exists()):
        return {}
    try:
        with env_file.open(encoding="utf-8") as stream:
            broken = [binding.original.line for binding in parse_stream(stream) if binding.error]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{env_file}: cannot be read ({reason}); mend or remove it") from None
    if broken:
        lines = [f"{env_file}:{line}: is not understood; write NAME=value" for line in broken]
        raise ConfigurationError("\n".join(lines))
    return dotenv_values(env_file, encoding="utf-8")


def _unknown(flat: Mapping[str, str]) -> list[str]:
    """Return a warning for each unknown name that is close to one of ours."""
    known = [*(variable.name for variable in variables()), *groups()]
    found = []
    for name in sorted(flat):
        if name in known or is_ignored(name):
            continue
        if close := difflib.get_close_matches(name, known, n=1, cutoff=CLOSENESS):
            found.append(f"{name}: is not a setting and is ignored; did you mean {close[0]}?")
    return found


def _in_clear(settings: Settings) -> list[str]:
    """Return a warning for each remote host that would get credentials over plain HTTP."""
    urls = {
        "OCEAN__PORT__BASE_URL": settings.port.base_url,
        "OCEAN__INTEGRATION__CONFIG__API_URL": settings.integration.config.api_url,
    }
    return [
        f"{name}: is http, so credentials travel unencrypted; use https"
        for name, url in urls.items()
        if url.startswith("http://") and not _is_loopback(urlsplit(url).hostname or "")
    ]


def _login_in_clear(settings: Settings) -> list[str]:
    """Return a warning if a remote Kafka would get a password unencrypted."""
    kafka = settings.kafka
    hosts = [server.rpartition(":")[0] for server in kafka.servers]
    if not kafka.security_protocol.has_login or kafka.security_protocol.has_tls:
        return []
    if all(_is_loopback(host) for host in hosts):
        return []
    return [
        "OCEAN__KAFKA__SECURITY_PROTOCOL: is SASL_PLAINTEXT, so messages and login travel unencrypted; "
        "use SASL_SSL"
    ]


def _replaced_listener(settings: Settings) -> list[str]:
    """Return a warning for an event listener of the peer that pagerport has no need of."""
    chosen = settings.event_listener.type
    if chosen in {EventListenerType.POLLING, EventListenerType.ONCE}:
        return []
    return [f"OCEAN__EVENT_LISTENER: {chosen} is run as POLLING; a `sync` runs once either way"]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
