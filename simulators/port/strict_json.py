"""Reads a request body as JSON and refuses what JSON leaves to luck: NaN, Infinity, repeated keys."""

from __future__ import annotations

import json
from typing import Never

from simulators.port.answers import RefusedError


class _UnacceptableError(ValueError):
    """Raised inside the decoder, where the position is not known."""


def parse_json(body: bytes) -> object:
    """Parses a body.

    Raises:
        RefusedError: 400, the body is not UTF-8, not JSON, or repeats a key within one object. A repeated
            key is valid for many parsers, each of which keeps a different one: no client means to send it.
    """
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, _UnacceptableError, RecursionError) as error:
        raise RefusedError(400, "invalid_request", f"Body is not valid JSON: {error}") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _UnacceptableError(f'key "{repeated}" is repeated')
    return result


def _constant(name: str) -> Never:
    raise _UnacceptableError(f"{name} is not a JSON number")
