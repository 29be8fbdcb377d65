"""Reads the numbers that hosts write into their headers."""

import math


def finite_number(text: str | None) -> float | None:
    """Return the number of a header; None: none that can be reckoned with (`nan`, `inf`, `1e999`, `²`)."""
    if text is None or not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
