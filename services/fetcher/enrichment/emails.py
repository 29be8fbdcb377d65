"""Adds the e-mail of each user that a schedule names."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.run import KindState
from services.fetcher.enrichment.interface import Named, Row
from services.fetcher.enrichment.shelf import Shelf
from services.fetcher.enrichment.whole_list import WholeList
from shared.enrichment import USER_EMAIL


@dataclass(frozen=True, slots=True)
class FoundEmails:
    """E-mails of some users.

    Attributes:
        emails: User to e-mail, as PagerDuty has it.
        shortcoming: Why a user that was not found may exist all the same; empty: it does not.
        requests: Requests that this took; what was read before takes none.
    """

    emails: Mapping[str, Any]
    shortcoming: str
    requests: int


class Emails:
    """E-mails by user id, read once per run."""

    def __init__(self, users: WholeList) -> None:
        self._list = users
        self._shelf = Shelf()
        self._lock = asyncio.Lock()
        self._is_read = False
        self._shortcoming = ""

    def close(self) -> None:
        """Forget them."""
        self._shelf.close()

    async def of(self, users: Collection[str]) -> FoundEmails:
        """Return the e-mails of users."""
        async with self._lock:
            requests = 0 if self._is_read else await self._read()
        held = self._shelf.get(users)
        emails = {user: orjson.loads(values[0]) for user, values in held.items()}
        return FoundEmails(emails, self._shortcoming, requests)

    async def _read(self) -> int:
        """Read the list of users and return how many requests that took."""
        result = await self._list.read((), self._keep)
        self._is_read = True
        self._shortcoming = "" if result.state is KindState.COMPLETE else result.reason
        return result.requests

    def _keep(self, users: Sequence[tuple[str, bytes]]) -> None:
        self._shelf.put(
            (user_id, "", orjson.dumps(orjson.loads(text).get("email"))) for user_id, text in users
        )


class EmailPart:
    """Adds `__email` to the users of schedules. A deleted user, still named by its schedule, gets none."""

    def __init__(self, emails: Emails) -> None:
        self.key = USER_EMAIL
        self.requests = 0
        self._emails = emails

    async def add(self, rows: Sequence[Named]) -> Mapping[str, str]:
        """See `Part`; a schedule lacks the key when it is unknown for any of its users."""
        named = {object_id: _users(row) for object_id, row in rows}
        found = await self._emails.of({user["id"] for users in named.values() for user in users})
        self.requests += found.requests
        lacking: dict[str, str] = {}
        for object_id, users in named.items():
            for user in users:
                if user["id"] in found.emails:
                    user[self.key] = found.emails[user["id"]]
                elif found.shortcoming:
                    lacking[object_id] = found.shortcoming
        return lacking


def _users(row: Row) -> list[Row]:
    users = row.get("users")
    listed = users if isinstance(users, list) else []
    return [user for user in listed if isinstance(user, dict) and isinstance(user.get("id"), str)]
