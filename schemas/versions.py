"""Says which schema version this code writes and how a reader meets another one."""

import re
from typing import Final

import orjson

_VERSION: Final = re.compile(r"[0-9]{1,9}")
SCHEMA_VERSION = 1
"""Version of every message this release writes. Raised only when an old reader would misread a message.

Readers ignore unknown fields, so a new optional field is no new version. A record of a newer version than
the reader knows is left where it is (its partition is held), never guessed at.
"""


def version_of(value: bytes | None) -> int:
    """Return the schema version of a value that may be anything; 0: it has none."""
    try:
        document = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return 0
    version = document.get("schema_version") if isinstance(document, dict) else None
    return version if type(version) is int else 0


def newer_version(text: str) -> int | None:
    """Return the version a header names where it is newer than this release knows; else None."""
    if not _VERSION.fullmatch(text):
        return None
    version = int(text)
    return version if version > SCHEMA_VERSION else None
