"""Writes paths of values in a mapping, as messages name them: `resources[2].port.entity`."""

import json
import re
from typing import Final

_INDEX_FREE_KEY: Final = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$@-]*\Z")


def member_path(parent: str, key: str) -> str:
    """Return the path of a member of a mapping."""
    if not _INDEX_FREE_KEY.match(key):
        return f"{parent}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{parent}.{key}" if parent else key


def item_path(parent: str, index: int) -> str:
    """Return the path of an item of a list."""
    return f"{parent}[{index}]"
