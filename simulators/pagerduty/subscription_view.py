"""What is shown of a subscription leaves out its secret and the values of its headers."""

from typing import Any

Row = dict[str, Any]
REDACTED = "-- redacted --"


def shown(row: Row, *, is_listed: bool) -> Row:
    """Return a subscription as a GET shows it: no secret, no values of headers; lists say less."""
    method = {name: part for name, part in row["delivery_method"].items() if name != "disabled_at"}
    method["secret"] = None
    method["custom_headers"] = [
        {"name": header["name"], "value": REDACTED} for header in method.get("custom_headers", ())
    ]
    if is_listed:
        # Source: PagerDuty REST API, List webhook subscriptions: the example has no such key.
        method.pop("temporarily_disabled", None)
    return {**row, "delivery_method": method}
