"""Adds who is on call now: the rows of PagerDuty's on-calls that belong to an escalation policy."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import orjson

from schemas.run import KindState
from services.fetcher.enrichment.interface import Named, Row
from services.fetcher.enrichment.shelf import Shelf
from services.fetcher.enrichment.whole_list import WholeList
from shared.object_ids import of_field

QUERY = (("include[]", "users"), ("time_zone", "UTC"))
"""Without bounds PagerDuty gives those of now. Source: PagerDuty REST API, List on-calls."""
POLICIES_AT_ONCE = 50
"""Policies named in one request: keeps its address near 2 KB."""
_LEVEL_DIGITS = 6
_IDENTIFY = of_field("id")

PolicyOf = Callable[[Row], str | None]


@dataclass(frozen=True, slots=True)
class FoundOncalls:
    """On-calls of some policies.

    Attributes:
        rows: Policy to its rows, as the text of a JSON list.
        missing: Policy to the reason why its rows cannot be had.
        requests: Requests that this took; what was read before takes none.
    """

    rows: Mapping[str, bytes]
    missing: Mapping[str, str]
    requests: int


class Oncalls:
    """On-calls by escalation policy, each read once per run and shared by all who need them.

    The whole list is read where objects are not filtered; else, and where it cannot be read whole (more than
    PagerDuty pages through), the policies are asked for as they come, some in one request.

    Args:
        oncalls: Reads the list.
        whole: Whether the whole list is worth reading.
    """

    def __init__(self, oncalls: WholeList, *, whole: bool) -> None:
        self._list = oncalls
        self._whole = whole
        self._is_read = False
        self._asked: set[str] = set()
        self._missing: dict[str, str] = {}
        self._off = ""
        self._shelf = Shelf()
        self._lock = asyncio.Lock()
        self._requests = 0

    def close(self) -> None:
        """Forget them."""
        self._shelf.close()

    async def of(self, policies: Collection[str]) -> FoundOncalls:
        """Return the rows of policies.

        Rows are in the order of their level, those of one level in that of their ids: PagerDuty promises no
        order, and pages are read side by side.
        """
        async with self._lock:
            before = self._requests
            await self._read(policies)
            requests = self._requests - before
        if self._off:
            return FoundOncalls({}, dict.fromkeys(policies, self._off), requests)
        held = self._shelf.get(policies)
        rows = {
            one: b"[" + b",".join(held.get(one, ())) + b"]" for one in policies if one not in self._missing
        }
        missing = {one: self._missing[one] for one in policies if one in self._missing}
        return FoundOncalls(rows, missing, requests)

    async def _read(self, policies: Collection[str]) -> None:
        if self._whole and not self._is_read and not self._off:
            self._whole = await self._read_list(()) is KindState.COMPLETE
            self._is_read = self._whole
            if not self._whole:
                self._shelf.clear()
        if self._is_read:
            return
        unknown = sorted(set(policies) - self._asked)
        for start in range(0, len(unknown), POLICIES_AT_ONCE):
            if self._off:
                return
            batch = unknown[start : start + POLICIES_AT_ONCE]
            await self._read_list(batch)
            self._asked.update(batch)

    async def _read_list(self, policies: Sequence[str]) -> KindState:
        """Read the on-calls of some policies; none named: of all."""
        query = (*QUERY, *(("escalation_policy_ids[]", one) for one in policies))
        result = await self._list.read(query, self._keep)
        self._requests += result.requests
        if result.state is KindState.INCOMPLETE:
            self._missing.update(dict.fromkeys(policies, result.reason))
        elif result.state is not KindState.COMPLETE:
            self._off = result.reason
        return result.state

    def _keep(self, oncalls: Sequence[tuple[str, bytes]]) -> None:
        self._shelf.put((*_place(oncall_id), text) for oncall_id, text in oncalls)


def _place(oncall_id: str) -> tuple[str, str]:
    """Return policy and rank of a row. Its id begins with policy and level: `shared.object_ids.of_oncall`."""
    policy, level, _ = oncall_id.split("|", 2)
    return policy, f"{level:>{_LEVEL_DIGITS}}|{oncall_id}"


class OncallPart:
    """Adds the on-calls of its policy to each object; an object without a policy has none.

    Args:
        key: The key.
        oncalls: Where they come from.
        policy_of: Gives the policy of an object.
    """

    def __init__(self, key: str, oncalls: Oncalls, policy_of: PolicyOf) -> None:
        self.key = key
        self.requests = 0
        self._oncalls = oncalls
        self._policy_of = policy_of

    async def add(self, rows: Sequence[Named]) -> Mapping[str, str]:
        """See `Part`."""
        policies = {object_id: self._policy_of(row) for object_id, row in rows}
        found = await self._oncalls.of({one for one in policies.values() if one is not None})
        self.requests += found.requests
        lacking: dict[str, str] = {}
        for object_id, row in rows:
            policy = policies[object_id]
            if policy is None:
                row[self.key] = []
            elif policy in found.missing:
                lacking[object_id] = found.missing[policy]
            else:
                row[self.key] = orjson.Fragment(found.rows[policy])
        return lacking


def policy_of_service(row: Row) -> str | None:
    """Return the id of a service's escalation policy. Defensive: one has been seen without."""
    return _IDENTIFY(row.get("escalation_policy"))


def policy_itself(row: Row) -> str | None:
    """Return the id of an escalation policy."""
    return _IDENTIFY(row)
