"""The shape of a row of the tables of refusals, and the check of one."""

from typing import Any, NamedTuple

from tests.unit.sim_port_client import port_client


class Row(NamedTuple):
    """One request that must be refused, and why (`source` says it in words)."""

    name: str
    method: str
    path: str
    body: Any
    status: int
    error: str
    message: str
    source: str


def entity(**parts: Any) -> dict[str, Any]:
    """An entity of blueprint `app`."""
    return {"identifier": "a", **parts}


async def check_refusal(row: Row) -> None:
    """Sends the request: it must be answered exactly so, and store nothing."""
    async with port_client() as port:
        answer = await port.call(row.method, row.path, row.body)
        assert (answer.status_code, answer.json()) == (
            row.status,
            {"ok": False, "error": row.error, "message": row.message},
        ), row.source
        assert set((await port.writes()).values()) == {0}
