"""Reads what PagerDuty says about an error, in whatever shape it says it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

TEXT_LIMIT_CHARS = 300
_LEVELS = 8


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error in words.

    Attributes:
        code: PagerDuty's own code, e.g. 2002; None: not given.
        text: Message and details in one line, at most `TEXT_LIMIT_CHARS`; empty: nothing readable.
        is_pagerdutys: The body is a JSON object with `error`, as PagerDuty's are and a proxy's page is not.
    """

    code: int | None = None
    text: str = ""
    is_pagerdutys: bool = False


def read_error(body: bytes, clean: Callable[[str], str] = str) -> ErrorBody:
    """Return what a body says; never raises, and never quotes a body that is not JSON.

    Args:
        body: As it came.
        clean: Takes secrets out of the text, before that is cut: a half of one is one, too.

    Documented is `{"error": {"message", "code", "errors": [text]}}`. Seen are `errors` as text or as a map of
    field to texts, `error` as text or as a list of texts, empty bodies and HTML.
    Source: PagerDuty REST API, Errors; PagerDuty/go-pagerduty, issues 63, 339, 478.
    """
    try:
        document = orjson.loads(body)
    except ValueError:
        return ErrorBody()
    error = document.get("error", document) if isinstance(document, dict) else document
    is_its = isinstance(document, dict) and "error" in document
    if not isinstance(error, dict):
        return ErrorBody(text=_cut(clean(_joined([_flat(error)]))), is_pagerdutys=is_its)
    code = error.get("code")
    parts = [_flat(error.get("message")), _flat(error.get("errors"))]
    text = _cut(clean(_joined(parts)))
    return ErrorBody(code=code if isinstance(code, int) else None, text=text, is_pagerdutys=is_its)


def _flat(value: Any, levels: int = _LEVELS) -> str:  # noqa: ANN401 - foreign JSON
    if not levels:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return ", ".join(text for one in value if (text := _flat(one, levels - 1)))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_flat(one, levels - 1)}" for name, one in value.items())
    return ""


def _joined(parts: list[str]) -> str:
    return " ".join(": ".join(part for part in parts if part).split())


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT_CHARS else text[: TEXT_LIMIT_CHARS - 1] + "…"
