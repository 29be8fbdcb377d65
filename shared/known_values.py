"""Knows the values that PagerDuty documents for parameters of its lists; it may accept more by now."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

_STATUSES: Final = ("triggered", "acknowledged", "resolved")
KNOWN: Final[Mapping[tuple[str, str], tuple[str, ...]]] = MappingProxyType(
    {
        # Source: PagerDuty REST API, List incidents; "more statuses may be introduced in the future".
        ("incidents", "statuses"): _STATUSES,
        ("incidents", "urgencies"): ("high", "low"),
        # Source: PagerDuty REST API, List maintenance windows.
        ("maintenance_windows", "filter"): ("past", "future", "ongoing", "open", "all"),
    }
)
"""Kind and parameter to values. `sort_by` is not among them: a listing has its own order."""


def unknown_values(kind: str, params: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Return parameters with a value that PagerDuty does not document, and what to say of each."""
    for name, value in params.items():
        known = KNOWN.get((kind, name))
        if known is None or value is None:
            continue
        given = value if isinstance(value, list) else [value]
        strange = [str(one) for one in given if one not in known]
        if strange:
            takes = ", ".join(known)
            yield name, f"PagerDuty may refuse {', '.join(strange)}; the values it documents are: {takes}"
