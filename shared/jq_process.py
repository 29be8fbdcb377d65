"""Finds what an expression asks of the process it runs in: a mapping has the object and nothing else."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from shared.jq_tokens import NotReadError, Token, tokens_of

_NO_ENVIRONMENT: Final = "a mapping has no environment: it is empty"
_NO_INPUT: Final = "a mapping has the object, which is `.`, and no further input"
_NOBODY: Final = "nobody sees what it writes; it gives its input"
_ENDS: Final = "it gives nothing, as `empty` does"
_SAYS: Final = {
    "env": _NO_ENVIRONMENT,
    "$ENV": _NO_ENVIRONMENT,
    "input": f"{_NO_INPUT}: it fails",
    "inputs": f"{_NO_INPUT}: it gives nothing",
    "input_filename": "a mapping reads no file: it is null",
    "input_line_number": "a mapping reads no file: it fails",
    "debug": _NOBODY,
    "stderr": _NOBODY,
    "halt": _ENDS,
    "halt_error": _ENDS,
    "$__loc__": "it does not tell a place in this file",
}


class Asked(NamedTuple):
    """One thing asked of the process.

    Attributes:
        at: Index in the text.
        says: Its name, and what it gives instead.
    """

    at: int
    says: str


def asks_of_process(text: str) -> Iterator[Asked]:
    """Return what an expression asks of its process, each name once; nothing of one that cannot be read."""
    try:
        tokens = tokens_of(text)
    except NotReadError:
        return
    own = {_called(name) for word, name in pairwise(tokens) if word.value in {"def", "as"}}
    seen: set[str] = set(own)
    for token, following in pairwise(tokens):
        name = _called(token)
        # `{env: 1}` names a key.
        if name in _SAYS and name not in seen and following.value != ":":
            seen.add(name)
            yield Asked(token.start, f"`{name}`: {_SAYS[name]}")


def _called(token: Token) -> str:
    return {"name": token.value, "variable": f"${token.value}"}.get(token.sort, "")
