"""Knows what is secret in the headers that a collector of traces is sent."""

import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
"""Source: OpenTelemetry specification, OTLP exporter configuration."""


def header_secrets(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return what no message may hold of the headers that a collector is sent: the values in all their forms.

    The variables may be wrong in any part, for just then they are quoted in warnings.
    """
    found: list[str] = []
    for name in HEADERS:
        for pair in environment.get(name, "").split(","):
            value = re.split("[=:]", pair, maxsplit=1)[-1].strip()
            for text in (value, unquote(value)):
                found += [text, text.rpartition(" ")[2]]
    return tuple(dict.fromkeys(text for text in found if text))
