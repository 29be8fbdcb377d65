"""Makes the calls about our integration object in Port: what holds the mapping and the state of resyncs.

Some of them are Port's own and not documented, so they may be missing or refused: callers do without.
Source: Ocean framework, Port client.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from shared.errors import RetryableError
from shared.port.answer import Answer
from shared.port.call import Call
from shared.port.final_answer import failure_text, require_ok
from shared.port.persistence import Weight
from shared.port.transport import PortTransport

SKIP_RESYNC: Final = (("x-skip-resync", "true"),)
"""A mapping that we put there ourselves asks for no resync."""
_NOT_THERE: Final = frozenset({400, 404, 405, 422})
_CONFLICT: Final = 409


class IntegrationCalls:
    """The calls. Every one raises what `PortTransport.call` raises, and RetryableError while Port fails.

    Args:
        transport: Sends them.
        identifier: Integration identifier.
    """

    def __init__(self, transport: PortTransport, identifier: str) -> None:
        self._transport = transport
        self._path = integration_path(identifier)

    async def read(self) -> dict[str, Any] | None:
        """Return the object; None: there is none."""
        answer = await self._call("GET", self._path)
        return None if answer is None else _object(answer, "integration")

    async def create(self, body: Mapping[str, Any]) -> bool:
        """Create the object; False: there is one.

        Raises:
            RejectedError: Port refuses it.
        """
        call = _call("POST", "/v1/integration", body)
        answer = await self._transport.call(call)
        if answer.status == _CONFLICT:
            return False
        require_ok(call, answer, self._transport.redact)
        return True

    async def update(self, parts: Mapping[str, Any]) -> None:
        """Change top-level parts of the object; none would ask for a resync.

        Raises:
            RejectedError: Port refuses them.
        """
        call = _call("PATCH", self._path, parts)
        require_ok(call, await self._transport.call(call), self._transport.redact)

    async def put_mapping(self, config: Mapping[str, Any]) -> None:
        """Put a mapping into the object without asking for a resync.

        Raises:
            RejectedError: Port refuses it.
        """
        call = _call("PATCH", f"{self._path}/config", {"config": config}, SKIP_RESYNC)
        require_ok(call, await self._transport.call(call), self._transport.redact)

    async def report(self, state: Mapping[str, Any]) -> None:
        """Say how the last resync stands.

        Raises:
            RejectedError: Port refuses it, or has no such route.
        """
        call = _call("PATCH", f"{self._path}/resync-state", state, may_lack_route=True)
        require_ok(call, await self._transport.call(call), self._transport.redact)

    async def resync_request(self) -> dict[str, Any] | None:
        """Return the last resync that somebody asked Port for: `id`, `updatedAt`; None: there was none."""
        answer = await self._call("GET", f"{self._path}/resync-request", may_lack_route=True)
        found = None if answer is None or answer.data is None else answer.data.get("request")
        return found if isinstance(found, dict) else None

    async def _call(self, method: str, path: str, *, may_lack_route: bool = False) -> Answer | None:
        call = _call(method, path, may_lack_route=may_lack_route)
        answer = await self._transport.call(call)
        if answer.status in _NOT_THERE and not answer.transient:
            return None
        if not answer.ok:
            raise RetryableError(failure_text(call, answer, self._transport.redact))
        return answer


def integration_path(identifier: str) -> str:
    """Return the path of an integration object."""
    return f"/v1/integration/{quote(identifier, safe='')}"


def _call(
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    *,
    may_lack_route: bool = False,
) -> Call:
    return Call(
        method=method,
        path=path,
        family="other",
        body=None if body is None else orjson.dumps(body),
        weight=Weight.OPTIONAL,
        headers=headers,
        may_lack_route=may_lack_route,
    )


def _object(answer: Answer, name: str) -> dict[str, Any] | None:
    value = answer.data.get(name) if answer.data is not None else None
    return value if isinstance(value, dict) else None
