"""What a script can do to an answer of PagerDuty, beyond what it can do to any answer."""

from typing import Literal

import orjson
from pydantic import Field
from starlette.responses import Response

from simulators.control import Action
from simulators.pagerduty.pages import Disturbance

ErrorShape = Literal[
    "errors_string", "error_array", "error_string", "errors_map", "empty", "html", "rate_limit_bare"
]

# Source: PagerDuty REST API, Errors; heimweh/go-pagerduty, issues 63, 339, 478; Schedules v3; Rate Limits.
SHAPES: dict[ErrorShape, tuple[int, bytes, str]] = {
    "errors_string": (
        400,
        orjson.dumps(
            {"error": {"message": "Arguments Caused Error", "code": 2002, "errors": "Something is wrong"}}
        ),
        "application/json",
    ),
    "error_array": (400, orjson.dumps({"error": ["Something is wrong", "So is this"]}), "application/json"),
    "error_string": (400, orjson.dumps({"error": "Something is wrong"}), "application/json"),
    "errors_map": (
        400,
        orjson.dumps(
            {
                "error": {
                    "message": "Invalid Input Provided",
                    "code": 2001,
                    "errors": {"limit": ["is too large"]},
                }
            }
        ),
        "application/json",
    ),
    "empty": (502, b"", "application/json"),
    "html": (502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"),
    "rate_limit_bare": (429, b"", "application/json"),
}


class PagerDutyAction(Action):
    """An action with the service's own keys.

    Attributes:
        error: Answer with an error of this odd shape; its status can be set with `status`.
        short_rows: The page of a classic list has this many rows less, and says that there is more.
        empty: The page has no row, and says that there is more.
        null_echo: The page says `limit: null, offset: null`. Source: PagerDuty/pdpyras, issue 61.
        shift: The page begins this many rows later than its offset says (earlier when negative), as when rows
            were deleted (inserted) while a client was paging; the total stays.
    """

    error: ErrorShape | None = None
    short_rows: int = Field(default=0, ge=0)
    empty: bool = False
    null_echo: bool = False
    shift: int = 0

    def answer(self) -> Response | None:
        """Return the answer that the action itself is; None when the service is asked."""
        if self.error is None:
            return super().answer()
        status, body, media_type = SHAPES[self.error]
        return Response(body, status_code=self.status or status, media_type=media_type)

    def disturbance(self) -> Disturbance:
        """Return what happens to the page of a list."""
        return Disturbance(
            short_rows=self.short_rows, empty=self.empty, null_echo=self.null_echo, shift=self.shift
        )
