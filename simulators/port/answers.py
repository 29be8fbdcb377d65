"""Says what a handler can answer: a value with its status, or a refusal in Port's error shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TOO_LARGE_TEXT = "Request body is too large (limit is 1MiB)"  # Source: Port API, OpenAPI, 413 of every route


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that is not a refusal.

    Attributes:
        status: HTTP status.
        body: A JSON value.
    """

    status: int
    body: object


class RefusedError(Exception):
    """A request, or one item of a bulk, that Port refuses.

    Attributes:
        status: HTTP status of the request, or `statusCode` of the item.
        error: Port's error code, for example `not_found`.
        message: What is wrong, with the JSON path in double quotes first.
        headers: Response headers that belong to this refusal.
    """

    def __init__(
        self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status = status
        self.error = error
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """Gives the error body.

        Source: Port API, OpenAPI: ok, error and message, nothing else.
        """
        return {"ok": False, "error": self.error, "message": self.message}


def invalid(path: str, text: str) -> RefusedError:
    """Makes the 422 for a value that breaks a schema.

    Args:
        path: JSON path of the value, keys joined by `/`, for example `entities/3/title`.
        text: What the value must be, in the words of a JSON schema validator.

    Source: Port MCP server, issue 57, and Ocean, issue 487: `"query" must have required property
        'combinator'`.
    """
    return RefusedError(422, "invalid_request", f'"{path}" {text}')


def not_found(message: str) -> RefusedError:
    """Makes the 404 for a blueprint, an entity, an integration or a relation target that is not there."""
    return RefusedError(404, "not_found", message)


def entity_not_found(blueprint: str, identifier: str) -> RefusedError:
    """Makes the 404 for an entity that is not there."""
    return not_found(f'Entity with identifier "{identifier}" of blueprint "{blueprint}" was not found')


def conflict(message: str) -> RefusedError:
    """Makes the 409 for creating what exists."""
    return RefusedError(409, "conflict", message)
