"""Checks single values as they come from the environment: trimmed texts, secrets, URLs."""

import json
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from shared.errors import ConfigurationError

QUOTES = ("'", '"')
KIND_NAME = re.compile("[a-z0-9_/-]+")


def _trim(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def check_credential(text: str) -> str:
    """Return the text as it is.

    Raises:
        ValueError: It cannot be a credential as it stands; the message does not hold it.
    """
    if len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
        raise ValueError("is wrapped in quotes; give it without them")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("holds a space, a line break or a character that is not ASCII; copy it again")
    return text


def _check_secret(secret: SecretStr) -> SecretStr:
    check_credential(secret.get_secret_value())
    return secret


def _trim_parts(value: object) -> object:
    return ",".join(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _check_secrets(secrets: SecretStr) -> SecretStr:
    parts = secrets.get_secret_value().split(",")
    if len(parts) > 1 and "" in parts:
        raise ValueError("has nothing between two commas, or before or behind one; take the comma out")
    for part in parts:
        check_credential(part)
    return secrets


def check_url(url: str) -> str:
    """Return the URL without trailing slash; an empty one stays empty.

    Raises:
        ValueError: Not http or https, no host, or with parts that a base URL cannot have.
    """
    if not url:
        return url
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL; give one like https://host") from None
    if parts.scheme not in {"http", "https"} or not host or any(sign.isspace() for sign in url):
        raise ValueError("is not an http or https URL; give one like https://host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; take it out, credentials have their own settings")
    if parts.query or parts.fragment:
        raise ValueError("must end after the path; take out what follows `?` or `#`")
    return url.rstrip("/")


def _check_identifier(identifier: str) -> str:
    if "/" in identifier:
        raise ValueError("must not hold `/`; use `-` instead")
    if not identifier.isascii() or not identifier.isprintable() or " " in identifier:
        raise ValueError("must be printable ASCII without spaces; use letters, digits, `-`, `_` and `.`")
    return identifier


def _check_path(path: str) -> str:
    if not path.strip("/"):
        return ""
    if not path.startswith("/") or not path.isascii() or any(sign in "?#% " for sign in path):
        raise ValueError("is not a path; give one like /pagerduty")
    return path.rstrip("/")


def _check_scope(scope: str) -> str:
    name, slash, object_id = scope.partition("/")
    if name == "account" and not slash:
        return scope
    if name in {"service", "team"} and object_id.isascii() and object_id.isalnum():
        return scope
    raise ValueError("must be account, service/<id> or team/<id>")


def _check_servers(servers: str) -> str:
    for server in (part.strip() for part in servers.split(",") if part.strip()):
        host, colon, port = server.rpartition(":")
        if not colon or not host or "/" in host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("must be brokers as host:port, comma-separated, without a scheme")
    return servers


def parse_kind_intervals(text: str) -> dict[str, int]:
    """Return kind to minutes, of `oncalls=15,users=60` or a JSON object.

    Raises:
        ValueError: It is neither, names no kind, or minutes are out of bounds.
    """
    found: dict[str, int] = {}
    for kind, minutes in _kind_intervals(text.strip()):
        if not kind or not KIND_NAME.fullmatch(kind):
            raise ValueError("must name kinds as the mapping does, e.g. oncalls=15")
        if name_problem := _kind_problem(kind):
            raise ValueError(name_problem)
        if not minutes.isascii() or not minutes.isdigit() or not 1 <= int(minutes) <= 525_600:
            raise ValueError(f"must give {kind} whole minutes from 1 to 525600, e.g. {kind}=15")
        found[kind] = int(minutes)
    return found


def _kind_problem(kind: str) -> str:
    """Return why a name is no kind of PagerDuty's, with a near one; empty: it is one."""
    # The table is imported only where the setting is set: settings are loaded by every command.
    from shared.kinds import kind_named

    try:
        kind_named(kind)
    except ConfigurationError as error:
        return f"must name kinds: {error}"
    return ""


def _kind_intervals(text: str) -> list[tuple[str, str]]:
    if not text.startswith("{"):
        parts = (part.partition("=") for part in text.split(",") if part.strip())
        return [(kind.strip(), minutes.strip()) for kind, _, minutes in parts]
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError("is no JSON object; write oncalls=15,users=60") from None
    return [(str(kind), str(minutes)) for kind, minutes in value.items()]


def _check_kind_intervals(text: str) -> str:
    parse_kind_intervals(text)
    return text


def _check_topic_prefix(prefix: str) -> str:
    if not re.fullmatch("[A-Za-z0-9._-]*", prefix):
        raise ValueError("must be letters, digits, dots, dashes and underscores")
    return prefix


Text = Annotated[str, BeforeValidator(_trim)]
Servers = Annotated[str, BeforeValidator(_trim), AfterValidator(_check_servers)]
TopicPrefix = Annotated[str, BeforeValidator(_trim), AfterValidator(_check_topic_prefix)]
Password = Annotated[SecretStr, BeforeValidator(_trim)]
"""Of any characters: not one that we hand out or that travels in a header."""
KindIntervals = Annotated[str, BeforeValidator(_trim), AfterValidator(_check_kind_intervals)]
UrlPath = Annotated[str, BeforeValidator(_trim), AfterValidator(_check_path)]
WebhookScope = Annotated[str, BeforeValidator(_trim), AfterValidator(_check_scope)]
Credential = Annotated[str, BeforeValidator(_trim), AfterValidator(check_credential)]
Secret = Annotated[SecretStr, BeforeValidator(_trim), AfterValidator(_check_secret)]
Secrets = Annotated[SecretStr, BeforeValidator(_trim_parts), AfterValidator(_check_secrets)]
"""Several, comma-separated; none of them holds a comma."""
Url = Annotated[str, BeforeValidator(_trim), AfterValidator(check_url)]
Identifier = Annotated[str, BeforeValidator(_trim), AfterValidator(_check_identifier)]
"""As it is written: the peer keeps its case, so that both name the same integration."""
LowerCase = BeforeValidator(_lower)
UpperCase = BeforeValidator(_upper)
